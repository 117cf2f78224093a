//! Verifies exports, with nothing but them and the public keys: every link of every chain below a
//! URL, every file that it names, and that nothing else lies there. It believes nothing that is not
//! signed, and writes nothing.
//!
//! It goes on after a fault, so that all of them are told. Memory is bounded: some links and some
//! blocks of files at a time; of all others only names and digests are kept.
//!
//! What a chain cannot tell by itself is that its end was cut off. So its reader keeps its head, the
//! number and the digest of its last link, and says it the next time ([`KnownHead`]).

mod file;
mod finding;
mod link;
mod survey;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, stream};

use super::{
    Store,
    keys::PublicKeys,
    place::{Directory, Place},
};
use file::FILES_AT_ONCE;
use finding::Fault;
use link::{Checked, check_link};
use survey::Survey;

pub(crate) use finding::Finding;
pub(crate) use link::Export;

/// Links that are looked at at once, with their files: enough to hide the latency of small ones. With
/// [`FILES_AT_ONCE`] of each, and a block of each file, that is 32 MiB.
const LINKS_AT_ONCE: usize = 4;
const _: () = assert!(LINKS_AT_ONCE * FILES_AT_ONCE * (file::BLOCK_BYTES as usize) <= 32 << 20);

/// What is told on the way, as soon as it is known.
#[derive(Debug)]
pub(crate) enum Told {
    /// An export without a fault.
    Export(Export),
    /// A fault.
    Finding(Finding),
    /// The end of a chain: what its reader should keep.
    Head(Head),
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Where the chain lies.
    pub(crate) place: Place,
    /// The number of its last link.
    pub(crate) n: u64,
    /// The SHA-256 of the manifest in it; None where that cannot be read.
    pub(crate) digest: Option<String>,
}

/// A head that the reader of a chain has kept: `N:DIGEST`, or `PROFILE/JURISDICTION=N:DIGEST` where
/// there are several chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownHead {
    place: Option<String>,
    n: u64,
    digest: String,
}

impl FromStr for KnownHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, head) = match text.split_once('=') {
            Some((place, head)) => (Some(place.to_owned()), head),
            None => (None, text),
        };
        let (n, digest) = head.split_once(':').ok_or("it has no colon")?;
        let n = n
            .parse()
            .map_err(|_| "what is before the colon is no number")?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digest.len() != 64 || !digest.bytes().all(is_hex) {
            return Err("what is after the colon are not 64 digits of a SHA-256");
        }
        let digest = digest.to_owned();
        Ok(Self { place, n, digest })
    }
}

impl fmt::Display for KnownHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.n, self.digest)
    }
}

/// Verifies all exports below a URL, and tells what it finds as it goes.
///
/// # Errors
/// An error from the storage, and a known head of which nobody can say which chain it is of.
pub(crate) async fn verify(
    store: &Store,
    keys: &Arc<PublicKeys>,
    heads: &[KnownHead],
    tell: &mut (dyn FnMut(Told) + Send),
) -> anyhow::Result<()> {
    let Survey {
        chains,
        mut directories,
    } = Survey::make(store, &mut *tell).await?;
    let mut heads = assign(heads, &chains)?;
    if chains.is_empty() {
        tell(Told::Finding(Fault::NoChain.of(".")));
    }
    for (place, links) in chains {
        let known = heads.remove(&place).unwrap_or_default();
        let mut walk = Walk::new(place, known, &mut directories, &mut *tell);
        walk.all(store, keys, links).await?;
    }
    for (place, known) in heads {
        for head in known {
            tell(Told::Finding(Fault::ChainGone(head).of(place.to_string())));
        }
    }
    for directory in directories {
        tell(Told::Finding(Fault::Unlinked.of(directory.to_string())));
    }
    Ok(())
}

/// Says which chain each known head is of.
fn assign(
    heads: &[KnownHead],
    chains: &BTreeMap<Place, Vec<u64>>,
) -> anyhow::Result<BTreeMap<Place, Vec<KnownHead>>> {
    let mut assigned: BTreeMap<Place, Vec<KnownHead>> = BTreeMap::new();
    for head in heads {
        let place = match (&head.place, chains.len()) {
            (Some(place), _) => Place::at(place),
            (None, 0) => Place::at("."),
            (None, _) => match first_only(chains.keys()) {
                Some(place) => place.clone(),
                None => bail!("there are several chains: say PROFILE/JURISDICTION={head}"),
            },
        };
        assigned.entry(place).or_default().push(head.clone());
    }
    Ok(assigned)
}

fn first_only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next();
    first.filter(|_| all.next().is_none())
}

/// A walk along one chain, from its first link to its last.
struct Walk<'a> {
    place: Place,
    known: Vec<KnownHead>,
    directories: &'a mut BTreeSet<Directory>,
    tell: &'a mut (dyn FnMut(Told) + Send),
    /// The link before; None before the first.
    before: Option<Before>,
    /// The last revision of each period, and the digest of its manifest.
    revisions: BTreeMap<String, (u32, String)>,
    /// Whether a link was missing or could not be read: then revisions may be missing, too.
    has_holes: bool,
}

/// A link that was passed.
struct Before {
    n: u64,
    /// None where its manifest cannot be read.
    digest: Option<String>,
}

impl<'a> Walk<'a> {
    fn new(
        place: Place,
        known: Vec<KnownHead>,
        directories: &'a mut BTreeSet<Directory>,
        tell: &'a mut (dyn FnMut(Told) + Send),
    ) -> Self {
        Self {
            place,
            known,
            directories,
            tell,
            before: None,
            revisions: BTreeMap::new(),
            has_holes: false,
        }
    }

    async fn all(
        &mut self,
        store: &Store,
        keys: &Arc<PublicKeys>,
        links: Vec<u64>,
    ) -> anyhow::Result<()> {
        let place = self.place.clone();
        let mut checked = stream::iter(links)
            .map(|n| {
                let (store, keys, place) = (store.clone(), Arc::clone(keys), place.clone());
                tokio::spawn(async move { check_link(&store, &keys, &place, n).await })
            })
            .buffered(LINKS_AT_ONCE);
        while let Some(link) = checked.next().await {
            self.pass(link.context("a check panicked")??);
        }
        self.end();
        Ok(())
    }

    /// Holds a link against those before it.
    fn pass(&mut self, checked: Checked) {
        let Checked {
            n,
            digest,
            manifest,
            export,
            mut faults,
        } = checked;
        let mut wrong = Vec::new();
        let expected = self.before.as_ref().map_or(1, |before| before.n + 1);
        self.has_holes |= n > expected || manifest.is_none();
        if n > expected {
            let fault = match n - expected {
                1 => Fault::Missing,
                _ => Fault::LinksMissing(n - 1),
            };
            (self.tell)(Told::Finding(fault.of(self.place.link(expected))));
        }
        for head in self.known.iter().filter(|head| head.n == n) {
            if digest.as_ref() != Some(&head.digest) {
                wrong.push(Fault::HeadDiffers(head.clone()));
            }
        }
        if let Some(manifest) = manifest {
            if manifest.n != n {
                wrong.push(Fault::OutOfPlace(manifest.n));
            }
            if !self.place.is_of(&manifest) {
                let is_of = Place::new(&manifest.profile, &manifest.jurisdiction);
                wrong.push(Fault::Elsewhere(is_of));
            }
            wrong.extend(self.follow(n, manifest.previous.as_deref()));
            wrong.extend(self.correct(manifest, digest.clone()));
        }
        let key = self.place.link(n);
        let wrong = wrong.into_iter().map(|fault| fault.of(&key));
        faults.splice(0..0, wrong);
        self.before = Some(Before { n, digest });

        if let Some(export) = export {
            self.directories.remove(&export.directory);
            if faults.is_empty() {
                (self.tell)(Told::Export(export));
            }
        }
        for finding in faults {
            (self.tell)(Told::Finding(finding));
        }
    }

    /// Whether the link names the one before. Where that is missing, or cannot be read, it is told
    /// already.
    fn follow(&self, n: u64, previous: Option<&str>) -> Option<Fault> {
        match &self.before {
            None if n == 1 => previous.map(|_| Fault::BeforeFirst),
            Some(before) if before.n + 1 == n => {
                let digest = before.digest.as_deref()?;
                (previous != Some(digest)).then_some(Fault::Previous)
            }
            _ => None,
        }
    }

    /// Whether the revision is the one after the last of its period, and says so.
    fn correct(
        &mut self,
        manifest: super::manifest::Manifest,
        digest: Option<String>,
    ) -> Option<Fault> {
        let last = self.revisions.get(&manifest.period.name);
        let expected = last.map_or(1, |(revision, _)| revision + 1);
        let found = manifest.revision;
        let fault = if found == expected {
            let is_named = manifest.supersedes.as_ref() == last.map(|(_, digest)| digest);
            (!is_named).then_some(Fault::Supersedes)
        } else {
            // What is missing is told already.
            let is_told = self.has_holes && found > expected;
            (!is_told).then_some(Fault::Revision { found, expected })
        };
        let digest = digest.unwrap_or_default();
        let revision = (manifest.revision, digest);
        self.revisions.insert(manifest.period.name, revision);
        fault
    }

    fn end(&mut self) {
        let Some(Before { n, digest }) = self.before.take() else {
            return;
        };
        for head in self.known.iter().filter(|head| head.n > n) {
            let finding = Fault::Cut(n, head.clone()).of(self.place.to_string());
            (self.tell)(Told::Finding(finding));
        }
        let place = self.place.clone();
        (self.tell)(Told::Head(Head { place, n, digest }));
    }
}

#[cfg(test)]
mod tests;
