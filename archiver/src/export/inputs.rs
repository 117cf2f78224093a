//! What an operator gives for a report, read from files: jurisdictions, registry, zones, secrets. What
//! it means is checked where a report is made of it.

mod registry;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use schemas::regulators::{
    Inputs, Jurisdiction, Jurisdictions, Period, Problem, Profile, Registry, Scope, ZoneLayer,
    Zones,
};

/// A file that an operator writes by hand has at most so many bytes.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// A file of polygons has at most so many bytes.
const MAX_ZONES_BYTES: u64 = 256 << 20;

/// Where what an operator gives is kept.
pub(crate) struct Given<'a> {
    pub(crate) jurisdictions: &'a Path,
    pub(crate) jurisdiction: &'a str,
    pub(crate) period: &'a str,
    pub(crate) submission_date: Option<&'a str>,
    pub(crate) registry: &'a [PathBuf],
    pub(crate) secret: Option<&'a Path>,
}

/// Reads all that a report by `profile` is made with.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(profile: &Profile, given: &Given<'_>) -> anyhow::Result<Inputs> {
    let text = read_text(given.jurisdictions, MAX_TEXT_BYTES)?;
    let jurisdictions = Jurisdictions::parse(&text).map_err(|all| told(&all))?;
    let jurisdiction = jurisdictions.named(given.jurisdiction)?.clone();
    let zone = profile.time_zone(&jurisdiction)?;
    let period = Period::parse(given.period, &zone)?;
    let zones = read_zones(profile, &jurisdiction, given.jurisdictions)?;
    let secret = given.secret.map(read_secret).transpose()?;
    let registry = read_registry(profile, given.registry)?;
    Ok(Inputs {
        scope: Scope {
            jurisdiction,
            period,
            submission_date: given.submission_date.map(str::to_owned),
        },
        registry: Arc::new(registry),
        zones: Arc::new(zones),
        secret,
    })
}

/// All problems as one error, a line each.
pub(crate) fn told(problems: &[Problem]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    anyhow::Error::msg(lines.join("\n"))
}

fn read_registry(profile: &Profile, files: &[PathBuf]) -> anyhow::Result<Registry> {
    let mut builder = Registry::builder(profile);
    for file in files {
        registry::read(file, &mut builder).with_context(|| file.display().to_string())?;
    }
    builder.build().map_err(|all| told(&all))
}

/// Reads the polygons of the profile's layers: the jurisdiction names the files, beside its own.
fn read_zones(
    profile: &Profile,
    jurisdiction: &Jurisdiction,
    beside: &Path,
) -> anyhow::Result<Zones> {
    let mut zones = Zones::default();
    for layer in profile.layers() {
        let Some(of) = jurisdiction.zones.get(layer) else {
            // The report says that it is missing, with all else that is.
            continue;
        };
        let path = beside.with_file_name(&of.file);
        let text = read_text(&path, MAX_ZONES_BYTES)?;
        let read = ZoneLayer::parse(text.as_bytes(), of);
        zones.insert(layer, read.with_context(|| path.display().to_string())?);
    }
    Ok(zones)
}

/// Reads a secret: all of the file but white space around it.
fn read_secret(path: &Path) -> anyhow::Result<Vec<u8>> {
    let text = read_text(path, MAX_TEXT_BYTES)?;
    Ok(text.trim().as_bytes().to_vec())
}

fn read_text(path: &Path, most: u64) -> anyhow::Result<String> {
    let read = || {
        let bytes = fs::metadata(path)?.len();
        if bytes > most {
            bail!("it has {bytes} bytes, and may have {most}");
        }
        Ok(fs::read_to_string(path)?)
    };
    read().with_context(|| path.display().to_string())
}
