//! What a credential costs: CPU of the server for a ping by itself, without one, with an API key.

use std::time::Duration;

use crate::{
    good_client::Load,
    server::{Server, free_address, key},
};

const PINGS_PER_SECOND: u32 = 2_000;
const LASTS: Duration = Duration::from_secs(20);

/// Measures, and prints.
pub(crate) async fn run() -> anyhow::Result<()> {
    println!("CPU of a ping in a request of its own, microseconds");
    for name in ["open to all", "API key"] {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("keys.toml");
        let made = key(&file)?;
        let keys = [
            "--api-keys",
            file.to_str().unwrap_or_default(),
            "--credential-rate",
            "0",
        ];
        let (flags, key) = match name {
            "API key" => (&keys[..], Some(made)),
            _ => (&["--insecure-demo"][..], None),
        };
        let address = free_address()?;
        let server = Server::start(&directory.path().join("data"), address, flags)?;
        let load = Load {
            to: address,
            key,
            clients: 50,
            pings_per_second: PINGS_PER_SECOND,
            lasts: LASTS,
        };
        let before = server.cpu_seconds();
        let answers = load.send().await?;
        let used = server.cpu_seconds() - before;
        let pings = f64::from(PINGS_PER_SECOND) * LASTS.as_secs_f64();
        println!(
            "{name:<12} {:>6.1} ({} refused)",
            used / pings * 1e6,
            answers.refused
        );
        server.stop()?;
    }
    Ok(())
}
