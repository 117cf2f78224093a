//! Independent readers of the archive: DuckDB and pyarrow, run in Python.

use std::{env, path::PathBuf, process::Command};

/// The Python that has the readers: what `HANSOM_TEST_PYTHON` names, which must have them, else
/// `python3` if it has them. Without one, `test` is skipped.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let named = env::var_os("HANSOM_TEST_PYTHON").map(PathBuf::from);
    let python = named.clone().unwrap_or("python3".into());
    let has_readers = Command::new(&python)
        .args(["-c", "import duckdb, pyarrow"])
        .output()
        .is_ok_and(|output| output.status.success());
    if has_readers {
        return Some(python);
    }
    let why = format!("{} has no duckdb and pyarrow", python.display());
    assert!(named.is_none(), "HANSOM_TEST_PYTHON: {why}");
    super::skip(test, &why);
    None
}

/// Runs a script and hands out what it printed.
pub(crate) fn run(python: &PathBuf, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python)
        .arg("-c")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
