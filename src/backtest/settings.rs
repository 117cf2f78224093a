//! The settings of the backtest; the doc comments are its manual.

use std::path::PathBuf;

use clap::Args;
use processor::eta::City;
use schemas::Timestamp;

use crate::history;

/// Says how good predictions are: plays recorded rides, and compares what riders would have seen with
/// what happened.
///
/// The history is played, all vehicles together in the order of time, to the code that follows rides
/// live. At every ping with a rider on board, what the cache then shows is compared with the time that
/// it really took. Without --model it learns while it plays, as a service does; with one it does not,
/// unless told --learn.
///
/// --json writes an object with `pings`, `trips`, `without_eta_pct` (pings at which nothing was shown);
/// of the error (shown less real) `mae_s` (mean, absolute), `mape_pct` (the same in percent, where 60 s
/// or more were left), `median_s` and `p90_s` (absolute), `bias_s` (mean); `coverage_50`, `coverage_80`
/// and `coverage_90` (percent of pings within the interval) and `width_50_s` to `width_90_s` (mean width
/// of it). The same again under `at_pickup` (first ping of each ride), `five_minutes_out` (the ping
/// nearest to 300 s before the drop-off, within 45 s), and in the lists `by_remaining` (by what was
/// shown as left) and `by_actual_remaining` with `from_s` and `to_s`. `stability_s` is how far the shown
/// time of arrival moves from ping to ping (mean, absolute), `calibration` lists for each `share` of
/// drives that was to have ended how many had (`actual`); `seconds` is how long playing took,
/// `us_per_ping` how long a ping took.
///
/// With --faults the same is played once more, with one ping in ten lost, one in ten 30 to 120 s late,
/// 5 % repeated and 0.5 % off by kilometres: `faulty` has the same figures at the moments when pings
/// came, and `mae_cost_pct`, by how much the mean error grew; `same_moments_mae_s` and
/// `same_moments_cost_pct` are of the moments of all pings, late, lost or not; `same_ride_states` is
/// whether all rides ended in the same phases at the same times.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment here would replace the command's own"
    )]
    pub history: history::Settings,
    /// Scores rides that begin then or later; what was before is played, and learned with --learn.
    #[arg(long, value_name = "TIME", value_parser = history::parse_moment)]
    pub since: Option<Timestamp>,
    /// Predicts with this model.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Of which city the model is, if there is none yet, as `hansom learn --city` takes it.
    #[arg(long, value_name = "CITY")]
    pub city: Option<City>,
    /// Learns from each drive that has ended.
    #[arg(long, conflicts_with = "no_learn")]
    pub learn: bool,
    /// Does not; without a model it predicts by the formula alone.
    #[arg(long)]
    pub no_learn: bool,
    /// Plays it once more with faults.
    #[arg(long)]
    pub faults: bool,
    /// Decides what goes wrong.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub seed: u64,
    /// Draws `calibration.svg` and `error.svg` there.
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Writes the figures there.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Whether what is played teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learning {
    /// Every drive that ends does.
    Goes,
    /// The model stays as it is.
    Rests,
}

impl Settings {
    pub(super) fn learning(&self) -> Learning {
        let is_new = self.model.is_none() && !self.no_learn;
        if self.learn || is_new {
            Learning::Goes
        } else {
            Learning::Rests
        }
    }
}
