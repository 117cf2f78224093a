//! The program `hansom`: reads the command line and runs one command. It decides nothing else.

use clap::Parser as _;
use hansom::cli::Cli;

/// The system's allocator costs a ping twice as much as this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), service::Failure> {
    Ok(hansom::cli::execute(Cli::parse().command).await?)
}
