//! The topics of MDS that are served, and the files of an export that have their rows. What a file is
//! called and what stands around its rows is the profile's and the export's; here it is held against
//! what lies there.

use std::ops::Range;

use anyhow::{Context as _, ensure};
use objects::Key;
use schemas::regulators::{Profile, Topic};

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
    name: String,
    pub(crate) frame: Frame,
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
        Ok(Self {
            name: name.to_owned(),
            frame: Frame::of(topic)?,
        })
    }

    /// The parts of an export, in their order: at least one, also without rows.
    ///
    /// # Errors
    /// An error from the storage, and files that are not as the profile says: then nobody can join them.
    pub(crate) async fn parts(
        &self,
        store: &Store,
        manifest: &Manifest,
    ) -> anyhow::Result<Vec<Part>> {
        let place = Place::new(&manifest.profile, &manifest.jurisdiction);
        let directory = place.directory(&manifest.period.name, manifest.revision);
        let mut files: Vec<(u32, &File)> = Vec::new();
        for file in &manifest.files {
            files.extend(self.number(&file.key).map(|number| (number, file)));
        }
        files.sort_unstable_by_key(|(number, _)| *number);
        ensure!(
            !files.is_empty(),
            "{directory} has no file of {}",
            self.name
        );
        let mut parts = Vec::with_capacity(files.len());
        for (at, (number, file)) in files.into_iter().enumerate() {
            ensure!(
                number as usize == at + 1,
                "{directory} lacks part {} of {}",
                at + 1,
                self.name
            );
            let key = directory.file(&file.key)?;
            let read = self.part(store, key.clone(), file.bytes).await;
            parts.push(read.with_context(|| key.to_string())?);
        }
        Ok(parts)
    }

    /// The number of a part, by its name.
    fn number(&self, key: &str) -> Option<u32> {
        let rest = key.strip_prefix(self.name.as_str())?.strip_prefix('-')?;
        rest.strip_suffix(".json")?.parse().ok()
    }

    async fn part(&self, store: &Store, key: Key, bytes: u64) -> anyhow::Result<Part> {
        let head = self.frame.head.len() as u64;
        let tail = self.frame.tail.len() as u64;
        ensure!(
            bytes >= head + tail,
            "it is too short for one of {}",
            self.name
        );
        let rows = head..bytes - tail;
        let begin = store.get_range(&key, 0..head).await?;
        let begin = begin.context("it is missing")?;
        ensure!(
            begin == self.frame.head,
            "it does not begin as one of {} does",
            self.name
        );
        // One byte past the end, so that a longer file is told too.
        let end = store.get_range(&key, rows.end..bytes + 1).await?;
        ensure!(
            end.is_some_and(|end| end == self.frame.tail),
            "it does not end as one of {} does",
            self.name
        );
        Ok(Part { key, rows })
    }
}
