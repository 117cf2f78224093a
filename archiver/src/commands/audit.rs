//! `archiver audit`: proof that a period is complete. What it looks at is `audit`'s business.

use std::io::{Write as _, stdout};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::begin;
use crate::audit;

/// Proves that all that was committed of a period is in the archive, once, and nothing else. Follows every
/// shard's commits from the first to the last, and compares lists, replacements and files with them. It
/// changes nothing, and may run at any time; an hour that is still written to may seem incomplete for a
/// moment.
///
/// Dead letters and late rows are told and are no faults: the former are kept, the latter are there. The
/// exit code is 0 only if the period is complete.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where the archive is kept: `s3://bucket/prefix?region=eu-west-1` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE")]
    pub(crate) archive: String,

    /// Which period, and how closely.
    #[command(flatten)]
    pub(crate) audit: audit::Settings,

    /// Print what was found as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Audits and prints what was found.
///
/// # Errors
/// What keeps it from auditing, and in the end the number of faults.
pub(super) async fn command(settings: Settings) -> anyhow::Result<()> {
    let objects = objects::open_to_read(&settings.archive)
        .await
        .context("--archive")?;
    let stop = begin()?;
    let findings = audit::audit(settings.audit, objects, &stop).await?;
    let text = if settings.json {
        format!("{}\n", serde_json::to_string_pretty(&findings)?)
    } else {
        findings.to_string()
    };
    stdout().write_all(text.as_bytes()).context("print")?;
    let faults = findings.faults.count;
    ensure!(
        findings.complete,
        "the period is not complete: {faults} faults"
    );
    Ok(())
}
