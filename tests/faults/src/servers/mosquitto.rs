//! Mosquitto, a broker of MQTT 3.1.1 and 5, as Debian has it. What it keeps for clients that are away it
//! writes when it is asked to end, so that whoever kills it makes it forget them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::certificate::make_certificate;

/// Where Debian has it, which is not where everybody looks.
const PROGRAM: &str = "/usr/sbin/mosquitto";

/// The file with what it keeps, as it names it itself.
const KEPT: &str = "mosquitto.db";

/// A broker of its own; killed when dropped.
pub struct Mosquitto {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// Whom a broker lets in.
enum Admits<'a> {
    /// Everybody.
    All,
    /// Everybody, by TLS.
    ByTls,
    /// Users by their passwords, to what its list of rights says.
    Users(&'a [(&'a str, &'a str)], &'a str),
}

impl Mosquitto {
    /// Starts a broker that lets everybody in, and waits until it listens. None, and said loudly, if
    /// there is none to start: then this test is skipped.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_for(test, &Admits::All)
    }

    /// The same for a broker that is reached by TLS alone. It says who it is by a certificate of its own.
    ///
    /// # Panics
    /// As [`Mosquitto::start`], and where there is no openssl.
    pub fn start_with_tls(test: &str) -> Option<Self> {
        Self::start_for(test, &Admits::ByTls)
    }

    /// The same for a broker that lets in users by their passwords; `rights` is the text of its ACL.
    ///
    /// # Panics
    /// As [`Mosquitto::start`].
    pub fn start_with_users(test: &str, users: &[(&str, &str)], rights: &str) -> Option<Self> {
        Self::start_for(test, &Admits::Users(users, rights))
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn start_for(test: &str, admits: &Admits<'_>) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            crate::skip(test, "there is no mosquitto");
            return None;
        }
        let address = super::free_port();
        let directory = tempfile::tempdir().expect("a directory");
        let settings = format!(
            "listener {} {}\npersistence true\npersistence_location {}/\nuser root\n{}",
            address.port(),
            address.ip(),
            directory.path().display(),
            admits.settings(&directory),
        );
        fs::write(directory.path().join("settings"), settings).expect("settings");
        let mut broker = Self {
            process: spawn(&directory),
            address,
            directory,
        };
        broker.wait();
        Some(broker)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that whoever connects by TLS must trust, a file in PEM.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("certificate")
    }

    /// Kills it: it forgets its clients, and what it had for them.
    pub fn kill(&mut self) {
        // It is gone already, or it goes now; what it wrote when it last ended goes with it.
        let _ended = self.process.kill();
        let _status = self.process.wait();
        let _kept = fs::remove_file(self.directory.path().join(KEPT));
    }

    /// Asks it to end: it keeps its clients, and what it has for them.
    ///
    /// # Panics
    /// Where it does not end in order.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub fn stop(&mut self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.expect("kill").success());
        let status = self.process.wait().expect("its end");
        assert!(status.success(), "{status}");
    }

    /// Starts it again where it was, and waits until it listens.
    ///
    /// # Panics
    /// As [`Mosquitto::start`].
    pub fn start_again(&mut self) {
        self.process = spawn(&self.directory);
        self.wait();
    }

    fn wait(&mut self) {
        super::wait_until_listening(&mut self.process, self.address, "mosquitto");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Admits<'_> {
    /// What its settings say of it; the files that they name are made.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn settings(&self, directory: &TempDir) -> String {
        match self {
            Self::All => "allow_anonymous true\n".to_owned(),
            Self::ByTls => {
                let [key, certificate] = make_certificate(directory.path());
                format!("allow_anonymous true\nkeyfile {key}\ncertfile {certificate}\n")
            }
            Self::Users(users, rights) => {
                let [passwords, acl] = ["passwords", "acl"].map(|name| {
                    let file = directory.path().join(name);
                    file.to_string_lossy().into_owned()
                });
                fs::write(&acl, rights).expect("rights");
                fs::write(&passwords, "").expect("passwords");
                for (user, password) in *users {
                    let made = Command::new("mosquitto_passwd")
                        .args(["-b", &passwords, user, password])
                        .status();
                    assert!(made.expect("mosquitto_passwd").success(), "{user}");
                }
                format!("allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n")
            }
        }
    }
}

#[expect(clippy::expect_used, reason = "it is for tests")]
fn spawn(directory: &TempDir) -> Child {
    Command::new(PROGRAM)
        .arg("-c")
        .arg(directory.path().join("settings"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto")
}
