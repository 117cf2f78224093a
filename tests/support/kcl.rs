//! Amazon's own client library as a reader of the stream: its daemon, a process of Java, with a process
//! of Python for each shard. What they read stands in a [`diary`](super::diary); how it is judged is
//! not known here.

use std::{
    env, fs,
    fs::File,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use super::cloud::{Cloud, STREAM};

/// What the library's worker is called in the table of leases.
pub(crate) const WORKER: &str = "kcl";
/// When it takes a worker for dead, and is taken for dead: its default, and ours.
pub(crate) const FAILOVER: Duration = Duration::from_secs(10);
/// What it runs for each shard.
const PROCESSOR: &str = include_str!("kcl/processor.py");
const DAEMON: &str = "software.amazon.kinesis.multilang.MultiLangDaemon";
/// Where the jars are, said by the Python that has them.
const JARS: &str = "import amazon_kclpy; print(amazon_kclpy.__path__[0])";
/// So much of its log is shown when a test fails.
const LINES: usize = 60;

/// The Python that has `kclpy-ext`, which brings the library: what `HANSOM_TEST_KCL_PYTHON` names.
/// Without it `test` is skipped.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let Some(python) = env::var_os("HANSOM_TEST_KCL_PYTHON") else {
        let why = "HANSOM_TEST_KCL_PYTHON names no Python with kclpy-ext: tests/run --kcl";
        super::skip(test, why);
        return None;
    };
    assert!(
        env::var_os("AWS_ACCESS_KEY_ID").is_some(),
        "the stream is opened in this process: it needs an AWS_ACCESS_KEY_ID and a secret"
    );
    Some(python.into())
}

/// A worker of the library. Killed when dropped, with all that it runs.
pub(crate) struct Kcl {
    daemon: Child,
    directory: tempfile::TempDir,
}

impl Kcl {
    /// Starts a worker of `application`, which is also what the table of leases is called; what it
    /// reads stands in `diary`. It takes two minutes until the first record.
    pub(crate) fn start(python: &Path, cloud: &Cloud, application: &str, diary: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("processor.py"), PROCESSOR).unwrap();
        let command = format!("{} {}", python.display(), at("processor.py").display());
        fs::write(
            at("worker.properties"),
            properties(cloud, application, &command),
        )
        .unwrap();

        let library = super::readers::run(&python.to_path_buf(), JARS, &[]);
        let log = File::create(at("log")).unwrap();
        let daemon = Command::new("java")
            .args(["-Xmx400m", "-Daws.cborEnabled=false", "-cp"])
            .arg(format!("{library}/jars/*:{}", directory.path().display()))
            .args([DAEMON, "--properties-file"])
            .arg(at("worker.properties"))
            .env("DIARY", diary)
            .envs([
                ("AWS_ACCESS_KEY_ID", "kcl"),
                ("AWS_SECRET_ACCESS_KEY", "any"),
            ])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // What it starts is in its group, and killed with it.
            .process_group(0)
            .spawn()
            .unwrap();
        Self { daemon, directory }
    }

    /// Kills it at once, with all that it runs.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let group = format!("-{}", self.daemon.id());
        let _killed = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .status();
        let _status = self.daemon.wait();
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        // Its leader says every second that it is.
        let is_news = |line: &&str| !line.contains("is the current leader");
        let lines: Vec<_> = log.lines().filter(is_news).collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

#[expect(clippy::print_stderr, reason = "it says why a test failed")]
impl Drop for Kcl {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("the last that the library said:\n{}", self.log());
        }
    }
}

fn properties(cloud: &Cloud, application: &str, command: &str) -> String {
    let (kinesis, dynamodb) = (cloud.kinesis(), cloud.dynamodb());
    format!(
        "executableName = {command}\n\
         streamName = {STREAM}\n\
         applicationName = {application}\n\
         workerId = {WORKER}\n\
         AwsCredentialsProvider = DefaultCredentialsProvider\n\
         processingLanguage = python/3\n\
         initialPositionInStream = TRIM_HORIZON\n\
         regionName = us-east-1\n\
         kinesisEndpoint = http://{kinesis}\n\
         dynamoDBEndpoint = http://{dynamodb}\n\
         metricsLevel = NONE\n\
         retrievalMode = POLLING\n\
         idleTimeBetweenReadsInMillis = 300\n\
         failoverTimeMillis = {}\n",
        FAILOVER.as_millis(),
    )
}
