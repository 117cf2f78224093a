//! `hansom run` on a Redis, in a process of its own, and what the processes have used.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::cpu_seconds;

/// The program under way; killed when dropped.
pub(crate) struct Program {
    process: Child,
    pub(crate) ingest: String,
    pub(crate) live: String,
    pub(crate) admin: String,
    _data: TempDir,
}

impl Program {
    /// Starts it with this cache, and waits until it listens.
    pub(crate) fn start(cache: &str) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_hansom"))
            .args([
                "run",
                "--insecure-demo",
                "--listen",
                "127.0.0.1:0",
                "--live",
                "127.0.0.1:0",
            ])
            .args(["--admin", "127.0.0.1:0", "--cache", cache, "--data"])
            .arg(data.path())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().context("its log")?;
        let mut lines = BufReader::new(log).lines();
        let listening = loop {
            let line = lines.next().context("it ended")??;
            let line: Value = serde_json::from_str(&line)?;
            if line["message"] == "listening" {
                break line;
            }
        };
        thread::spawn(move || lines.for_each(drop));
        let url = |name: &str| {
            let address = listening[name].as_str().context("an address")?;
            anyhow::Ok(format!("http://{address}"))
        };
        Ok(Self {
            ingest: url("ingest")?,
            live: url("live")?,
            admin: url("admin")?,
            process,
            _data: data,
        })
    }

    /// CPU that it has used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(&self.process.id().to_string())
    }

    /// The values of a metric, by its labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<Vec<(String, f64)>> {
        let page = reqwest::get(format!("{}/metrics", self.admin)).await?;
        let page = page.text().await?;
        let values = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_same = labels.is_empty() || labels.starts_with('{');
            let value = value.parse().ok()?;
            is_same.then(|| (labels.to_owned(), value))
        });
        Ok(values.collect())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}
