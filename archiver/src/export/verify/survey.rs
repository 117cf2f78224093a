//! What lies below a URL, by its names alone: chains, directories of exports, and what is neither.

use std::collections::{BTreeMap, BTreeSet};

use objects::Key;

use super::{
    super::{
        Store,
        place::{Directory, Part, Place},
    },
    Told,
    finding::Fault,
};

/// What was found.
pub(super) struct Survey {
    /// The numbers of the links of each chain, ascending.
    pub(super) chains: BTreeMap<Place, Vec<u64>>,
    /// What has the form of an export's directory.
    pub(super) directories: BTreeSet<Directory>,
}

impl Survey {
    /// Looks at all names, and tells those that are part of nothing.
    ///
    /// # Errors
    /// An error from the storage.
    pub(super) async fn make(
        store: &Store,
        tell: &mut (dyn FnMut(Told) + Send),
    ) -> anyhow::Result<Self> {
        let mut survey = Self {
            chains: BTreeMap::new(),
            directories: BTreeSet::new(),
        };
        let mut after: Option<Key> = None;
        loop {
            let page = store.list("", after.as_ref()).await?;
            for key in &page {
                match Part::of(key) {
                    Part::Link(place, n) => survey.chains.entry(place).or_default().push(n),
                    Part::In(directory) => {
                        survey.directories.insert(directory);
                    }
                    Part::Own => {}
                    Part::Nothing => tell(Told::Finding(Fault::Stray.of(key.as_str()))),
                }
            }
            let Some(last) = page.into_iter().next_back() else {
                return Ok(survey);
            };
            after = Some(last);
        }
    }
}
