//! What a ping costs on Kinesis: what Amazon would bill, as counts, and CPU for writing and reading,
//! against ferrokinesis. It measures and prints; it asserts nothing, because machines differ.
//!
//! The server is in this process; what is measured runs in processes of its own ([`child`]), which
//! this program starts as itself with other arguments.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod bill;
mod child;
#[path = "../support/mod.rs"]
mod support;

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use faults::servers::{Kinesis, KinesisOptions, Moto};

use bill::Bill;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Fleets of so many vehicles, which send a ping a second each,
const FLEETS: [u32; 3] = [1, 100, 5_000];
/// for so long.
const DURATION: &str = "60s";
/// The stream of every run.
const STREAM: &str = "pings";
/// Shards while CPU is measured.
const SHARDS: u32 = 4;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["serve", url] => runtime.block_on(child::serve(url)),
        ["append", url] => runtime.block_on(child::append(url)),
        ["read", url] => runtime.block_on(child::read(url)),
        [.., "speed", _] => runtime.block_on(speed()),
        _ => {
            runtime.block_on(bills())?;
            runtime.block_on(speed())
        }
    }
}

/// Prints what fleets of several sizes cost.
async fn bills() -> anyhow::Result<()> {
    println!("{}", Bill::HEAD);
    for vehicles in FLEETS {
        let kinesis = Kinesis::start(KinesisOptions::default()).await;
        kinesis.create_stream(STREAM, 1).await;
        let mut serving = Role::start("serve", &url(&kinesis, ""))?;
        let address = serving.line()?;
        let acked = tempfile::NamedTempFile::new()?;
        let status = Command::new(env!("CARGO_BIN_EXE_hansom"))
            .args(["simulate", "--rate", "1", "--vehicles"])
            .arg(vehicles.to_string())
            .args(["--duration", DURATION, "--to"])
            .arg(format!("http://{address}"))
            .arg("--acked")
            .arg(acked.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ensure!(status.success(), "the fleet was answered otherwise");
        serving.end()?;
        let pings = std::fs::read_to_string(acked.path())?.lines().count();
        let bill = Bill {
            vehicles,
            pings,
            records: kinesis.stored_bytes(STREAM).await,
        };
        println!("{bill}");
    }
    Ok(())
}

/// Prints what writing and reading take of a CPU.
async fn speed() -> anyhow::Result<()> {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream(STREAM, SHARDS).await;
    println!("\n{}", child::HEAD);
    println!("{}", Role::start("append", &url(&kinesis, ""))?.line()?);
    let Some(moto) = Moto::start("reading") else {
        return Ok(());
    };
    let leases = format!("&dynamodb_endpoint=http://{}", moto.address());
    println!("{}", Role::start("read", &url(&kinesis, &leases))?.line()?);
    Ok(())
}

fn url(kinesis: &Kinesis, more: &str) -> String {
    let address = kinesis.address();
    format!("kinesis://{STREAM}?region=us-east-1&endpoint=http://{address}{more}")
}

/// This program in another role.
struct Role {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Role {
    fn start(role: &str, url: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args([role, url])
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("its output")?;
        let output = BufReader::new(output);
        Ok(Self { child, output })
    }

    /// The next line that it writes.
    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "it ended without a word");
        Ok(line.trim_end().to_owned())
    }

    /// Ends what waits for the end of its input.
    fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It has ended by itself, or is not needed any more.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
