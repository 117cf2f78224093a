//! `archiver export`: makes the export of one profile, jurisdiction and period from an archive. What
//! is in it is the profile's business; this says what is wanted, shows progress and prints what came
//! of it.

use std::{
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use objects::Key;
use schemas::regulators::{HOUR_MS, Inputs, Profile, Report, Scope};
use service::parse_duration;
use tracing::info;

use super::{begin, key::now};
use crate::export::{
    Store,
    chain::{self, Outcome, Published},
    inputs::{self, Given, told},
    keys::{SigningKey, UnixSeconds},
    manifest::{Counts, FORMAT, Manifest, Period},
    package::{Destination, Package, Packed},
    place::{EXCEPTIONS, Place},
    render::{Archive, Reading},
    sources::Sources,
};

/// With more files open at once, memory is told about: each takes 1 MB or so.
const MANY_FILES: usize = 150;

/// Makes a regulator's export of a period: files, a manifest that names them with their digests, and a
/// signed link in the chain of all exports of this profile and jurisdiction. Nobody sees an export before
/// it is whole. The same archive gives the same bytes.
///
/// If the period was exported before and nothing has changed since, nothing is written. If rows came late,
/// that is said, and --revise makes a new revision, which names the one that it supersedes.
///
/// What a regulator requires and nobody has told is listed row by row in
/// `_exceptions/<profile>/<jurisdiction>/<period>/` beside the exports: it has the fleet's own ids and is
/// for you alone. docs/exports.md describes all the files.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The archive: `s3://bucket/prefix?region=eu-west-1` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE")]
    pub archive: String,

    /// Where exports are put. On S3, `&kms_key=..&lock=compliance&lock_days=2555` encrypts them and keeps
    /// them from being changed.
    #[arg(long, value_name = "URL")]
    pub out: String,

    /// What is asked for: mds, chicago-tnp, cpuc, sf-taxi, nyc-hvfhv; or the path of a profile of your own.
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: String,

    /// Where it is for, as --jurisdictions names it.
    #[arg(long, value_name = "NAME")]
    pub jurisdiction: String,

    /// File of your jurisdictions: time zones, licence numbers, polygons.
    #[arg(long, value_name = "FILE", default_value = "jurisdictions.toml")]
    pub jurisdictions: PathBuf,

    /// `2026-03-01T07`, an hour of UTC; `2026-03-01` or `2026-03`, a day or a month there.
    #[arg(long, value_name = "PERIOD")]
    pub period: String,

    /// Files of what is not in the archive: plates, licences, fares. CSV or Parquet, by vehicle, driver or
    /// ride; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub registry: Vec<PathBuf>,

    /// The private key, from `archiver key`.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,

    /// File of the secret that pseudonyms are made with: 32 characters or more, the same for ever.
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,

    /// The date of the submission, `YYYY-MM-DD`, where a profile wants it.
    #[arg(long, value_name = "DATE")]
    pub submission_date: Option<String>,

    /// A period is over so long after its end: what comes later needs --revise. More than the archiver's
    /// --archive-max-age.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub settle: Duration,

    /// Makes a new revision where the archive has changed since the last one.
    #[arg(long)]
    pub revise: bool,
}

/// Exports and prints what came of it.
///
/// # Errors
/// What keeps it from exporting; then there is no export of this, nor half of one.
pub(super) async fn command(settings: Settings) -> anyhow::Result<()> {
    let stop = begin()?;
    let key = SigningKey::load(&settings.key).context("--key")?;
    let profile = read_profile(&settings.profile).context("--profile")?;
    let inputs = inputs::read(&profile, &given(&settings))?;
    let archive = objects::open_to_read(&settings.archive)
        .await
        .context("--archive");
    let out = objects::open(&settings.out).await.context("--out");
    let (archive, out) = service::both(archive, out)?;
    let export = Export {
        profile,
        inputs,
        archive: Archive::new(archive, stop),
        store: Store::new(out),
        key,
    };
    export.check_over(settings.settle, now()?)?;
    let is_archive = export.archive.has_commits().await.context("--archive")?;
    ensure!(
        is_archive,
        "{} has no commits: it is no archive",
        settings.archive
    );
    let outcome = export.run(settings.revise).await?;
    say(&outcome)
}

fn given(settings: &Settings) -> Given<'_> {
    Given {
        jurisdictions: &settings.jurisdictions,
        jurisdiction: &settings.jurisdiction,
        period: &settings.period,
        submission_date: settings.submission_date.as_deref(),
        registry: &settings.registry,
        secret: settings.secret.as_deref(),
    }
}

/// A profile that Hansom comes with, or that of a file.
fn read_profile(name: &str) -> anyhow::Result<Profile> {
    if Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "toml")
    {
        let text = std::fs::read_to_string(name).context(name.to_owned())?;
        return Profile::parse(&text).map_err(|all| told(&all));
    }
    Profile::built_in(name).map_err(|all| told(&all))
}

/// What came of an export.
enum Made {
    New(Published),
    Unchanged(Published),
}

/// An export to be made.
struct Export {
    profile: Profile,
    inputs: Inputs,
    archive: Archive,
    store: Store,
    key: SigningKey,
}

impl Export {
    /// Makes sure that the period is over.
    fn check_over(&self, settle: Duration, now: UnixSeconds) -> anyhow::Result<()> {
        let period = &self.inputs.scope.period;
        let over = UnixSeconds(period.to.0.div_euclid(1_000) + settle.as_secs() as i64);
        ensure!(
            now >= over,
            "{} is still open: it can be exported from {over} on (--settle)",
            period.name
        );
        Ok(())
    }

    async fn run(&self, revise: bool) -> anyhow::Result<Made> {
        let scope = &self.inputs.scope;
        let place = Place::new(&self.profile.name, &scope.jurisdiction.name);
        let latest = chain::latest(&self.store, &place, &scope.period.name).await?;
        let revision = match latest {
            None => 1,
            Some(latest) => {
                let there = latest.manifest.revision;
                let (packed, _) = self.make(there, Destination::Compared).await?;
                if latest.manifest.has_equal_files(&packed.files) {
                    return Ok(Made::Unchanged(latest));
                }
                ensure!(
                    revise,
                    "the archive has changed since revision {there} of {}: --revise makes a new one",
                    scope.period.name
                );
                there + 1
            }
        };
        let exceptions = format!(
            "{EXCEPTIONS}{}/{}/{}/r{revision:03}.csv",
            self.profile.name, scope.jurisdiction.name, scope.period.name
        );
        let destination = Destination::Stored {
            store: &self.store,
            directory: place.directory(&scope.period.name, revision),
            exceptions: Key::new(exceptions)?,
        };
        let (packed, reading) = self.make(revision, destination).await?;
        let sources = self.archive.sources(&reading.commits).await?;
        let manifest = self.manifest(revision, packed, &reading, sources);
        match chain::publish(&self.store, manifest, &self.key, now()?).await? {
            Outcome::Published(published) => Ok(Made::New(published)),
            Outcome::Unchanged(published) => Ok(Made::Unchanged(published)),
            Outcome::Overtaken(there) => bail!(
                "another export has made revision {} meanwhile: try again",
                there.manifest.revision
            ),
        }
    }

    async fn make(
        &self,
        revision: u32,
        destination: Destination<'_>,
    ) -> anyhow::Result<(Packed, Reading)> {
        let mut report = self.report()?;
        let (from, to) = report.feed();
        let bar = progress(((to.0 - from.0) / HOUR_MS) as u64);
        let scope = &self.inputs.scope;
        let mut package = Package::begin(report.topics(), scope, revision, destination).await?;
        let mut tell = |facts: u64| {
            bar.inc(1);
            bar.set_message(format!("{facts} facts"));
        };
        let reading = self.archive.render(&mut report, &mut package, &mut tell);
        let reading = reading.await.context("read the archive")?;
        bar.finish_and_clear();
        if reading.most_files > MANY_FILES {
            let files = reading.most_files;
            info!(
                files,
                "an hour has many files: compact it first, and this takes less memory"
            );
        }
        Ok((package.finish().await?, reading))
    }

    fn report(&self) -> anyhow::Result<Report> {
        let Inputs {
            scope,
            registry,
            zones,
            secret,
        } = &self.inputs;
        let inputs = Inputs {
            scope: scope.clone(),
            registry: Arc::clone(registry),
            zones: Arc::clone(zones),
            secret: secret.clone(),
        };
        Report::new(&self.profile, inputs).map_err(|all| told(&all))
    }

    fn manifest(
        &self,
        revision: u32,
        packed: Packed,
        reading: &Reading,
        sources: Sources,
    ) -> Manifest {
        let Scope {
            jurisdiction,
            period,
            ..
        } = &self.inputs.scope;
        Manifest {
            format: FORMAT,
            profile: self.profile.name.clone(),
            profile_version: self.profile.version.clone(),
            jurisdiction: jurisdiction.name.clone(),
            period: Period {
                name: period.name.clone(),
                from: period.from,
                to: period.to,
            },
            revision,
            supersedes: None,
            n: 0,
            previous: None,
            files: packed.files,
            counts: Counts {
                read: reading.facts,
                written: packed.written,
                exceptions: packed.exceptions,
                repeats: reading.repeats,
            },
            sources: sources.commits,
            gaps: sources.gaps,
            dead_letters: sources.dead_letters,
        }
    }
}

/// A bar of hours, on a terminal alone.
fn progress(hours: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(hours), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} hours, {msg}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn say(made: &Made) -> anyhow::Result<()> {
    let (word, published) = match made {
        Made::New(published) => ("exported", published),
        Made::Unchanged(published) => ("unchanged", published),
    };
    let manifest = &published.manifest;
    let mut out = stdout().lock();
    writeln!(
        out,
        "{word} {}/{}/{}/r{:03}: {} rows in {} files, {} exceptions",
        manifest.profile,
        manifest.jurisdiction,
        manifest.period.name,
        manifest.revision,
        manifest.counts.written,
        manifest.files.len(),
        manifest.counts.exceptions,
    )?;
    for gap in &manifest.gaps {
        writeln!(
            out,
            "gap: shard {} lost what is up to {}",
            gap.shard, gap.to
        )?;
    }
    let unread: u64 = manifest.dead_letters.iter().map(|of| of.records).sum();
    if unread > 0 {
        writeln!(
            out,
            "{unread} records of its commits could not be read: see the archive's dead letters"
        )?;
    }
    writeln!(out, "head {}:{}", manifest.n, published.digest)?;
    Ok(())
}
