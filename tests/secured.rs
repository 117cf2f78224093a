//! Connections by TLS, in the whole program, with clients and servers of others. What TLS takes and
//! refuses in detail is tested in `service`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use faults::servers::make_certificate;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    archive,
    process::Process,
    program::{Program, command, wait},
    readers, wait_for,
};

const SECURED: &str = include_str!("support/secured.py");
const ISSUER: &str = include_str!("support/issuer.py");

/// A certificate for 127.0.0.1, and its key.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    /// Makes one, in the place of one that is there.
    fn make(directory: &Path) -> Self {
        let [key, certificate] = make_certificate(directory).map(PathBuf::from);
        Self { certificate, key }
    }

    fn flags(&self) -> [&str; 4] {
        let [certificate, key] = [&self.certificate, &self.key].map(|path| path.to_str().unwrap());
        ["--tls-cert", certificate, "--tls-key", key]
    }
}

fn ask(python: &PathBuf, pair: &Pair, program: &Program) -> Value {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/proto");
    let arguments = [
        "ask",
        pair.certificate.to_str().unwrap(),
        &program.ingest.to_string(),
        &program.live.to_string(),
        protos.to_str().unwrap(),
    ];
    serde_json::from_str(&readers::run(python, SECURED, &arguments)).unwrap()
}

#[test]
fn others_speak_tls_with_it_and_find_a_new_certificate_without_a_restart() {
    let test = "others_speak_tls_with_it_and_find_a_new_certificate_without_a_restart";
    let Some(python) = readers::python(test) else {
        return;
    };
    let scratch = TempDir::new().unwrap();
    let pair = Pair::make(scratch.path());
    let data = scratch.path().join("data");
    let program = Program::start(&data, &pair.flags());
    let told = ask(&python, &pair, &program);
    assert_eq!(told["http2"][0], "TLSv1.3", "{told}");
    assert_eq!(told["http2"][1], "h2");
    assert_eq!(told["http1"][1], "http/1.1");
    assert_eq!(told["posted"], 200);
    assert_eq!(told["called"], json!([2]));
    assert_eq!(told["read"], 200);
    assert_eq!(told["untrusted"], "SSLCertVerificationError");
    assert!(
        told["old"].is_string() && told["plain"].is_string(),
        "{told}"
    );
    let before = told["http1"][2].clone();
    let pair = Pair::make(scratch.path());
    wait_for("the new certificate", || {
        let changed = program.metric("hansom_service_certificates_changed_total");
        (changed >= 1.0).then_some(())
    });
    let told = ask(&python, &pair, &program);
    assert_eq!(told["posted"], 200, "{told}");
    assert_ne!(told["http1"][2], before);
    program.stop();
    assert_eq!(
        archive::rows(&data, "pings").len(),
        2,
        "none came in plain text"
    );
}

/// A file that is served by https. Ended when dropped.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn the_keys_of_tokens_come_by_tls_from_whom_the_system_trusts() {
    let test = "the_keys_of_tokens_come_by_tls_from_whom_the_system_trusts";
    let Some(python) = readers::python(test) else {
        return;
    };
    let scratch = TempDir::new().unwrap();
    let pair = Pair::make(scratch.path());
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({
        "aud": "hansom", "iss": "x", "sub": "phone", "exp": since_1970.as_secs() + 3_600,
        "scope": "hansom:write", "fleet": "default", "vehicle": "cab-1",
    });
    let wanted = format!("one|ed|EdDSA|{claims}");
    let issued: Value = serde_json::from_str(&readers::run(&python, ISSUER, &[&wanted])).unwrap();
    let jwks = scratch.path().join("jwks.json");
    fs::write(&jwks, issued["before"].to_string()).unwrap();
    let mut serving = Command::new(&python)
        .args(["-c", SECURED, "serve"])
        .args([&pair.certificate, &pair.key, &jwks])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let output = serving.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut port).unwrap();
    let _serving = Served(serving);
    let url = format!("https://127.0.0.1:{}/jwks", port.trim());
    let run = |trusted: Option<&Path>| {
        let mut run = command(&["run", "--listen", "127.0.0.1:0", "--live", "127.0.0.1:0"]);
        run.args(["--admin", "127.0.0.1:0", "--jwks", &url, "--data"])
            .arg(scratch.path().join("data"))
            .env_remove("HANSOM_INSECURE_DEMO");
        if let Some(trusted) = trusted {
            run.env("SSL_CERT_FILE", trusted);
        }
        run
    };
    let refused = run(None).output().unwrap();
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && errors.contains("--jwks"),
        "{errors}"
    );

    let process = Process::start(&mut run(Some(&pair.certificate)));
    let ping = json!({
        "vehicle_id": "cab-1", "time_ms": since_1970.as_millis() as u64, "lat": 37.77, "lng": -122.42,
    });
    let answer = reqwest::Client::new()
        .post(format!("http://{}/v1/pings", process.address("ingest")))
        .bearer_auth(issued["tokens"]["one"].as_str().unwrap())
        .json(&ping)
        .send();
    assert_eq!(wait(async { answer.await.unwrap().status().as_u16() }), 200);
    process.stop();
}
