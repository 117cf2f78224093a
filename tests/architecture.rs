//! The rules of the house that a machine can check: who may depend on whom, one owner for each
//! outside system, what pure code may not touch, and how files look. It reads source text; what
//! the compiler and clippy check is left to them.

mod pure;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pure::{IMPURE, PURE};

const SERVICES: [&str; 3] = ["ingest", "processor", "archiver"];
const LOWER: [&str; 5] = ["schemas", "transport", "objects", "service", "access"];
/// Where each crate lives.
const CRATES: [(&str, &str); 10] = [
    ("hansom", ""),
    ("schemas", "schemas"),
    ("transport", "platform/transport"),
    ("objects", "platform/objects"),
    ("service", "platform/service"),
    ("access", "platform/access"),
    ("ingest", "ingest"),
    ("processor", "processor"),
    ("archiver", "archiver"),
    ("faults", "tests/faults"),
];
/// Outside systems, and the one crate that may speak to each.
const OWNERS: [(&str, &str); 11] = [
    ("rdkafka", "transport"),
    ("aws-sdk-kinesis", "transport"),
    ("aws-sdk-dynamodb", "transport"),
    ("redb", "transport"),
    ("aws-sdk-s3", "objects"),
    ("redis", "processor"),
    ("rumqttc", "ingest"),
    ("jsonwebtoken", "access"),
    ("metrics-exporter-prometheus", "service"),
    ("tracing-subscriber", "service"),
    ("reqwest", "hansom"),
];
/// Usual is 150; past this a file was two nouns.
const MAX_FILE_LINES: usize = 400;
const MAX_ARCHITECTURE_LINES: usize = 150;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file of the project, with its path from the root and its text.
pub(crate) fn sources() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root()).unwrap().to_path_buf(), text);
            }
        }
    }
    assert!(
        found.len() > 50,
        "the walk found only {} files",
        found.len()
    );
    found
}

/// A file's text without its tests and without comments.
fn code(text: &str) -> String {
    let mut shipped = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            // What is meant ends on its line, or where its brace is closed.
            if lines.next().is_some_and(|item| item.ends_with('{')) {
                lines.by_ref().find(|line| *line == "}");
            }
        } else if !line.trim_start().starts_with("//") {
            shipped.push(line);
        }
    }
    shipped.join("\n")
}

#[test]
fn code_is_all_but_tests_and_comments() {
    let text = "#[cfg(test)]\nmod tests;\nfn one() {}\n// words\n#[cfg(test)]\nmod tests {\n    fn \
                two() {\n    }\n}\nfn three() {}";
    assert_eq!(code(text), "fn one() {}\nfn three() {}");
}

fn is_test(path: &Path) -> bool {
    path.starts_with("tests")
        || path
            .components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
        || ["tests.rs", "fuzz.rs", "golden.rs", "laws.rs"]
            .iter()
            .any(|name| path.ends_with(name))
}

fn dependencies(folder: &str, sections: &[&str]) -> BTreeSet<String> {
    let manifest: toml::Table = read(Path::new(folder).join("Cargo.toml")).parse().unwrap();
    // Those that are for some builds only are dependencies too.
    let by_target = manifest.get("target").and_then(toml::Value::as_table);
    let by_target = by_target.into_iter().flat_map(toml::Table::values);
    let tables = by_target
        .filter_map(toml::Value::as_table)
        .chain([&manifest]);
    tables
        .flat_map(|table| {
            sections
                .iter()
                .filter_map(move |section| table.get(*section))
        })
        .filter_map(toml::Value::as_table)
        .flat_map(|table| table.keys().cloned())
        .collect()
}

fn complain(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn dependencies_point_one_way() {
    let mut broken = Vec::new();
    for (name, folder) in CRATES {
        let ours = dependencies(folder, &["dependencies", "build-dependencies"]);
        for (other, _) in CRATES {
            let allowed = match name {
                "hansom" => other != "hansom",
                service if SERVICES.contains(&service) => LOWER.contains(&other),
                _ => false,
            };
            if ours.contains(other) && !allowed {
                broken.push(format!("{name} -> {other}"));
            }
        }
    }
    complain(
        &broken,
        "services do not import each other, and the lower crates import none of ours",
    );
}

#[test]
fn every_outside_system_has_one_owner() {
    let mut broken = Vec::new();
    for (name, folder) in CRATES {
        let theirs = dependencies(folder, &["dependencies"]);
        for (system, owner) in OWNERS {
            // The proxy ships nowhere.
            let is_shipped = name != "faults";
            if is_shipped && theirs.contains(system) && name != owner {
                broken.push(format!("{name} speaks to {system}, which is {owner}'s"));
            }
        }
    }
    complain(&broken, "one owner for each outside system");
}

#[test]
fn schemas_are_pure_data() {
    let theirs = dependencies("schemas", &["dependencies"]);
    for forbidden in ["tokio", "tracing", "metrics", "rand", "bytes"] {
        assert!(
            !theirs.contains(forbidden),
            "schemas depends on {forbidden}"
        );
    }
}

#[test]
fn arrow_stays_where_its_files_are_read() {
    let text = read("Cargo.lock");
    for name in ["arrow-array", "arrow-schema", "parquet"] {
        let entry = text
            .split("[[package]]")
            .find(|entry| entry.contains(&format!("name = \"{name}\"")));
        assert!(
            entry.unwrap().contains("version = \"59.3."),
            "{name} left 59.3"
        );
    }
}

#[test]
fn pure_code_touches_nothing() {
    let mut broken = Vec::new();
    let sources = sources();
    for pure in PURE {
        let under: Vec<_> = sources
            .iter()
            .filter(|(path, _)| path.starts_with(pure))
            .collect();
        assert!(!under.is_empty(), "{pure} is gone: mend the list");
        for (path, text) in under.into_iter().filter(|(path, _)| !is_test(path)) {
            let code = code(text);
            for word in IMPURE.iter().filter(|word| code.contains(**word)) {
                broken.push(format!("{}: {word}", path.display()));
            }
        }
    }
    complain(
        &broken,
        "pure code has no clock, environment, task, log, metric or lock",
    );
}

#[test]
fn every_file_says_what_it_is() {
    let broken: Vec<_> = sources()
        .iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path.display().to_string())
        .collect();
    complain(
        &broken,
        "every file opens with //! and one sentence on what it is",
    );
}

#[test]
fn no_file_holds_two_nouns() {
    let broken: Vec<_> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > MAX_FILE_LINES)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    complain(&broken, "no file has more than 400 lines");
}

#[test]
fn metric_names_stand_in_metrics_rs() {
    let mut broken = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let at_home = path.ends_with("metrics.rs") || path.ends_with("process.rs");
        let code = code(text);
        if !at_home
            && ["counter!(", "gauge!(", "histogram!("]
                .iter()
                .any(|word| code.contains(word))
        {
            broken.push(path.display().to_string());
        }
    }
    complain(&broken, "metric names stand in metrics.rs only");
}

#[test]
fn no_macros_of_our_own() {
    let broken: Vec<_> = sources()
        .iter()
        .filter(|(path, text)| !is_test(path) && code(text).contains("macro_rules!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    complain(&broken, "no macro of our own");
}

#[test]
fn the_top_level_is_where_users_look() {
    for place in [
        "Cargo.toml",
        "ingest",
        "processor",
        "archiver",
        "schemas",
        "tests",
        "docker-compose.yml",
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        ".ci/run",
        "deny.toml",
    ] {
        assert!(root().join(place).exists(), "{place} is missing");
    }
}

#[test]
fn the_architecture_fits_on_a_few_screens() {
    let text = read("ARCHITECTURE.md");
    assert!(text.lines().count() <= MAX_ARCHITECTURE_LINES);
    assert!(text.contains("Architecture invariant"));
    for (name, folder) in CRATES.iter().skip(1) {
        assert!(
            text.contains(folder),
            "ARCHITECTURE.md does not place {name}"
        );
    }
}
