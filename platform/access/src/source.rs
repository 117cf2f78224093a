//! Where keys are read from, again and again: a file, or a URL. What is in them is `keys`' and
//! `tokens`' to understand.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail, ensure};
use axum::http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::timeout;
use url::{Host, Url};

/// More is no file of keys.
const MAX_BYTES: usize = 16 << 20;
/// A server that answers later is taken for one that does not.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// A file is looked at this often.
const FILE_INTERVAL: Duration = Duration::from_secs(5);
/// A URL is asked this often.
const URL_INTERVAL: Duration = Duration::from_mins(5);

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ApiKeys,
    Jwks,
    ShareSecrets,
}

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Url(Uri),
}

impl Kind {
    /// How metrics and logs name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ApiKeys => "api_keys",
            Self::Jwks => "jwks",
            Self::ShareSecrets => "share_secrets",
        }
    }
}

impl Source {
    /// Understands a path or a URL. Keys that come over the network come by TLS, or from this machine.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let url = Url::parse(text)?;
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => bail!("keys must not come over plain HTTP: use https"),
            _ => bail!("it must be a path, or a URL of https"),
        }
        Ok(Self::Url(text.parse()?))
    }

    /// How long to wait before it is read again.
    pub(crate) fn interval(&self) -> Duration {
        match self {
            Self::File(_) => FILE_INTERVAL,
            Self::Url(_) => URL_INTERVAL,
        }
    }

    /// Reads it whole.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) async fn read(&self) -> anyhow::Result<String> {
        match self {
            Self::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let text = read.with_context(|| path.display().to_string())?;
                ensure!(
                    text.len() <= MAX_BYTES,
                    "it has more than {MAX_BYTES} bytes"
                );
                Ok(text)
            }
            Self::Url(url) => timeout(ANSWERS_WITHIN, fetch(url))
                .await
                .context("no answer in time")
                .flatten()
                .with_context(|| url.to_string()),
        }
    }
}

async fn fetch(url: &Uri) -> anyhow::Result<String> {
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_native_roots()?
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(url.clone()).body(Empty::<axum::body::Bytes>::new())?;
    let answer = client.request(request).await?;
    ensure!(
        answer.status().is_success(),
        "it answers {}",
        answer.status()
    );
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), &str>) {
        let parsed = Source::parse(text).map(drop);
        match (parsed, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(word)) => {
                assert!(error.to_string().contains(word), "{text}: {error}");
            }
            (parsed, _) => panic!("{text}: {parsed:?}"),
        }
    }

    #[test]
    fn keys_come_from_files_and_by_tls() {
        check("/etc/hansom/jwks.json", Ok(()));
        check("jwks.json", Ok(()));
        check("https://id.example/jwks.json", Ok(()));
        check("http://127.0.0.1:9/jwks", Ok(()));
        check("http://localhost/jwks", Ok(()));
        check("http://[::1]/jwks", Ok(()));
        check("http://id.example/jwks", Err("plain HTTP"));
        check("http://localhost.example/jwks", Err("plain HTTP"));
        check("ftp://id.example/jwks", Err("https"));
        check("https://", Err("host"));
    }
}
