//! What the cache is good for: how soon a ping is seen, and what riders who look where their rides are
//! cost a database, with it and without it; against real Redis and PostgreSQL. It measures and prints;
//! it asserts nothing, because machines differ.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod database;
mod fleet;
mod latency;
mod program;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "it is for all benchmarks")]
mod support;

use std::env;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_asked = |name: &str| {
        let names = ["latency", "database"];
        let asked = |argument: &String| names.contains(&argument.as_str());
        !arguments.iter().any(asked) || arguments.iter().any(|argument| argument == name)
    };
    if is_asked("latency") {
        runtime.block_on(latency::measure())?;
    }
    if is_asked("database") {
        runtime.block_on(database::measure())?;
    }
    Ok(())
}
