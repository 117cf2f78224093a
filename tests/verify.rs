//! Exports are proven whole by other programs than ours, as `docs/exports.md` says, and ours believes
//! what another's implementation signed. What is found in detail is tested in `archiver`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

use crate::support::{program::service, readers};

const SIGNER: &str = include_str!("support/signer.py");

/// Exports that the archiver published, and their key: unit tests hold them against what it publishes now.
const EXPORTS: &str = "archiver/src/export/golden";
const KEY: &str = "archiver/src/export/golden.jwk";
const FILE: &str = "mds/example/2026-03-01/r001/trips.csv";
const LINK: &str = "mds/example/_chain/00000000000000000001";

/// Copies a directory.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A copy of the exports, to be changed.
struct Exports {
    directory: TempDir,
    key: PathBuf,
}

impl Exports {
    fn copied() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = tempfile::tempdir().unwrap();
        copy(&root.join(EXPORTS), &directory.path().join("exports"));
        Self {
            directory,
            key: root.join(KEY),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.path().join("exports").join(key)
    }

    /// What `archiver verify` says, and whether it is content.
    fn verify(&self, flags: &[&str]) -> (bool, String) {
        let url = format!("file://{}", self.path("").display());
        let key = self.key.to_str().unwrap();
        let arguments = [&["verify", &url, "--key", key], flags].concat();
        told(service("archiver", &arguments).output().unwrap())
    }

    /// What the ways of the manual say that need nothing of ours.
    fn verify_otherwise(&self, python: &Path) -> [(bool, String); 2] {
        let jurisdiction = self.path("mds/example");
        let mut script = Command::new(python);
        script.args(["-c", &block("python")]);
        script.arg(&jurisdiction).arg(&self.key);
        let mut shell = Command::new("bash");
        shell.args(["-c", &block("bash"), "verify.sh"]);
        shell.arg(self.path(LINK)).arg(&self.key);
        shell.arg(jurisdiction.join("2026-03-01/r001"));
        [script, shell].map(|mut command| told(command.output().unwrap()))
    }
}

fn told(output: Output) -> (bool, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// The block of this language in the manual.
fn block(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exports.md");
    let manual = fs::read_to_string(path).unwrap();
    let (_, rest) = manual.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Changes one byte.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn others_prove_an_export_as_the_manual_says() {
    let test = "others_prove_an_export_as_the_manual_says";
    let Some(python) = readers::python(test) else {
        return;
    };
    let exports = Exports::copied();
    let (is_whole, ours) = exports.verify(&[]);
    assert!(is_whole, "{ours}");
    let head = ours
        .lines()
        .find_map(|line| line.strip_prefix("head  mds/example="));
    let head = head.unwrap();
    let [script, shell] = exports.verify_otherwise(&python);
    assert!(script.0 && script.1.contains(head), "{}", script.1);
    assert!(shell.0 && shell.1.contains("trips.csv: OK"), "{}", shell.1);
    let (is_whole, ours) = exports.verify(&["--head", head]);
    assert!(is_whole, "{ours}");

    for changed in [FILE, LINK, "mds/example/2026-03-01/r001/manifest.json"] {
        let exports = Exports::copied();
        flip(&exports.path(changed));
        let (is_whole, ours) = exports.verify(&[]);
        assert!(
            !is_whole && ours.contains(&format!("WRONG {changed}: ")),
            "{ours}"
        );
        assert!(ours.contains("Error: not verified: "), "{ours}");
        for (is_whole, theirs) in exports.verify_otherwise(&python) {
            assert!(!is_whole, "{changed}: {theirs}");
        }
    }
}

#[test]
fn what_another_signed_with_our_key_is_believed_while_the_key_is_valid() {
    let test = "what_another_signed_with_our_key_is_believed_while_the_key_is_valid";
    let Some(python) = readers::python(test) else {
        return;
    };
    let mut exports = Exports::copied();
    let [private, public] = ["private", "public"].map(|name| exports.directory.path().join(name));
    let [private, public_text] = [&private, &public].map(|path| path.to_str().unwrap());
    let make = [
        "key",
        "--private",
        private,
        "--public",
        public_text,
        "--days",
        "2",
    ];
    let (is_made, words) = told(service("archiver", &make).output().unwrap());
    assert!(is_made, "{words}");
    let (is_made, words) = told(service("archiver", &make).output().unwrap());
    assert!(!is_made && words.contains("exists"), "{words}");

    let (_, others) = exports.verify(&[]);
    exports.key.clone_from(&public);
    let (is_whole, ours) = exports.verify(&[]);
    assert!(
        !is_whole && ours.contains("not among the keys given"),
        "{ours}"
    );

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let chain = exports.path("mds/example");
    let sign = |at: u64| {
        let arguments = [chain.to_str().unwrap(), private, &at.to_string()];
        readers::run(&python, SIGNER, &arguments);
    };
    sign(now);
    let (is_whole, ours) = exports.verify(&[]);
    assert!(is_whole, "{ours}");
    // It is the same manifest, under another signature.
    let head = |text: &str| {
        text.lines()
            .find(|line| line.starts_with("head"))
            .map(str::to_owned)
    };
    assert_eq!(head(&ours), head(&others));
    for (at, words) in [
        (now - 86_400, "is valid from"),
        (now + 3 * 86_400, "expired at"),
    ] {
        sign(at);
        let (is_whole, ours) = exports.verify(&[]);
        assert!(!is_whole && ours.contains(words), "{ours}");
    }
}

#[test]
fn what_is_no_url_and_no_key_is_told_at_once() {
    let arguments = ["verify", "nowhere", "--key", "/no/such/file"];
    let (is_whole, text) = told(service("archiver", &arguments).output().unwrap());
    assert!(!is_whole, "{text}");
    for words in [
        "Error: --key: /no/such/file: ",
        "; URL: object storage url nowhere",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let exports = Exports::copied();
    let nowhere = exports.path("mistyped");
    let url = format!("file://{}", nowhere.display());
    let arguments = ["verify", &url, "--key", exports.key.to_str().unwrap()];
    let (is_whole, text) = told(service("archiver", &arguments).output().unwrap());
    assert!(
        !is_whole && text.contains("No such file or directory"),
        "{text}"
    );
    assert!(!nowhere.exists());
}
