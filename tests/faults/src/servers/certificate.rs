//! A key and a certificate for a server of a test, made by openssl. Who trusts it is the test's matter.

use std::process::Command;

use tempfile::TempDir;

/// A certificate that says nobody else's word is needed for it.
const CERTIFICATE: [&str; 16] = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-batch",
];

/// Makes a key and a certificate, files of these names in this directory.
#[expect(clippy::expect_used, reason = "it is for tests")]
pub(super) fn make_certificate(directory: &TempDir) -> [String; 2] {
    let files = ["key", "certificate"].map(|name| {
        let file = directory.path().join(name);
        file.to_string_lossy().into_owned()
    });
    let made = Command::new("openssl")
        .args(CERTIFICATE)
        .args(["-keyout", &files[0], "-out", &files[1]])
        .output();
    let made = made.expect("openssl, which makes a certificate");
    assert!(made.status.success(), "{made:?}");
    files
}
