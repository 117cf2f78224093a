//! What the tests of the whole program share: starting and ending it, asking it, reading what it
//! archived, and the independent readers.

pub(crate) mod archive;
pub(crate) mod moto;
pub(crate) mod program;
pub(crate) mod readers;

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    time::{Duration, Instant},
};

/// A condition that does not come about in this time never will.
const PATIENCE: Duration = Duration::from_mins(2);

/// Says loudly that a test is skipped, also in the file that `HANSOM_TEST_SKIPS` names: the output
/// of a test that passes is seen by nobody.
pub(crate) fn skip(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
    if let Some(path) = env::var_os("HANSOM_TEST_SKIPS") {
        let mut skips = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(skips, "{test}: {why}").unwrap();
    }
}

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
