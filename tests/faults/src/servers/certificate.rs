//! A key and a certificate for a server of a test, made by openssl. Who trusts it is the test's matter.

use std::{path::Path, process::Command};

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

/// Makes a key and a certificate for 127.0.0.1, files of these names in this directory.
///
/// # Panics
/// Where openssl is not there, or makes none.
#[expect(clippy::expect_used, reason = "it is for tests")]
pub fn make_certificate(directory: &Path) -> [String; 2] {
    let files = ["key", "certificate"].map(|name| {
        let file = directory.join(name);
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
