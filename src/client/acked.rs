//! The file of what was accepted: a line `vehicle epoch seq` for each ping, each name once.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use schemas::PingName;

/// Shared by all senders; lines of one vehicle are in the order they were sent.
#[derive(Debug)]
pub(super) struct AckedFile {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl AckedFile {
    /// Starts the file anew.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(BufWriter::new(file)),
        })
    }

    pub(super) fn write<'a>(
        &self,
        names: impl IntoIterator<Item = (&'a str, PingName)>,
    ) -> anyhow::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        for (vehicle, name) in names {
            writeln!(file, "{vehicle} {} {}", name.epoch, name.seq)
                .with_context(|| format!("write {}", self.path.display()))?;
        }
        Ok(())
    }

    pub(super) fn flush(&self) -> anyhow::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
            .with_context(|| format!("write {}", self.path.display()))
    }
}
