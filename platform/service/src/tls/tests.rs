//! Real handshakes, with certificates that `openssl` makes.

use std::process::Command;

use rustls::{ClientConfig, pki_types::ServerName};
use tempfile::TempDir;
use tokio_rustls::{TlsConnector, client::TlsStream as Client};

use super::*;
use crate::{
    Terms,
    connection::Limits,
    testing::{PATIENT, SHORT, Served, ask, ask_in_http2, is_closed, serve},
};

/// How often the tests look at the files.
const OFTEN: Duration = Duration::from_millis(20);

/// A directory with certificates.
struct Certificates(TempDir);

impl Certificates {
    /// One for the server, `server.crt` and `server.key`.
    fn new() -> Self {
        let certificates = Self(tempfile::tempdir().unwrap());
        certificates.make_own("server", &[]);
        certificates
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Makes one of no authority, signed by itself or as the flags say.
    fn make_own(&self, name: &str, flags: &[&str]) {
        let is_no_authority = ["-addext", "basicConstraints=critical,CA:FALSE"];
        self.make(name, &[flags, &is_no_authority].concat());
    }

    /// Makes one as openssl does, of an authority, and as the flags say.
    fn make(&self, name: &str, flags: &[&str]) {
        let kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        let names = [
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ];
        let [key, certificate] = ["key", "crt"].map(|ending| format!("{name}.{ending}"));
        let made = Command::new("openssl")
            .current_dir(self.0.path())
            .args(kind.split(' '))
            .args(names)
            .args(flags)
            .args(["-keyout", &key, "-out", &certificate])
            .output()
            .expect("openssl, which makes a certificate");
        assert!(made.status.success(), "{made:?}");
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings {
            tls_cert: Some(self.path("server.crt")),
            tls_key: Some(self.path("server.key")),
            tls_client_ca: None,
        }
    }
}

async fn start(settings: &TlsSettings, limits: Limits) -> Served {
    let tls = Tls::start_every(settings, OFTEN).await.unwrap();
    let terms = Terms {
        tls: tls.map(Arc::new),
        ..Terms::plain()
    };
    serve(&terms, limits).await
}

/// A client that trusts these certificates, and shows the one of this name.
fn trusting(pem: &[u8], shows: Option<(&Certificates, &str)>) -> ClientConfig {
    let provider = rustls::crypto::ring::default_provider();
    let roots = authorities_of(pem).unwrap();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let Some((files, name)) = shows else {
        return config.with_no_client_auth();
    };
    let chain = certificates(&files.read(&format!("{name}.crt"))).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&files.read(&format!("{name}.key"))).unwrap();
    config.with_client_auth_cert(chain, key).unwrap()
}

async fn connect(served: &Served, config: ClientConfig) -> io::Result<Client<TcpStream>> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, served.connect().await).await
}

/// Whether a new client that trusts these certificates gets an answer.
async fn is_served(served: &Served, config: ClientConfig) -> bool {
    let Ok(mut client) = connect(served, config).await else {
        return false;
    };
    ask(&mut client, "/", "here\n").await.contains("200 OK")
}

#[tokio::test]
async fn a_client_is_served_by_tls_and_not_without() {
    let files = Certificates::new();
    let served = start(&files.settings(), PATIENT).await;
    assert!(is_served(&served, trusting(&files.read("server.crt"), None)).await);
    let mut plain = served.connect().await;
    let answer = ask(&mut plain, "/", "here\n").await;
    assert!(!answer.contains("200"), "{answer}");
    served.end().await;
}

#[tokio::test]
async fn http2_is_agreed_on_with_who_can_speak_it() {
    let files = Certificates::new();
    let served = start(&files.settings(), PATIENT).await;
    let mut config = trusting(&files.read("server.crt"), None);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = connect(&served, config.clone()).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(ask_in_http2(client, "small").await.unwrap(), 200);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = connect(&served, config.clone()).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(is_served(&served, config).await);
}

#[tokio::test]
async fn a_client_that_does_not_end_its_handshake_is_closed() {
    let files = Certificates::new();
    let limits = Limits {
        handshake: SHORT,
        ..PATIENT
    };
    let served = start(&files.settings(), limits).await;
    let mut silent = served.connect().await;
    // Others are served meanwhile.
    assert!(is_served(&served, trusting(&files.read("server.crt"), None)).await);
    is_closed(&mut silent).await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_old_connections_go_on() {
    let files = Certificates::new();
    let served = start(&files.settings(), PATIENT).await;
    let mut old = connect(&served, trusting(&files.read("server.crt"), None))
        .await
        .unwrap();
    assert!(ask(&mut old, "/", "here\n").await.contains("200 OK"));
    files.make_own("server", &[]);
    let newer = trusting(&files.read("server.crt"), None);
    while !is_served(&served, newer.clone()).await {
        sleep(OFTEN).await;
    }
    assert!(ask(&mut old, "/", "here\n").await.contains("200 OK"));
}

#[tokio::test]
async fn a_broken_pair_changes_nothing_until_it_is_mended() {
    let files = Certificates::new();
    let served = start(&files.settings(), PATIENT).await;
    let old = trusting(&files.read("server.crt"), None);
    files.make_own("other", &[]);
    for broken in [files.read("other.key"), b"no key".to_vec(), Vec::new()] {
        std::fs::write(files.path("server.key"), broken).unwrap();
        sleep(OFTEN * 5).await;
        assert!(is_served(&served, old.clone()).await);
    }
    std::fs::remove_file(files.path("server.key")).unwrap();
    sleep(OFTEN * 5).await;
    assert!(is_served(&served, old).await);
    std::fs::copy(files.path("other.crt"), files.path("server.crt")).unwrap();
    std::fs::copy(files.path("other.key"), files.path("server.key")).unwrap();
    let newer = trusting(&files.read("server.crt"), None);
    while !is_served(&served, newer.clone()).await {
        sleep(OFTEN).await;
    }
}

#[tokio::test]
async fn a_client_shows_a_certificate_where_one_is_asked_for() {
    let files = Certificates::new();
    files.make("authority", &[]);
    let signed = ["-CA", "authority.crt", "-CAkey", "authority.key"];
    files.make_own("client", &signed);
    files.make_own("stranger", &[]);
    let settings = TlsSettings {
        tls_client_ca: Some(files.path("authority.crt")),
        ..files.settings()
    };
    let served = start(&settings, PATIENT).await;
    let trusted = files.read("server.crt");
    assert!(is_served(&served, trusting(&trusted, Some((&files, "client")))).await);
    assert!(!is_served(&served, trusting(&trusted, None)).await);
    assert!(!is_served(&served, trusting(&trusted, Some((&files, "stranger")))).await);
}

async fn check(settings: TlsSettings, words: &[&str]) {
    let Err(error) = Tls::start(&settings).await else {
        panic!("{settings:?} are taken");
    };
    let error = format!("{error:#}");
    for word in words {
        assert!(error.contains(word), "{error}: {word}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_told_by_their_flags() {
    let files = Certificates::new();
    files.make_own("other", &[]);
    let settings = |certificate: &str, key: &str| TlsSettings {
        tls_cert: Some(files.path(certificate)),
        tls_key: Some(files.path(key)),
        tls_client_ca: None,
    };
    assert!(Tls::start(&TlsSettings::default()).await.unwrap().is_none());
    check(settings("no", "none"), &["--tls-cert", "--tls-key", "none"]).await;
    check(
        settings("server.key", "server.key"),
        &["--tls-cert", "no certificate"],
    )
    .await;
    check(settings("server.crt", "server.crt"), &["--tls-key"]).await;
    check(
        settings("server.crt", "other.key"),
        &["--tls-cert and --tls-key"],
    )
    .await;
    for authorities in ["server.key", "none"] {
        let wanting = TlsSettings {
            tls_client_ca: Some(files.path(authorities)),
            ..files.settings()
        };
        check(wanting, &["--tls-client-ca"]).await;
    }
}
