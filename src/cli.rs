//! The command line: one subcommand for each thing that `hansom` does. The doc comments of their
//! settings are the manual.

use clap::{Parser, Subcommand};

use crate::{backtest, check, key, learn, replay, run, simulate};

/// Ride tracking on one machine: takes GPS pings, shows live rides and their arrival times, and
/// archives every ping in Parquet, exactly once.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the doc of each one's settings is its manual")]
pub enum Command {
    Run(Box<run::Settings>),
    Simulate(Box<simulate::Settings>),
    Replay(Box<replay::Settings>),
    Learn(Box<learn::Settings>),
    Backtest(Box<backtest::Settings>),
    Check(Box<check::Settings>),
    Key(Box<key::Settings>),
}

/// Carries out a command until it is done or told to stop.
///
/// # Errors
/// What stopped the command, in words for the user.
pub async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(settings) => run::run(*settings).await,
        Command::Simulate(settings) => simulate::command(*settings).await,
        Command::Replay(settings) => replay::command(*settings).await,
        Command::Learn(settings) => learn::command(*settings).await,
        Command::Backtest(settings) => backtest::command(*settings).await,
        Command::Check(settings) => check::command(*settings).await,
        Command::Key(settings) => key::command(&settings),
    }
}
