//! The commands of the program beside archiving: one subcommand each, whose settings are its manual.
//! They write to standard output and end by themselves; only `serve` goes on until it is told to end.

mod audit;
mod compact;
mod erase;
mod export;
mod key;
mod publish;
mod serve;
mod verify;

use std::time::Duration;

use clap::Subcommand;
use service::{LogFormat, Shutdown};

/// How long a command that was told to end may go on with what it has begun. Killed, it loses nothing.
const GRACE: Duration = Duration::from_secs(30);

/// What to do instead of archiving.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the doc of each one's settings is its manual")]
pub enum Command {
    Audit(Box<audit::Settings>),
    Compact(Box<compact::Settings>),
    Erase(Box<erase::Settings>),
    Export(Box<export::Settings>),
    Key(Box<key::Settings>),
    Publish(Box<publish::Settings>),
    Serve(Box<serve::Settings>),
    Verify(Box<verify::Settings>),
}

/// Carries out a command until it is done.
///
/// # Errors
/// What stopped the command, in words for the user.
pub async fn execute(command: Command) -> anyhow::Result<()> {
    service::give_memory_back();
    service::use_small_pages();
    match command {
        Command::Audit(settings) => audit::command(*settings).await,
        Command::Compact(settings) => compact::command(*settings).await,
        Command::Erase(settings) => erase::command(*settings).await,
        Command::Export(settings) => export::command(*settings).await,
        Command::Key(settings) => key::command(&settings),
        Command::Publish(settings) => publish::command(*settings).await,
        Command::Serve(settings) => serve::command(&settings).await,
        Command::Verify(settings) => verify::command(&settings).await,
    }
}

/// Starts the logs of a command that works for long. What it returns is requested by a signal: then
/// the command ends what it has begun.
fn begin() -> anyhow::Result<Shutdown> {
    service::start_logs(LogFormat::Auto)?;
    let stop = Shutdown::new();
    service::on_signal(stop.clone(), GRACE)?;
    Ok(stop)
}
