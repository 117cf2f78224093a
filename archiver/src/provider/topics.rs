//! The topics of MDS that are served, and the files of an export that have their rows. What a file is
//! called and what stands around its rows is the profile's and the export's; here it is held against
//! what lies there.

use std::ops::Range;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use objects::Key;
use schemas::{
    Timestamp,
    regulators::{Profile, Topic},
};

use crate::export::{
    Frame, Store,
    inputs::told,
    manifest::{File, Manifest},
    place::Place,
};

/// The profile whose exports are served.
pub(crate) const PROFILE: &str = "mds";

/// What the API serves of.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(crate) trips: TopicFiles,
    pub(crate) telemetry: TopicFiles,
    pub(crate) events: TopicFiles,
    pub(crate) vehicles: TopicFiles,
}

/// The files of one topic.
#[derive(Debug)]
pub(crate) struct TopicFiles {
    topic: Topic,
    /// What stands before the rows of an answer about now, which says behind them how recent it is.
    pub(crate) live_head: Bytes,
}

/// The rows of a topic in an export.
#[derive(Debug)]
pub(crate) struct Parts {
    /// What stands around the rows of each.
    pub(crate) frame: Frame,
    /// In their order: at least one, also without rows.
    pub(crate) parts: Vec<Part>,
}

/// The rows of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) key: Key,
    /// The bytes between head and tail; empty without a row.
    pub(crate) rows: Range<u64>,
}

impl Topics {
    /// Those of the profile that this version of Hansom comes with.
    ///
    /// # Errors
    /// A profile that lacks one of them.
    pub(crate) fn built_in() -> anyhow::Result<Self> {
        let profile = Profile::built_in(PROFILE).map_err(|all| told(&all))?;
        Ok(Self {
            trips: TopicFiles::of(&profile, "trips")?,
            telemetry: TopicFiles::of(&profile, "telemetry")?,
            events: TopicFiles::of(&profile, "events")?,
            vehicles: TopicFiles::of(&profile, "vehicles")?,
        })
    }
}

impl TopicFiles {
    fn of(profile: &Profile, name: &str) -> anyhow::Result<Self> {
        let mut topics = profile.topics.iter();
        let topic: &Topic = topics
            .find(|topic| topic.name == name)
            .with_context(|| format!("the profile {PROFILE} has no topic {name}"))?;
        let mut live = topic.clone();
        live.members.retain(|name, _| name == "version");
        Ok(Self {
            topic: topic.clone(),
            live_head: Frame::of(&live)?.head.into(),
        })
    }

    /// What stands around the rows of a period that ends then.
    pub(crate) fn frame(&self, end: Timestamp) -> anyhow::Result<Frame> {
        Frame::of(&self.topic.until(end))
    }

    /// The rows that an export has.
    ///
    /// # Errors
    /// An error from the storage, and files that are not as the profile says: then nobody can join them.
    pub(crate) async fn parts(&self, store: &Store, manifest: &Manifest) -> anyhow::Result<Parts> {
        let place = Place::new(&manifest.profile, &manifest.jurisdiction);
        let directory = place.directory(&manifest.period.name, manifest.revision);
        let mut files: Vec<(u32, &File)> = Vec::new();
        for file in &manifest.files {
            files.extend(self.number(&file.key).map(|number| (number, file)));
        }
        files.sort_unstable_by_key(|(number, _)| *number);
        let (name, frame) = (&self.topic.name, self.frame(manifest.period.to)?);
        ensure!(!files.is_empty(), "{directory} has no file of {name}");
        let mut parts = Vec::with_capacity(files.len());
        for (at, (number, file)) in files.into_iter().enumerate() {
            ensure!(
                number as usize == at + 1,
                "{directory} lacks part {} of {name}",
                at + 1
            );
            let key = directory.file(&file.key)?;
            let read = part(store, &frame, key.clone(), file.bytes).await;
            parts.push(read.with_context(|| format!("{key}, of {name}"))?);
        }
        Ok(Parts { frame, parts })
    }

    /// The number of a part, by its name.
    fn number(&self, key: &str) -> Option<u32> {
        let rest = key
            .strip_prefix(self.topic.name.as_str())?
            .strip_prefix('-')?;
        rest.strip_suffix(".json")?.parse().ok()
    }
}

async fn part(store: &Store, frame: &Frame, key: Key, bytes: u64) -> anyhow::Result<Part> {
    let (head, tail) = (frame.head.len() as u64, frame.tail.len() as u64);
    ensure!(bytes >= head + tail, "it is too short");
    let rows = head..bytes - tail;
    let begin = store.get_range(&key, 0..head).await?;
    let begin = begin.context("it is missing")?;
    ensure!(begin == frame.head, "it does not begin as the profile says");
    // One byte past the end, so that a longer file is told too.
    let end = store.get_range(&key, rows.end..bytes + 1).await?;
    let ends = end.is_some_and(|end| end == frame.tail);
    ensure!(ends, "it does not end as the profile says");
    Ok(Part { key, rows })
}
