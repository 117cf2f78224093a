//! What can be wrong with exports, in words for who receives them.

use std::fmt;

use super::{
    super::{place::Place, signature::Distrust},
    KnownHead,
};

/// A fault, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The key of an object below the URL, or what keys begin with; `.` is the URL itself.
    pub(crate) at: String,
    /// What is wrong there.
    pub(crate) fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.fault)
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// There is nothing to verify.
    #[error("no chain of exports lies here")]
    NoChain,
    /// An object that is no link and lies in no export.
    #[error("lies here and is part of no export")]
    Stray,
    /// A directory that no link names.
    #[error(
        "no link of the chain names this export: its link was removed, or it was never finished"
    )]
    Unlinked,
    /// A file that the manifest does not name.
    #[error("lies in the export's directory, and its manifest does not name it")]
    Foreign,
    /// Links are missing from here on, up to this one.
    #[error("the links from here up to {0} are missing")]
    LinksMissing(u64),
    /// More bytes than a link may have.
    #[error("is larger than {0} bytes, which no link is")]
    TooLarge(u64),
    /// Nobody that is trusted has signed it.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    /// What is signed cannot be read.
    #[error("what is signed is no manifest: {0}")]
    NotManifest(String),
    /// What is signed has another format.
    #[error("the manifest has format {0}, and this program reads format {ours}", ours = super::super::manifest::FORMAT)]
    Format(u32),
    /// The link is another's.
    #[error("says that it is link {0}: links have changed places")]
    OutOfPlace(u64),
    /// The chain is another's.
    #[error("is an export of {0}, and lies in another's chain")]
    Elsewhere(Place),
    /// The link before is another than the one that was here.
    #[error("does not name the link before it as previous: one of both was replaced")]
    Previous,
    /// The first link names one before it.
    #[error("is the first link, and names one before it: the chain's beginning was cut off")]
    BeforeFirst,
    /// A revision is missing or there twice.
    #[error("is revision {found} of its period, where revision {expected} comes next")]
    Revision {
        /// What it says.
        found: u32,
        /// What it must be.
        expected: u32,
    },
    /// The revision before is another than the one that was corrected.
    #[error("does not name the revision before it as superseded")]
    Supersedes,
    /// A name that no object can have.
    #[error("the manifest names {0:?}, which is no name of an object")]
    Name(String),
    /// A name that is there twice.
    #[error("the manifest names it twice")]
    Twice,
    /// An object that is not there.
    #[error("is missing")]
    Missing,
    /// The manifest beside the files.
    #[error("is not what was signed")]
    ManifestDiffers,
    /// A file of another size.
    #[error("has {found} bytes, and the manifest says {expected}")]
    Shorter {
        /// Its size.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// A file that goes on.
    #[error("has more bytes than the {0} that the manifest says")]
    Longer(u64),
    /// A file that is another.
    #[error("its bytes have changed: their SHA-256 is {found}, and the manifest says {expected}")]
    Changed {
        /// Its digest.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// A file of other rows than is said.
    #[error("has {found} rows, and the manifest says {expected}")]
    Rows {
        /// Its rows.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// A file that is no Parquet file.
    #[error("is no Parquet file: {0}")]
    NotParquet(String),
    /// The link that was kept is another now.
    #[error("is not the link that you kept as {0}: the chain was rewritten")]
    HeadDiffers(KnownHead),
    /// The chain ends before the link that was kept.
    #[error("the chain ends at link {0}, and you kept {1}: its end was cut off")]
    Cut(u64, KnownHead),
    /// There is no such chain any more.
    #[error("you kept {0}, and there is no such chain any more")]
    ChainGone(KnownHead),
}

impl Fault {
    /// The fault at a place.
    pub(super) fn of(self, at: impl Into<String>) -> Finding {
        let at = at.into();
        Finding { at, fault: self }
    }
}
