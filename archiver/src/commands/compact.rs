//! `archiver compact`: few large files in place of many small ones. What it does to an hour is
//! `compaction`'s business.

use std::io::{Write as _, stdout};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::begin;
use crate::compaction;

/// Merges the small files of hours that are over into sorted ones of 128 to 256 MB, and drops rows that
/// are there twice. Queries may run meanwhile: by the lists of files, they see each row once at every
/// moment. It may be killed and run again, and by several at once.
///
/// Run it every hour or every night. An hour that cannot be compacted stays as it is, is named, and
/// makes the exit code 1. What was replaced is deleted by a later run, once --grace is over.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where the archive is kept: `s3://bucket/prefix?region=eu-west-1` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE")]
    pub(crate) archive: String,

    /// Which hours, and what becomes of their old files.
    #[command(flatten)]
    pub(crate) compaction: compaction::Settings,

    /// Print what was done as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compacts and prints what was done.
///
/// # Errors
/// What keeps it from compacting, and in the end the number of hours that were left as they are.
pub(super) async fn command(settings: Settings) -> anyhow::Result<()> {
    let objects = objects::open(&settings.archive)
        .await
        .context("--archive")?;
    let stop = begin()?;
    let report = compaction::compact(settings.compaction, objects, &stop).await?;
    let text = if settings.json {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        report.to_string()
    };
    stdout().write_all(text.as_bytes()).context("print")?;
    let failures = report.failures.len();
    ensure!(
        failures == 0,
        "{failures} hours or files were left as they are"
    );
    Ok(())
}
