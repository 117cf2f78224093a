//! The tools that hold what is deployed against its specifications: programs by others, in the
//! directory that `HANSOM_TEST_TOOLS` names, and Prometheus as Debian has it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What must be there; the Python of the directory reads YAML.
const NEEDED: [&str; 4] = ["aws", "check-jsonschema", "hadolint", "python"];

/// Where the tools are.
pub(crate) struct Tools(PathBuf);

impl Tools {
    /// None, and said loudly, where nobody names them: then `test` is skipped.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let Some(directory) = env::var_os("HANSOM_TEST_TOOLS").map(PathBuf::from) else {
            super::skip(test, "HANSOM_TEST_TOOLS names no directory of tools");
            return None;
        };
        for tool in NEEDED {
            let path = directory.join(tool);
            assert!(path.exists(), "HANSOM_TEST_TOOLS: no {}", path.display());
        }
        Some(Self(directory))
    }

    /// A tool that is about to run, at the root of the project.
    pub(crate) fn command(&self, name: &str) -> Command {
        at_root(self.0.join(name))
    }

    /// The search path by which a program finds these tools before others.
    pub(crate) fn search_path(&self) -> std::ffi::OsString {
        let others = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.0.clone()).chain(env::split_paths(&others));
        env::join_paths(all).unwrap()
    }
}

/// Whether Prometheus and its own tool are there; if not, `test` is skipped, and it is said loudly.
pub(crate) fn has_prometheus(test: &str) -> bool {
    let is_there = |name: &str| {
        let asked = Command::new(name)
            .arg("--version")
            .stderr(Stdio::null())
            .output();
        asked.is_ok_and(|output| output.status.success())
    };
    let has = is_there("prometheus") && is_there("promtool");
    if !has {
        super::skip(test, "there is no prometheus with its promtool");
    }
    has
}

/// A program that is about to run at the root of the project.
pub(crate) fn at_root(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs it, checks that it finds nothing, and hands out what it printed.
pub(crate) fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {printed}{errors}");
    printed
}
