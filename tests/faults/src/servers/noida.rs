//! A broker of Kafka's protocol by others again: noida-db, a process of the Python environment that
//! `HANSOM_TEST_PYTHON` names. It answers a call for records when some come, as brokers do, and keeps
//! them in files. It does not keep them when it is killed, so nothing is to be concluded from that.

use std::{
    env,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use tempfile::TempDir;

/// A broker of its own; killed when dropped.
#[derive(Debug)]
pub struct Noida {
    process: Child,
    address: SocketAddr,
    _data: TempDir,
}

impl Noida {
    /// Starts it and waits until it listens. None, and said loudly, if there is none to start: then
    /// this test is skipped.
    ///
    /// # Panics
    /// Where it does not listen.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            crate::skip(test, "HANSOM_TEST_PYTHON names no Python with noida-db");
            return None;
        };
        let data = tempfile::tempdir().expect("a directory for the broker");
        let address = super::free_port();
        let process = Command::new(program)
            .args(["start", "--only", "kafka", "--host", "127.0.0.1"])
            .args(["--kafka-port", &address.port().to_string(), "--data-dir"])
            .arg(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("noida-db");
        let mut noida = Self {
            process,
            address,
            _data: data,
        };
        super::wait_until_listening(&mut noida.process, address, "noida-db");
        Some(noida)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a topic.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub async fn create_topic(&self, name: &str, partitions: u32) {
        let client: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", self.address.to_string())
            .create()
            .expect("a client");
        let topic = NewTopic::new(name, partitions as i32, TopicReplication::Fixed(1));
        let made = client.create_topics([&topic], &AdminOptions::new()).await;
        for made in made.expect("an answer of the broker") {
            made.expect("the topic to be made");
        }
    }
}

/// The program itself: what is installed beside Python starts it as one more process.
fn program() -> Option<PathBuf> {
    let find =
        "import noida_db, pathlib; print(pathlib.Path(noida_db.__file__).parent / 'noida-db')";
    let python = env::var_os("HANSOM_TEST_PYTHON")?;
    let found = Command::new(python).args(["-c", find]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(found.stdout).ok()?.trim());
    path.is_file().then_some(path)
}

impl Drop for Noida {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
