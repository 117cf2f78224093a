//! The settings of `hansom run`, as command-line flags. The doc comments are the help.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::Args;
use service::parse_duration;
use url::Url;

/// Runs ingest, processor and archiver in one process, on an embedded stream and a local directory.
///
/// Apps send pings and ride events to --listen and get their answer when these are durable on disk;
/// --live tells where rides and vehicles are; the archive in --data has every ping as Parquet,
/// within --archive-max-age. --admin is for monitoring: /ready says whether ingest takes requests.
/// Apps and readers show a credential that --api-keys or --jwks know; --admin asks for none, so let it
/// listen on trusted networks only.
///
/// SIGTERM or Ctrl-C ends it in order, with everything written, within --grace; a second one ends
/// it at once. After that, as after a kill, nothing that was answered is lost or doubled; but the
/// next start verifies the stream, which takes about 1.5 s a GB.
///
/// Logs go to standard error, as text on a terminal and as JSON elsewhere. `HANSOM_LOG` chooses among
/// them, like `warn` or `info,ingest=debug`.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Directory for everything that is kept: stream/, state/ and archive/.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "hansom-data",
        env = "HANSOM_DATA"
    )]
    pub data: PathBuf,

    /// Where the archive is kept, if not in --data: `s3://bucket/prefix?region=eu-west-1` or
    /// `file:///dir`. Credentials come as the AWS tools find them: environment, profile or instance.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE")]
    pub archive: Option<String>,

    /// Address that takes pings and ride events.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        env = "HANSOM_LISTEN"
    )]
    pub listen: SocketAddr,

    /// Address of the live API.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8081",
        env = "HANSOM_LIVE"
    )]
    pub live: SocketAddr,

    /// Where rides and vehicles are kept for the live API: in this process, or in a Redis or Valkey that
    /// other programs read too, `redis://host:port/db` or by TLS `rediss://host:port?ca=/path/to/ca.pem`.
    #[arg(
        long,
        value_name = "URL",
        default_value = "memory:",
        env = "HANSOM_CACHE"
    )]
    pub cache: String,

    /// Also start a simulated fleet, to have something to look at, and let anybody write and read, as
    /// --insecure-demo does.
    #[arg(long, conflicts_with_all = ["api_keys", "jwks", "share_secrets", "tls_cert"])]
    pub demo: bool,

    /// Shards of the embedded stream; fixed when the stream is made, with 1 if not said. One carries
    /// some hundred thousand pings a second; each further one adds its own files to every hour of
    /// the archive.
    #[arg(long, value_name = "N")]
    pub shards: Option<u32>,

    /// How long the stream keeps what every service is done with, in whole seconds.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_retention)]
    pub retention: Duration,

    /// What every process is told.
    #[command(flatten)]
    pub process: service::Settings,

    /// Whose connections it takes.
    #[command(flatten)]
    pub connections: service::ListenerSettings,

    /// Ingest's own settings.
    #[command(flatten)]
    pub ingest: ingest::Settings,

    /// Whose messages ingest takes as well.
    #[command(flatten)]
    pub mqtt: ingest::MqttSettings,

    /// The processor's own settings.
    #[command(flatten)]
    pub processor: processor::Settings,

    /// The archiver's own settings.
    #[command(flatten)]
    pub archiver: archiver::Settings,

    /// The live API's own settings.
    #[command(flatten)]
    pub answers: processor::live::Settings,

    /// Who may write and read.
    #[command(flatten)]
    pub access: access::Settings,
}

/// Where the backends are.
pub(super) struct Urls {
    pub(super) stream: String,
    pub(super) archive: String,
    pub(super) state: String,
}

impl Settings {
    /// Who may write and read: anybody, in a demo.
    pub(super) fn access(&self) -> access::Settings {
        access::Settings {
            insecure_demo: self.access.insecure_demo || self.demo,
            ..self.access.clone()
        }
    }

    /// The URLs of the backends below the data directory.
    pub(super) fn urls(&self) -> anyhow::Result<Urls> {
        let data = std::path::absolute(&self.data).context("--data")?;
        // A path may have characters that mean something else in a URL.
        let url = |directory: &str| {
            let url = Url::from_file_path(data.join(directory));
            url.map_err(|()| anyhow!("--data: {} has no URL", data.display()))
        };
        let stream = url("stream")?;
        let shards = self.shards.map(|shards| format!("&shards={shards}"));
        Ok(Urls {
            stream: format!(
                "embedded://{}?retention={}s{}",
                stream.path(),
                self.retention.as_secs(),
                shards.unwrap_or_default(),
            ),
            archive: match &self.archive {
                Some(archive) => archive.clone(),
                None => url("archive")?.into(),
            },
            state: url("state")?.into(),
        })
    }
}

/// Reads a duration of whole seconds: the stream counts no less.
fn parse_retention(text: &str) -> Result<Duration, String> {
    let retention = parse_duration(text)?;
    if retention.is_zero() || retention.subsec_nanos() > 0 {
        return Err("the stream keeps records for whole seconds, one at least".to_owned());
    }
    Ok(retention)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn settings(flags: &[&str]) -> Result<Settings, clap::Error> {
        let words = std::iter::once(&"run").chain(flags);
        Line::try_parse_from(words).map(|line| line.settings)
    }

    #[tokio::test]
    async fn a_directory_with_whatever_name_is_the_one_that_is_used() {
        let scratch = tempfile::tempdir().unwrap();
        for name in ["C#", "a%20b", "what?", "two words", "ü"] {
            let data = scratch.path().join(name);
            let settings = settings(&["--data", data.to_str().unwrap()]).unwrap();
            let urls = settings.urls().unwrap();
            let stream = transport::open(&urls.stream).await.unwrap();
            stream.close().await.unwrap();
            objects::open(&urls.archive).await.unwrap();
            objects::open(&urls.state).await.unwrap();
            for directory in ["stream", "archive", "state"] {
                assert!(data.join(directory).is_dir(), "{name}/{directory}");
            }
        }
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 5);
    }

    #[tokio::test]
    async fn a_stream_that_exists_keeps_its_shards_unless_others_are_asked_for() {
        let scratch = tempfile::tempdir().unwrap();
        let open = async |flags: &[&str]| {
            let data = ["--data", scratch.path().to_str().unwrap()];
            let settings = settings(&[&data, flags].concat()).unwrap();
            let stream = transport::open(&settings.urls().unwrap().stream).await?;
            stream.close().await
        };
        open(&["--shards", "3"]).await.unwrap();
        open(&[]).await.unwrap();
        open(&["--shards", "2"]).await.unwrap_err();
    }

    #[test]
    fn a_retention_that_the_stream_cannot_count_is_refused() {
        for retention in ["0s", "500ms", "1500ms"] {
            assert!(
                settings(&["--retention", retention]).is_err(),
                "{retention}"
            );
        }
        assert!(settings(&["--retention", "2000ms"]).is_ok());
    }
}
