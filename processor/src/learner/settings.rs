//! What an operator chooses about learning: which cities there are, what is known of them to begin
//! with, and how often what was learned is shared. Files are read by `cities`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use service::parse_duration;

use crate::eta::City;

/// How times of arrival are learned.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Times of arrival")]
pub struct Settings {
    /// City that learns by itself, by the clocks of its time zone: all within a radius of a place, as in
    /// `sf=37.77,-122.42,80,America/Los_Angeles`. May be given several times; of two cities that have a
    /// place the first counts. What begins in none of them is learned as `everywhere`, where clocks
    /// follow the sun. All processors on a storage need the same. All fleets teach and ask the same cities, whose models hold no names of people,
    /// vehicles or fleets. A city takes at most 24 MB for what it remembers and 1 MB for what
    /// predicts, however many fleets, rides and shards there are.
    #[arg(long = "city", value_name = "NAME=LAT,LNG,RADIUS_KM,ZONE")]
    pub cities: Vec<City>,
    /// File of a model to begin with, as `hansom learn` writes it; its city need not be named by --city.
    /// May be given several times. What the processors have learned by themselves is kept and goes on
    /// beside it.
    #[arg(long = "model", value_name = "FILE")]
    pub models: Vec<PathBuf>,
    /// Time between two lessons at most: then what drives have taught goes to the model of their city,
    /// beside the state, and what other processors have learned comes from there. All predict with what
    /// was learned until twice as long ago.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_interval)]
    pub learn_interval: Duration,
    /// Whether it learns from drives. Where it does not, it predicts by the models of --model alone, and
    /// else by a formula.
    #[arg(long, value_name = "WHETHER", default_value = "on")]
    pub learning: Learning,
}

/// Whether a processor learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Learning {
    /// From all drives that end.
    On,
    /// Drives teach nothing.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cities: Vec::new(),
            models: Vec::new(),
            learn_interval: Duration::from_mins(5),
            learning: Learning::On,
        }
    }
}

/// Reads a time between two lessons.
fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("lessons need some time between them: 1m is little".to_owned()),
        interval => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        settings: Settings,
    }

    fn read(flags: &str) -> Result<Settings, String> {
        let words = ["program"].into_iter().chain(flags.split_whitespace());
        let program = Program::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(program.settings)
    }

    #[test]
    fn cities_and_models_may_be_several_and_what_is_left_out_is_the_default() {
        let given = "--city a=1,2,3,UTC --city b=4,5,6,Europe/Berlin --model m --model n";
        let settings = read(given).unwrap();
        let names: Vec<_> = settings.cities.iter().map(City::name).collect();
        assert_eq!((names, settings.models.len()), (vec!["a", "b"], 2));
        let (none, usual) = (read("").unwrap(), Settings::default());
        assert_eq!(format!("{none:?}"), format!("{usual:?}"));
        assert_eq!(read("--learning off").unwrap().learning, Learning::Off);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (flags, reason) in [
            ("--city sf", "NAME=LAT"),
            ("--city sf=1,2,3,Mars/Base", "no time zone"),
            ("--learn-interval 0s", "some time"),
            ("--learning maybe", "on, off"),
        ] {
            let error = read(flags).unwrap_err();
            assert!(error.contains(reason), "{flags}: {error}");
        }
    }
}
