//! `archiver erase`: takes a driver or a ride out of the archive. What goes is `erasure`'s business.

use std::{
    fs,
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::{ArgGroup, Args};
use service::parse_duration;

use super::begin;
use crate::{
    erasure::{self, Hold, Request, Subject},
    worker::unix_ms,
};

/// Takes a driver or a ride out of the archive's tables, but for what is held by law, and keeps a record
/// that tells what was done and not to whom.
///
/// Of a driver the id goes, in every row. Of a ride every row goes that names it: its trip, its events,
/// its pings, and pings of its vehicle meanwhile that name no ride. Files are replaced as `archiver
/// compact` does it; the old ones are deleted at once, so that a query that is under way may fail: give
/// --grace where that is worse than to have them a little longer.
///
/// It may be run again: after a kill, and for rows that came late, which nobody can keep from coming.
/// It does not reach exports that were made, dead letters (it counts those that have the id in them),
/// records that are still in the stream, what the archivers keep of the last 8 days to tell repeats, and
/// old versions of objects in a bucket that keeps them.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["driver", "ride"])))]
pub struct Settings {
    /// Where the archive is kept: `s3://bucket/prefix?region=eu-west-1` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE")]
    pub(crate) archive: String,

    /// The driver.
    #[arg(long, value_name = "FLEET/ID")]
    pub(crate) driver: Option<String>,

    /// The ride.
    #[arg(long, value_name = "FLEET/ID")]
    pub(crate) ride: Option<String>,

    /// Why, for the record: the number of the request, or what obliges you. It must not have the id in it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// File of a secret of 32 bytes or more, the same for all erasures: by it the record has a keyed hash
    /// in place of the id. Kept away from the archive, it alone tells whose erasure a record is of.
    #[arg(long, value_name = "FILE", env = "HANSOM_ERASURE_KEY")]
    pub(crate) key: PathBuf,

    /// TOML file of legal holds: `[[hold]]` with kind (driver or ride), id (FLEET/ID), authority, and
    /// until (a day, through which it holds; for ever without). What is held stays, and is counted.
    #[arg(long, value_name = "FILE")]
    pub(crate) hold: Option<PathBuf>,

    /// Delete the old files so long after they were replaced. With more than 0 run `archiver compact` or
    /// this again, once it is over.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub(crate) grace: Duration,
}

/// Erases and prints what it came to.
///
/// # Errors
/// What keeps it from erasing, and in the end the number of hours that could not be erased in.
pub(super) async fn command(settings: Settings) -> anyhow::Result<()> {
    let request = settings.request();
    let objects = objects::open(&settings.archive).await.context("--archive");
    let (request, objects) = service::both(request, objects)?;
    let stop = begin()?;
    let erased = erasure::erase(&request, objects, &stop).await?;
    let counts = erased.counts;
    let mut out = stdout().lock();
    for failure in &erased.failures {
        writeln!(out, "left as it is: {failure}")?;
    }
    writeln!(
        out,
        "{} rows erased, {} rows without their driver, {} rows held by law\n{} files replaced, {} old files \
         deleted\n{} dead letters have the id in them",
        counts.erased,
        counts.altered,
        counts.held,
        counts.files,
        counts.deleted,
        counts.dead_letters
    )?;
    let failures = erased.failures.len();
    ensure!(
        failures == 0,
        "{failures} hours could not be read or written: run it again when they can"
    );
    Ok(())
}

impl Settings {
    fn request(&self) -> anyhow::Result<Request> {
        let subject = match (&self.driver, &self.ride) {
            (Some(driver), _) => Subject::parse("driver", driver).context("--driver")?,
            (None, ride) => {
                let ride = ride.as_deref().unwrap_or_default();
                Subject::parse("ride", ride).context("--ride")?
            }
        };
        let holds = self
            .hold
            .as_deref()
            .map(read_holds)
            .transpose()
            .context("--hold")?;
        let key = fs::read(&self.key).with_context(|| self.key.display().to_string());
        Ok(Request {
            subject,
            reason: self.reason.clone(),
            holds: holds.unwrap_or_default(),
            key: key.context("--key")?,
            grace: self.grace,
            now_ms: unix_ms(),
        })
    }
}

fn read_holds(path: &Path) -> anyhow::Result<Vec<Hold>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Hold::parse(&text).with_context(|| path.display().to_string())
}
