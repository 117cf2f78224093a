//! The settings of learning; the doc comments are its manual.

use std::path::PathBuf;

use clap::Args;
use processor::eta::City;

use crate::history;

/// Learns from the past when drives end, and writes it down as a model.
///
/// The history is played, all vehicles together in the order of time, to the code that follows rides
/// live; what it says of each drive that ends is learned. A model serves whoever predicts, and can be
/// learned on: give it with --from.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Hansom's own archive, instead of files: `file:///dir` or `s3://bucket/prefix?region=eu-west-1`.
    #[arg(long, value_name = "URL", conflicts_with_all = ["pings", "trips"])]
    pub archive: Option<String>,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment here would replace the command's own"
    )]
    pub history: history::Settings,
    /// Of which city the model is, `NAME=LAT,LNG,RADIUS_KM,ZONE`, like
    /// `sf=37.77,-122.42,80,America/Los_Angeles`: drives that begin elsewhere are not learned. By default
    /// it is everywhere, by the sun.
    #[arg(long, value_name = "CITY")]
    pub city: Option<City>,
    /// Where to write the model.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Learns on with this model.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}
