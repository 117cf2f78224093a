//! The chain of exports: publishing one is putting its link, last of all. What is in the files is
//! not its business, nor whether anybody's signature is right: `verify` says that.
//!
//! Of several that publish at once, one gets each number; the others sign anew, after it. One
//! period is one exporter's: who exports the same one at the same time must write the same files, or
//! others under other names; then one is told that the revision is taken.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use objects::Key;

use super::{
    Store,
    keys::{SigningKey, UnixSeconds},
    manifest::{FORMAT, MANIFEST, Manifest, digest},
    place::{Place, revision},
    signature::{self, Jws},
};

/// A number that others take is tried anew this often: more than there are exporters of a place.
const MAX_RACES: usize = 100;

/// A link that is in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// What it says.
    pub(crate) manifest: Manifest,
    /// The SHA-256 of its manifest: with `n`, the head that its reader keeps.
    pub(crate) digest: String,
    /// The bytes of its manifest.
    payload: Bytes,
}

/// What became of an export.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the chain.
    Published(Published),
    /// The last revision of the period says the same in its files; nothing was put. What lies under the
    /// new revision is its writer's to take away, who asks [`latest`] before it is finished.
    Unchanged(Published),
    /// Another has published this revision, with other files: export anew, as the next one.
    Overtaken(Published),
}

/// The last revision of a period; None if there is none. Files in the directory of a later one are of
/// an attempt that came to nothing, or of one under way.
///
/// Takes a list of the period's files and some reads, however long the chain is; but a read of every
/// link where an attempt was stopped between its manifest and its link.
///
/// # Errors
/// An error from the storage, and a manifest beside the files that is none.
pub(crate) async fn latest(
    store: &Store,
    place: &Place,
    period: &str,
) -> anyhow::Result<Option<Published>> {
    for revision in revisions(store, place, period).await?.into_iter().rev() {
        let beside = place.directory(period, revision).manifest()?;
        // The manifest is put before the link: where there is none, there is no link.
        let Some(bytes) = store.get(&beside).await? else {
            continue;
        };
        let said: Manifest = serde_json::from_slice(&bytes).with_context(|| beside.to_string())?;
        let is_it = |link: &Published| {
            link.manifest.period.name == period && link.manifest.revision == revision
        };
        if let Some(link) = read(store, place, said.n).await?.filter(is_it) {
            return Ok(Some(link));
        }
        // That number is another's. The manifest is of an attempt that came too late; whether one came
        // in time, only the links say.
        let last = store.last_link(&place.chain()).await?;
        for n in (1..=last.map_or(0, |(n, _)| n)).rev() {
            if let Some(link) = read(store, place, n).await?.filter(is_it) {
                return Ok(Some(link));
            }
        }
    }
    Ok(None)
}

/// Publishes an export whose files are all there, in the directory of its revision. The manifest's
/// `supersedes`, `n` and `previous` are filled in here.
///
/// Once it is published, whatever else lies in that directory is deleted: it is of an attempt that came
/// to nothing.
///
/// # Errors
/// An error from the storage, a key that is not valid `now`, and a manifest of another format. Do it
/// again: what was published already is [`Outcome::Unchanged`].
pub(crate) async fn publish(
    store: &Store,
    mut manifest: Manifest,
    key: &SigningKey,
    now: UnixSeconds,
) -> anyhow::Result<Outcome> {
    ensure!(manifest.format == FORMAT, "a manifest of another format");
    check_names(&manifest)?;
    let place = Place::new(&manifest.profile, &manifest.jurisdiction);
    let chain = place.chain();
    let directory = place.directory(&manifest.period.name, manifest.revision);
    for _ in 0..MAX_RACES {
        // First the number and then the revision: of two that take the same revision, the second one
        // fails at the number.
        let last = store.last_link(&chain).await?;
        let latest = latest(store, &place, &manifest.period.name).await?;
        if let Some(there) = latest.as_ref() {
            let is_equal = there.manifest.has_equal_files(&manifest.files);
            if is_equal || there.manifest.revision >= manifest.revision {
                settle(store, &place, there).await?;
                return Ok(if is_equal {
                    Outcome::Unchanged(there.clone())
                } else {
                    Outcome::Overtaken(there.clone())
                });
            }
        }
        let before = latest.as_ref().map_or(0, |there| there.manifest.revision);
        ensure!(
            manifest.revision == before + 1,
            "revision {} does not follow revision {before}",
            manifest.revision
        );
        manifest.supersedes = latest.map(|there| there.digest);
        manifest.n = last.as_ref().map_or(0, |(n, _)| *n) + 1;
        manifest.previous = match last {
            Some((n, link)) => Some(parse(&link).with_context(|| place.link(n))?.digest),
            None => None,
        };

        let payload = Bytes::from(manifest.to_bytes()?);
        let link = Bytes::from(signature::sign(key, &payload, now)?);
        store.put(&directory.manifest()?, &payload).await?;
        if store.put_link(&chain, manifest.n, &link).await?.is_none() {
            let published = Published {
                digest: digest(&payload),
                manifest,
                payload,
            };
            settle(store, &place, &published).await?;
            return Ok(Outcome::Published(published));
        }
    }
    bail!("others take the numbers of {chain} as fast as they are found")
}

/// Refuses names under which no file could be found.
fn check_names(manifest: &Manifest) -> anyhow::Result<()> {
    let mut named = BTreeSet::from([MANIFEST]);
    for file in &manifest.files {
        Key::new(&file.key)?;
        ensure!(named.insert(&file.key), "two files are named {}", file.key);
    }
    Ok(())
}

/// Makes the directory of an export what its link says, but for the files: whoever tried the same and
/// came too late may have put another manifest, and files of other names.
async fn settle(store: &Store, place: &Place, published: &Published) -> anyhow::Result<()> {
    let manifest = &published.manifest;
    let directory = place.directory(&manifest.period.name, manifest.revision);
    let beside = directory.manifest()?;
    if store.get(&beside).await?.as_ref() != Some(&published.payload) {
        store.put(&beside, &published.payload).await?;
    }
    let mut named = BTreeSet::from([beside]);
    for file in &manifest.files {
        named.insert(directory.file(&file.key)?);
    }
    let mut after: Option<Key> = None;
    loop {
        let page = store.list(&directory.prefix(), after.as_ref()).await?;
        for key in page.iter().filter(|key| !named.contains(*key)) {
            store.delete(key).await?;
        }
        let Some(last) = page.into_iter().next_back() else {
            return Ok(());
        };
        after = Some(last);
    }
}

/// The revisions of a period that have files.
async fn revisions(store: &Store, place: &Place, period: &str) -> anyhow::Result<BTreeSet<u32>> {
    let prefix = place.revisions(period);
    let mut found = BTreeSet::new();
    let mut after: Option<Key> = None;
    loop {
        let page = store.list(&prefix, after.as_ref()).await?;
        let segments = page.iter().filter_map(|key| {
            let rest = &key.as_str()[prefix.len() - 1..];
            rest.split_once('/').map(|(segment, _)| segment)
        });
        found.extend(segments.filter_map(revision));
        let Some(last) = page.into_iter().next_back() else {
            return Ok(found);
        };
        after = Some(last);
    }
}

/// What link `n` says, whoever has signed it; None if there is none.
async fn read(store: &Store, place: &Place, n: u64) -> anyhow::Result<Option<Published>> {
    let link = store.link(&place.chain(), n).await?;
    let link = link.map(|link| parse(&link)).transpose();
    link.with_context(|| place.link(n))
}

/// What a link says, whoever has signed it.
///
/// # Errors
/// What is no link, and a manifest that cannot be read.
pub(crate) fn parse(link: &[u8]) -> anyhow::Result<Published> {
    let jws = Jws::parse(link)?;
    let manifest = serde_json::from_slice(jws.payload()).context("its manifest")?;
    Ok(Published {
        manifest,
        digest: digest(jws.payload()),
        payload: Bytes::copy_from_slice(jws.payload()),
    })
}

#[cfg(test)]
mod tests;
