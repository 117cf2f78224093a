//! One server that takes uploads: requests out, answers in. It sends nothing twice.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use schemas::RideId;

use super::{Format, Settings, answer::Answer, batch::PingBatch, event::EventPost};

/// A server that has not answered for so long is taken for gone: longer than its own limits.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// As much of a refusal's text as a person reads.
const MAX_REFUSAL_CHARS: usize = 300;

/// What became of one request.
#[derive(Debug)]
pub(super) enum Reply {
    /// Decided, item by item.
    Decided(Answer),
    /// Some items are settled, others came too frequently.
    Partly {
        answer: Answer,
        retry_after: Option<Duration>,
    },
    /// Not now: 408, 429, or a 5xx.
    Busy {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    /// Never: this request would be refused for ever.
    Refused { status: StatusCode, text: String },
    /// No answer: no connection, or it broke, or it took too long; in words.
    Unreachable(String),
}

/// A request that may be sent again and again.
#[derive(Debug, Clone)]
pub(super) struct Request {
    url: Url,
    content_type: &'static str,
    body: Bytes,
}

impl Request {
    pub(super) fn url(&self) -> &Url {
        &self.url
    }
}

/// Where uploads go.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    http: Client,
    base: Url,
    format: Format,
}

impl Endpoint {
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let (base, format) = (settings.to.clone(), settings.format);
        ensure!(
            base.scheme() == "http",
            "{base} is no http URL: uploads are sent without TLS"
        );
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.key {
            headers.insert(AUTHORIZATION, key.header().context("--key")?);
        }
        let http = Client::builder()
            .default_headers(headers)
            .timeout(REQUEST_TIMEOUT)
            .tcp_nodelay(true)
            // Straight to the server: the machine's proxy is not what is measured.
            .no_proxy()
            .build()
            .context("build an HTTP client")?;
        Ok(Self { http, base, format })
    }

    pub(super) fn pings(&self, batch: &PingBatch) -> anyhow::Result<Request> {
        let body = batch.body(self.format);
        self.request("v1/pings", self.format.content_type(), body)
    }

    pub(super) fn event(&self, event: EventPost) -> anyhow::Result<Request> {
        let EventPost { ride, body } = event;
        self.request(&event_path(ride), "application/json", body)
    }

    fn request(
        &self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> anyhow::Result<Request> {
        let url = self
            .base
            .join(path)
            .with_context(|| format!("join {path} to {}", self.base))?;
        Ok(Request {
            url,
            content_type,
            body,
        })
    }

    /// Sends the request once. May be dropped at any moment; the server may still have it then.
    pub(super) async fn send(&self, request: &Request) -> Reply {
        let sent = self
            .http
            .post(request.url.clone())
            .header(CONTENT_TYPE, request.content_type)
            .body(request.body.clone())
            .send()
            .await;
        match sent {
            Ok(response) => read(response).await,
            Err(error) => unreachable(error),
        }
    }
}

/// A ride id has no character that a path would need to escape.
fn event_path(ride: RideId) -> String {
    format!("v1/rides/{ride}/events")
}

async fn read(response: Response) -> Reply {
    let (status, retry_after) = (response.status(), retry_after(&response));
    // Read to its end in any case, so that the connection can be used again.
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => return unreachable(error),
    };
    let answer = serde_json::from_slice::<Answer>(&body).ok();
    match (status, answer) {
        // A 400 with counts is a decision: every item was rejected.
        (StatusCode::BAD_REQUEST, Some(answer)) => Reply::Decided(answer),
        (status, Some(answer)) if status.is_success() => Reply::Decided(answer),
        (StatusCode::TOO_MANY_REQUESTS, Some(answer)) if answer.settles_something() => {
            Reply::Partly {
                answer,
                retry_after,
            }
        }
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => Reply::Busy {
            status,
            retry_after,
        },
        (status, _) if status.is_server_error() => Reply::Busy {
            status,
            retry_after,
        },
        (status, _) => {
            let text = String::from_utf8_lossy(&body);
            let text = text.chars().take(MAX_REFUSAL_CHARS).collect();
            Reply::Refused { status, text }
        }
    }
}

fn unreachable(error: reqwest::Error) -> Reply {
    Reply::Unreachable(format!("{:#}", anyhow::Error::new(error)))
}

/// `Retry-After` in seconds; its form as a date is not read.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}
