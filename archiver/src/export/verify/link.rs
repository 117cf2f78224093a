//! Verifies one link by itself: who has signed it and when, and that its export is there, all of it
//! and nothing else. How it fits those before it is the walk's business.

use std::collections::BTreeSet;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use objects::Key;

use super::{
    super::{
        Store,
        keys::{PublicKeys, UnixSeconds},
        manifest::{self, FORMAT, File, Manifest},
        place::{Directory, Place},
        signature::{Header, Jws},
    },
    file::{FILES_AT_ONCE, check_file},
    finding::{Fault, Finding},
};

/// The largest link: a manifest of some hundred thousand files.
const MAX_LINK_BYTES: u64 = 64 << 20;

/// An export that a link names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    /// Where it lies.
    pub(crate) directory: Directory,
    /// The number of its link.
    pub(crate) n: u64,
    /// Its files.
    pub(crate) files: usize,
    /// Rows of all of them.
    pub(crate) rows: u64,
    /// Bytes of all of them.
    pub(crate) bytes: u64,
    /// The key that has signed it, and when; None where that is not to be trusted.
    pub(crate) signed: Option<(String, UnixSeconds)>,
}

/// What is known of a link.
pub(super) struct Checked {
    pub(super) n: u64,
    /// The SHA-256 of its payload, whoever has signed it.
    pub(super) digest: Option<String>,
    /// What it says, whoever has signed it.
    pub(super) manifest: Option<Manifest>,
    pub(super) export: Option<Export>,
    pub(super) faults: Vec<Finding>,
}

/// Verifies link `n` and its export.
///
/// # Errors
/// An error from the storage.
pub(super) async fn check_link(
    store: &Store,
    keys: &PublicKeys,
    place: &Place,
    n: u64,
) -> anyhow::Result<Checked> {
    let mut checked = Checked {
        n,
        digest: None,
        manifest: None,
        export: None,
        faults: Vec::new(),
    };
    let key = Key::new(place.link(n))?;
    let Some(jws) = checked.read(store, &key).await? else {
        return Ok(checked);
    };
    let signed = match jws.verify(keys) {
        Ok(header) => Some(signed(header)),
        Err(distrust) => {
            checked.faults.push(Fault::from(distrust).of(key.as_str()));
            None
        }
    };
    let manifest = match serde_json::from_slice::<Manifest>(jws.payload()) {
        Ok(manifest) if manifest.format == FORMAT => manifest,
        other => {
            let fault = match other {
                Ok(manifest) => Fault::Format(manifest.format),
                Err(error) => Fault::NotManifest(error.to_string()),
            };
            checked.faults.push(fault.of(key.as_str()));
            return Ok(checked);
        }
    };
    let directory = place.directory(&manifest.period.name, manifest.revision);
    let found = check_directory(store, &directory, &manifest, jws.payload()).await?;
    checked.faults.extend(found);
    checked.export = Some(Export {
        directory,
        n,
        files: manifest.files.len(),
        rows: sum(&manifest, |file| file.rows),
        bytes: sum(&manifest, |file| file.bytes),
        signed,
    });
    checked.manifest = Some(manifest);
    Ok(checked)
}

/// The sum over all files; what nobody has signed may say more than there can be.
fn sum(manifest: &Manifest, of: impl Fn(&File) -> u64) -> u64 {
    let files = manifest.files.iter();
    files.fold(0, |sum: u64, file| sum.saturating_add(of(file)))
}

fn signed(header: &Header) -> (String, UnixSeconds) {
    (header.kid.clone(), header.iat)
}

impl Checked {
    /// Reads the link; None where there is nothing in it to go on with.
    async fn read(&mut self, store: &Store, key: &Key) -> anyhow::Result<Option<Jws>> {
        let read = store.get_range(key, 0..MAX_LINK_BYTES + 1).await?;
        let jws = match read {
            None => Err(Fault::Missing),
            Some(link) if link.len() as u64 > MAX_LINK_BYTES => {
                Err(Fault::TooLarge(MAX_LINK_BYTES))
            }
            Some(link) => Jws::parse(&link).map_err(Fault::from),
        };
        let jws = match jws {
            Ok(jws) => jws,
            Err(fault) => {
                self.faults.push(fault.of(key.as_str()));
                return Ok(None);
            }
        };
        self.digest = Some(manifest::digest(jws.payload()));
        Ok(Some(jws))
    }
}

/// Holds what lies in an export's directory against its manifest.
async fn check_directory(
    store: &Store,
    directory: &Directory,
    manifest: &Manifest,
    payload: &[u8],
) -> anyhow::Result<Vec<Finding>> {
    let Ok(manifest_key) = directory.manifest() else {
        return Ok(vec![
            Fault::Name(manifest.period.name.clone()).of(directory.to_string()),
        ]);
    };
    let mut findings = Vec::new();
    let beside = store.get_range(&manifest_key, 0..payload.len() as u64 + 1);
    match beside.await? {
        None => findings.push(Fault::Missing.of(manifest_key.as_str())),
        Some(bytes) if bytes != payload => {
            findings.push(Fault::ManifestDiffers.of(manifest_key.as_str()));
        }
        Some(_) => {}
    }
    let mut named = BTreeSet::from([manifest_key]);
    let mut files = Vec::new();
    for file in &manifest.files {
        match directory.file(&file.key) {
            Err(_) => findings.push(Fault::Name(file.key.clone()).of(directory.to_string())),
            Ok(key) if named.insert(key.clone()) => files.push((key, file)),
            Ok(key) => findings.push(Fault::Twice.of(key.as_str())),
        }
    }
    let checks: Vec<_> = files
        .iter()
        .map(|(key, file)| check_file(store, key, file))
        .collect();
    let faults: Vec<Option<Fault>> = stream::iter(checks)
        .buffered(FILES_AT_ONCE)
        .try_collect()
        .await
        .context("read a file")?;
    let faults = faults.into_iter().zip(&files);
    findings.extend(faults.filter_map(|(fault, (key, _))| Some(fault?.of(key.as_str()))));
    findings.extend(foreign(store, directory, &named).await?);
    Ok(findings)
}

/// What lies in the directory and has no name in the manifest.
async fn foreign(
    store: &Store,
    directory: &Directory,
    named: &BTreeSet<Key>,
) -> anyhow::Result<Vec<Finding>> {
    let mut found = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let page = store.list(&directory.prefix(), after.as_ref()).await?;
        let others = page.iter().filter(|key| !named.contains(*key));
        found.extend(others.map(|key| Fault::Foreign.of(key.as_str())));
        let Some(last) = page.into_iter().next_back() else {
            return Ok(found);
        };
        after = Some(last);
    }
}
