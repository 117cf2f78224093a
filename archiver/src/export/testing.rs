//! What the tests of exports share: keys, manifests, and a small export that never changes.
//! The golden one was read by other programs, too (tests/verify.rs).

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jiff::tz::TimeZone;
use objects::{Key, Objects, memory::MemoryObjects};
use schemas::{Timestamp, regulators};

use super::{
    Store,
    chain::{Outcome, publish},
    keys::{NewKey, PublicKeys, SigningKey, UnixSeconds, Validity},
    manifest::{Counts, DeadLetters, FORMAT, File, Gap, Manifest, Period, Source, digest},
    place::Place,
    rows::RowCounter,
    verify::{Finding, KnownHead, Told, verify},
};

/// The golden export's manifest, its link, and the public key.
pub(crate) const GOLDEN: &[u8] = include_bytes!("golden/mds/example/2026-03-01/r001/manifest.json");
pub(crate) const GOLDEN_LINK: &str = include_str!("golden/mds/example/_chain/00000000000000000001");
pub(crate) const GOLDEN_PUBLIC: &str = include_str!("golden.jwk");

/// When the golden export was signed: 2026-03-02 01:00 UTC.
pub(crate) const SIGNED: UnixSeconds = UnixSeconds(1_772_413_200);

/// A pair of keys by a number.
pub(crate) fn key_pair(seed: u8, validity: Validity) -> (SigningKey, PublicKeys) {
    let key = NewKey::from_seed(&[seed; 32], validity).unwrap();
    let public = PublicKeys::parse(&key.public).unwrap();
    (SigningKey::parse(&key.private).unwrap(), public)
}

/// A manifest without files, which is not published yet.
pub(crate) fn manifest(profile: &str, jurisdiction: &str, period: &str) -> Manifest {
    let of = regulators::Period::parse(period, &TimeZone::UTC).unwrap();
    Manifest {
        format: FORMAT,
        profile: profile.to_owned(),
        profile_version: "2.0".to_owned(),
        jurisdiction: jurisdiction.to_owned(),
        period: Period {
            name: period.to_owned(),
            from: of.from,
            to: of.to,
        },
        revision: 1,
        supersedes: None,
        n: 0,
        previous: None,
        files: Vec::new(),
        counts: Counts {
            read: 3,
            written: 2,
            exceptions: 1,
            repeats: 0,
        },
        sources: vec![Source {
            shard: "shard-0".to_owned(),
            first: 4,
            last: 9,
        }],
        gaps: vec![Gap {
            shard: "shard-0".to_owned(),
            n: 5,
            from: None,
            to: "17".to_owned(),
        }],
        dead_letters: vec![DeadLetters {
            shard: "shard-0".to_owned(),
            n: 6,
            records: 1,
            sha256: digest(b"letters"),
        }],
    }
}

/// A file as a manifest names it.
pub(crate) fn file(key: &str, contents: &[u8]) -> File {
    let mut counter = RowCounter::of(key);
    counter.feed(contents);
    let rows = counter.rows().unwrap_or_default();
    let time = (rows > 0).then_some(Timestamp(1_772_323_201_500));
    File {
        key: key.to_owned(),
        bytes: contents.len() as u64,
        sha256: digest(contents),
        rows,
        min_time: time,
        max_time: time,
    }
}

/// Exports in memory, of one key.
pub(crate) struct Exports {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) store: Store,
    pub(crate) key: SigningKey,
    pub(crate) keys: Arc<PublicKeys>,
}

impl Exports {
    /// None so far.
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryObjects::default()))
    }

    /// The same on another storage.
    pub(crate) fn on(objects: Arc<dyn Objects>) -> Self {
        let (key, keys) = key_pair(1, Validity::default());
        Self {
            store: Store::new(Arc::clone(&objects)),
            objects,
            key,
            keys: Arc::new(keys),
        }
    }

    /// Two periods, one of them corrected: three links.
    pub(crate) async fn some() -> Self {
        let exports = Self::new();
        let hour: &[(&str, &[u8])] = &[("trips.csv", b"id,m\na,1\nb,2\n")];
        exports.put("2026-03-01", 1, hour).await;
        exports.put("2026-03-02", 1, &[]).await;
        let corrected: &[(&str, &[u8])] = &[
            ("more/events.json", b"[{\"id\": 1}]"),
            ("trips.csv", b"id,m\na,1\nb,3\n"),
        ];
        exports.put("2026-03-01", 2, corrected).await;
        exports
    }

    /// Writes the files of an export and publishes it; it must be new.
    pub(crate) async fn put(&self, period: &str, revision: u32, files: &[(&str, &[u8])]) {
        let outcome = self.try_put(period, revision, files).await.unwrap();
        assert!(matches!(outcome, Outcome::Published(_)), "{outcome:?}");
    }

    /// Writes the files of an export and publishes it.
    pub(crate) async fn try_put(
        &self,
        period: &str,
        revision: u32,
        files: &[(&str, &[u8])],
    ) -> anyhow::Result<Outcome> {
        let mut manifest = manifest("mds", "example", period);
        manifest.revision = revision;
        manifest.files = files.iter().map(|(key, bytes)| file(key, bytes)).collect();
        let directory = Place::new("mds", "example").directory(period, revision);
        for (key, bytes) in files {
            let bytes = Bytes::copy_from_slice(bytes);
            self.store.put(&directory.file(key)?, &bytes).await?;
        }
        publish(&self.store, manifest, &self.key, SIGNED).await
    }

    /// What verifying says: exports without a fault, faults, and heads.
    pub(crate) async fn verify(&self, heads: &[KnownHead]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut tell = |told| match told {
            Told::Export(export) => verdict.whole.push(export.directory.to_string()),
            Told::Finding(finding) => verdict.findings.push(finding),
            Told::Head(head) => verdict.heads.push(format!(
                "{}={}:{}",
                head.place,
                head.n,
                head.digest.unwrap_or_default()
            )),
        };
        verify(&self.store, &self.keys, heads, &mut tell)
            .await
            .unwrap();
        verdict
    }

    /// All objects.
    pub(crate) async fn all(&self) -> BTreeMap<Key, Bytes> {
        let mut all = BTreeMap::new();
        for key in self.objects.list("", None).await.unwrap() {
            let bytes = self.objects.get(&key).await.unwrap().unwrap();
            all.insert(key, bytes);
        }
        all
    }

    /// The same exports as these objects.
    pub(crate) async fn with(objects: &BTreeMap<Key, Bytes>) -> Self {
        let exports = Self::new();
        for (key, bytes) in objects {
            exports.objects.put(key, bytes.clone()).await.unwrap();
        }
        exports
    }
}

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) whole: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) heads: Vec<String>,
}

impl Verdict {
    /// The findings as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.findings.iter().map(ToString::to_string).collect()
    }
}
