//! The manifest of an export: plain JSON that says what the export holds, and of what it was made.
//! It is a function of the archive and of the links before it. There is no clock in it: when it
//! was signed stands in its signature.
//!
//! Members come in a fixed order. Later versions add members and change none, so that a reader
//! passes over what it does not know; a manifest that is read differently has another `format`.

use schemas::Timestamp;
use serde::{Deserialize, Serialize};

use crate::draft::sha256;

/// The format that is written here.
pub(crate) const FORMAT: u32 = 1;

/// The manifest's name, beside the files that it names.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The profile that the files are written by, and the first segment of the export's place.
    pub(crate) profile: String,
    /// The profile's version.
    pub(crate) profile_version: String,
    /// For whom it is, and the second segment of its place.
    pub(crate) jurisdiction: String,
    /// What it is of.
    pub(crate) period: Period,
    /// 1, and one more with each correction.
    pub(crate) revision: u32,
    /// The SHA-256 of the manifest of the revision before; None for the first.
    pub(crate) supersedes: Option<String>,
    /// The number of its link in the chain, from 1 on.
    pub(crate) n: u64,
    /// The SHA-256 of the manifest that link n - 1 holds; None for the first.
    pub(crate) previous: Option<String>,
    /// The files, by key.
    pub(crate) files: Vec<File>,
    /// How many of what.
    pub(crate) counts: Counts,
    /// The commits of the archive that were read, by shard.
    pub(crate) sources: Vec<Source>,
    /// What retention took from the stream before the archiver read it: lost, and when is unknown.
    pub(crate) gaps: Vec<Gap>,
    /// Where records are that could not be read, so that nobody knows whether they belong here.
    pub(crate) dead_letters: Vec<DeadLetters>,
}

/// A period of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Period {
    /// `2026-03-01T07`, `2026-03-01` or `2026-03`: an hour, a day or a month, as the profile counts
    /// them. It is the third segment of the export's place.
    pub(crate) name: String,
    /// Its beginning.
    #[serde(with = "utc")]
    pub(crate) from: Timestamp,
    /// Its end, which is no part of it.
    #[serde(with = "utc")]
    pub(crate) to: Timestamp,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    /// Its key below the directory that the manifest lies in.
    pub(crate) key: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Its rows: of CSV the lines below the header; of JSON the elements of its array, or of the
    /// arrays that are members of its object; of lines of JSON these; of Parquet what its footer says.
    pub(crate) rows: u64,
    /// The earliest time in it; None without rows that have one.
    #[serde(with = "utc::optional")]
    pub(crate) min_time: Option<Timestamp>,
    /// The latest time in it.
    #[serde(with = "utc::optional")]
    pub(crate) max_time: Option<Timestamp>,
}

/// What became of the facts of the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Facts of the archive that were read.
    pub(crate) read: u64,
    /// Rows that were written, without those of the exceptions.
    pub(crate) written: u64,
    /// Rows that want a value which nobody knows.
    pub(crate) exceptions: u64,
    /// Facts that were in the archive before, and count once.
    pub(crate) repeats: u64,
}

/// Commits of one shard, all from the first to the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The shard.
    pub(crate) shard: String,
    /// The number of the first commit.
    pub(crate) first: u64,
    /// The number of the last one.
    pub(crate) last: u64,
}

/// A range of a shard that was lost: after `from`, up to and including `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// The shard.
    pub(crate) shard: String,
    /// The commit that tells of it.
    pub(crate) n: u64,
    /// None is before the oldest record.
    pub(crate) from: Option<String>,
    /// The last position.
    pub(crate) to: String,
}

/// The records of a commit that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadLetters {
    /// The shard.
    pub(crate) shard: String,
    /// The commit.
    pub(crate) n: u64,
    /// How many.
    pub(crate) records: u64,
    /// The SHA-256 of the object that keeps them in the archive.
    pub(crate) sha256: String,
}

impl Manifest {
    /// The bytes of `manifest.json`: equal manifests are equal bytes.
    ///
    /// # Errors
    /// A time outside the years -9999 to 9999.
    pub(crate) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Whether its files and these say the same, whatever their names are. A correction may be named
    /// otherwise than what it corrects.
    pub(crate) fn has_equal_files(&self, files: &[File]) -> bool {
        let contents = |files: &[File]| {
            let mut contents: Vec<_> = files
                .iter()
                .map(|file| (file.sha256.clone(), file.bytes))
                .collect();
            contents.sort_unstable();
            contents
        };
        contents(&self.files) == contents(files)
    }
}

/// The SHA-256 by which another manifest names the one that has these bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    sha256(bytes)
}

/// Times as RFC 3339 has them, in UTC: `2026-03-01T07:00:00Z`.
mod utc {
    use jiff::Timestamp as Moment;
    use schemas::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de, ser};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        let moment = Moment::from_millisecond(time.0).map_err(ser::Error::custom)?;
        to.collect_str(&moment)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        let moment: Moment = text.parse().map_err(de::Error::custom)?;
        Ok(Timestamp(moment.as_millisecond()))
    }

    pub(super) mod optional {
        use serde::{Deserialize, Serialize};

        use super::{Deserializer, Serializer, Timestamp};

        #[derive(Serialize, Deserialize)]
        struct Wrapped(#[serde(with = "super")] Timestamp);

        #[expect(clippy::ref_option, reason = "serde wants it so")]
        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            time.map(Wrapped).serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let wrapped = Option::<Wrapped>::deserialize(from)?;
            Ok(wrapped.map(|Wrapped(time)| time))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    /// From the year -9999 to 9999, as far as the calendar goes.
    fn time() -> impl Strategy<Value = Timestamp> {
        (-377_705_023_201_000_i64..253_402_207_200_000).prop_map(Timestamp)
    }

    fn digest() -> impl Strategy<Value = String> {
        "[0-9a-f]{64}"
    }

    fn file() -> impl Strategy<Value = File> {
        let times = (option::of(time()), option::of(time()));
        (
            "[a-z/._]{1,20}",
            any::<u64>(),
            digest(),
            any::<u64>(),
            times,
        )
            .prop_map(|(key, bytes, sha256, rows, (min_time, max_time))| File {
                key,
                bytes,
                sha256,
                rows,
                min_time,
                max_time,
            })
    }

    fn counts() -> impl Strategy<Value = Counts> {
        any::<[u64; 4]>().prop_map(|[read, written, exceptions, repeats]| Counts {
            read,
            written,
            exceptions,
            repeats,
        })
    }

    fn source() -> impl Strategy<Value = Source> {
        (".*", any::<u64>(), any::<u64>()).prop_map(|(shard, first, last)| Source {
            shard,
            first,
            last,
        })
    }

    fn gap() -> impl Strategy<Value = Gap> {
        (".*", any::<u64>(), option::of(".*"), ".*").prop_map(|(shard, n, from, to)| Gap {
            shard,
            n,
            from,
            to,
        })
    }

    fn dead_letters() -> impl Strategy<Value = DeadLetters> {
        (".*", any::<u64>(), any::<u64>(), digest()).prop_map(|(shard, n, records, sha256)| {
            DeadLetters {
                shard,
                n,
                records,
                sha256,
            }
        })
    }

    fn manifest() -> impl Strategy<Value = Manifest> {
        let head = (".*", ".*", ".*");
        let period = (".*", time(), time());
        let place = (
            any::<u32>(),
            option::of(digest()),
            any::<u64>(),
            option::of(digest()),
        );
        let rest = (
            vec(source(), 0..3),
            vec(gap(), 0..3),
            vec(dead_letters(), 0..3),
        );
        (head, period, place, vec(file(), 0..4), counts(), rest).prop_map(
            |(head, period, place, files, counts, (sources, gaps, dead_letters))| Manifest {
                format: FORMAT,
                profile: head.0,
                profile_version: head.1,
                jurisdiction: head.2,
                period: Period {
                    name: period.0,
                    from: period.1,
                    to: period.2,
                },
                revision: place.0,
                supersedes: place.1,
                n: place.2,
                previous: place.3,
                files,
                counts,
                sources,
                gaps,
                dead_letters,
            },
        )
    }

    proptest! {
        #[test]
        fn a_manifest_reads_back_as_it_was_written(manifest in manifest()) {
            let bytes = manifest.to_bytes().unwrap();
            let read: Manifest = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&read, &manifest);
            prop_assert_eq!(read.to_bytes().unwrap(), bytes);
        }

        #[test]
        fn files_are_equal_by_what_they_say(manifest in manifest()) {
            let mut other = manifest.clone();
            other.revision = other.revision.wrapping_add(1);
            other.files.reverse();
            for file in &mut other.files {
                file.key = format!("Resubmission_{}", file.key);
            }
            prop_assert!(manifest.has_equal_files(&other.files));
            if let Some(file) = other.files.first_mut() {
                file.bytes ^= 1;
                prop_assert!(!manifest.has_equal_files(&other.files));
                other.files.remove(0);
                prop_assert!(!manifest.has_equal_files(&other.files));
            }
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let manifest: Manifest = serde_json::from_slice(super::super::testing::GOLDEN).unwrap();
        let mut later: serde_json::Value = serde_json::to_value(&manifest).unwrap();
        later["weather"] = "fair".into();
        later["files"][0]["weather"] = "fair".into();
        let read: Manifest = serde_json::from_value(later).unwrap();
        assert_eq!(read, manifest);
    }

    #[test]
    fn what_was_written_once_is_written_the_same() {
        let golden = super::super::testing::GOLDEN;
        let manifest: Manifest = serde_json::from_slice(golden).unwrap();
        assert_eq!(manifest.to_bytes().unwrap(), golden);
    }
}
