//! What the edge takes and stands: memory of thousands of WebSockets, the time of an acknowledgement
//! while the stream is away, that of a good client under attack, and what a credential costs. It
//! measures and prints; it asserts nothing, because machines differ.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod attacks;
#[path = "../support/cpu.rs"]
mod cpu;
mod credentials;
mod good_client;
mod outage;
mod server;
mod sockets;

use std::env;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    service::use_all_files();
    let runtime = tokio::runtime::Runtime::new()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["serve", url, spool] => runtime.block_on(outage::serve(url, spool)),
        ["attack", name, to, key] => runtime.block_on(attacks::attack(name, to, key)),
        ["sockets", _] => runtime.block_on(sockets::run()),
        ["outage", _] => runtime.block_on(outage::run()),
        ["attacks", _] => runtime.block_on(attacks::run()),
        ["credentials", _] => runtime.block_on(credentials::run()),
        _ => {
            runtime.block_on(credentials::run())?;
            runtime.block_on(attacks::run())?;
            runtime.block_on(outage::run())?;
            runtime.block_on(sockets::run())
        }
    }
}
