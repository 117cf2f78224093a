//! `hansom check`: asks a process whether it is ready, where there is no other program to ask with,
//! as in a container. What its answer means is the process's business.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Client, Url};
use service::parse_duration;

/// A reason is a line for each service of a process; of anything longer the begin will do.
const MAX_REASON_BYTES: usize = 1_024;

/// Asks a process whether it is ready: ends with 0 if so, else says why not and ends with 1.
///
/// It is the health check of a container, which holds no other program.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Page that answers with 2xx if all is well: /ready or /live of a process's --admin.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8082/ready")]
    pub page: Url,

    /// No answer within this time is a bad one.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    pub within: Duration,
}

/// Asks once.
///
/// # Errors
/// What the page says where it is not 2xx, and why there is no answer.
pub(crate) async fn command(settings: Settings) -> anyhow::Result<()> {
    let Settings { page, within } = settings;
    let client = Client::builder()
        .timeout(within)
        // Straight to the process: a proxy's answer says nothing of it.
        .no_proxy()
        .build()
        .context("build an HTTP client")?;
    let mut answer = client.get(page.clone()).send().await?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut reason = answer.chunk().await?.unwrap_or_default();
    reason.truncate(MAX_REASON_BYTES);
    let reason = String::from_utf8_lossy(&reason);
    bail!("{page}: {status}: {}", reason.trim());
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one answer, and asks for it.
    async fn check(status: StatusCode, body: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = format!("http://{}/ready", listener.local_addr().unwrap());
        let router = Router::new().route("/ready", get(move || async move { (status, body) }));
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        let asked = ask(&page).await;
        server.abort();
        asked
    }

    async fn ask(page: &str) -> Result<(), String> {
        let settings = Settings {
            page: page.parse().unwrap(),
            within: Duration::from_secs(30),
        };
        command(settings)
            .await
            .map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_process_that_is_ready_passes() {
        assert_eq!(check(StatusCode::OK, "ready\n").await, Ok(()));
    }

    #[tokio::test]
    async fn a_process_that_is_not_ready_says_why() {
        let why = check(StatusCode::SERVICE_UNAVAILABLE, "ingest: draining\n").await;
        let why = why.unwrap_err();
        assert!(
            why.ends_with("/ready: 503 Service Unavailable: ingest: draining"),
            "{why}"
        );
    }

    #[tokio::test]
    async fn a_long_reason_is_cut() {
        static LONG: [u8; 8_192] = [b'x'; 8_192];
        let body = std::str::from_utf8(&LONG).unwrap();
        let why = check(StatusCode::SERVICE_UNAVAILABLE, body)
            .await
            .unwrap_err();
        assert!(why.len() < 2 * MAX_REASON_BYTES, "{}", why.len());
    }

    #[tokio::test]
    async fn a_process_that_does_not_answer_in_time_is_not_ready() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = format!("http://{}/ready", silent.local_addr().unwrap());
        let settings = Settings {
            page: page.parse().unwrap(),
            within: Duration::from_millis(10),
        };
        // Without a limit of its own it would wait for ever, and the test with it.
        let asked = tokio::time::timeout(Duration::from_mins(1), command(settings));
        assert!(asked.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn no_process_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = format!("http://{}/ready", listener.local_addr().unwrap());
        drop(listener);
        assert!(ask(&page).await.is_err());
    }
}
