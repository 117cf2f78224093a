//! The one place that says that a test is skipped.

use std::{env, fs::OpenOptions, io::Write as _};

/// Says loudly that a test is skipped, also in the file that `HANSOM_TEST_SKIPS` names: the output
/// of a test that passes is seen by nobody.
///
/// # Panics
/// Where the file cannot be written: a skip that is not counted is hidden.
pub fn skip(test: &str, why: &str) {
    let line = format!("{test}: {why}\n");
    #[expect(clippy::print_stderr, reason = "it is for who runs the tests")]
    {
        eprint!("SKIPPED {line}");
    }
    let Some(path) = env::var_os("HANSOM_TEST_SKIPS") else {
        return;
    };
    #[expect(clippy::expect_used, reason = "it is for tests")]
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut skips| skips.write_all(line.as_bytes()))
        .expect("a file for the names of tests that are skipped");
}
