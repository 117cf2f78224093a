//! `hansom run` as a process of its own, and what it uses.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, ensure};

use crate::cpu::cpu_seconds;

/// `hansom run`. Killed when dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it on `data`, and waits until it listens.
    pub(crate) fn start(data: &Path, address: SocketAddr, flags: &[&str]) -> anyhow::Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hansom"))
            .args(["run", "--live", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--listen", &address.to_string(), "--data"])
            .arg(data)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().context("its log")?;
        let mut lines = BufReader::new(log).lines();
        loop {
            let line = lines.next().context("it ended")??;
            if line.contains("\"listening\"") {
                break;
            }
        }
        thread::spawn(move || lines.for_each(drop));
        Ok(Self(process))
    }

    /// Bytes of memory that it holds.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.context("VmRSS")?.trim().trim_end_matches(" kB").trim();
        Ok(kib.parse::<u64>()? << 10)
    }

    /// Seconds of CPU that it has used.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(&self.0.id().to_string())
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.0.id().to_string();
        let told = Command::new("kill").args(["-s", "TERM", &pid]).status()?;
        ensure!(told.success(), "it has ended before");
        ensure!(self.0.wait()?.success(), "it did not end in order");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, or is not needed any more.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// An address that is free now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Makes an API key in this file.
pub(crate) fn key(file: &Path) -> anyhow::Result<String> {
    let made = Command::new(env!("CARGO_BIN_EXE_hansom"))
        .args(["key", "--file"])
        .arg(file)
        .output()?;
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}
