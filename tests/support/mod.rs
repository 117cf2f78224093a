//! What the tests of the whole program share: starting and ending it, asking it, reading what it
//! archived, and the independent readers.

pub(crate) mod archive;
pub(crate) mod cloud;
pub(crate) mod composition;
pub(crate) mod dashboard;
pub(crate) mod diary;
pub(crate) mod fleet;
pub(crate) mod hand_over;
pub(crate) mod iam;
pub(crate) mod kcl;
pub(crate) mod leases;
pub(crate) mod load;
pub(crate) mod moto;
pub(crate) mod office;
pub(crate) mod outcome;
pub(crate) mod pages;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod prometheus;
pub(crate) mod publisher;
pub(crate) mod readers;
pub(crate) mod services;
pub(crate) mod tools;
pub(crate) mod versions;
pub(crate) mod worker;

use std::time::{Duration, Instant};

pub(crate) use faults::skip;

/// A condition that does not come about in this time never will.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until `holds` says something, and says what was waited for if it never does.
pub(crate) fn wait_for<Found>(what: &str, mut holds: impl FnMut() -> Option<Found>) -> Found {
    let begun = Instant::now();
    loop {
        if let Some(found) = holds() {
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
