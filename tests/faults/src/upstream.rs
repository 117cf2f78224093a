//! The server behind the proxy: asks it what a client asked, or something on the proxy's account.

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, HeaderName, Method, Request, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use crate::json;

/// More than any request of a test has.
const MAX_BYTES: usize = 256 << 20;
/// Headers that speak of one connection alone.
const OF_CONNECTION: [HeaderName; 3] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::EXPECT,
];
/// An answer of this type has no end that could be waited for.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
/// The proxy's own key: servers that check keys need not be asked on its account.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=proxy/20300101/us-east-1/kinesis/aws4_request, \
     SignedHeaders=host, Signature=0";

/// What a client asked.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body, if it is of the JSON protocol; else null.
    pub(crate) json: Value,
}

/// What the server answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

/// The body of an answer.
pub(crate) enum Content {
    Whole(Bytes),
    Events(reqwest::Response),
}

/// Where the server listens.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
}

impl Question {
    pub(crate) async fn read(request: Request<Body>) -> Option<Self> {
        let (head, body) = request.into_parts();
        let mut headers = head.headers;
        for name in OF_CONNECTION {
            headers.remove(name);
        }
        let body = to_bytes(body, MAX_BYTES).await.ok()?;
        let json = json::action(&headers).and_then(|_| serde_json::from_slice(&body).ok());
        Some(Self {
            method: head.method,
            uri: head.uri,
            headers,
            body,
            json: json.unwrap_or_default(),
        })
    }

    /// The same with another body.
    pub(crate) fn of_body(&self, body: Value) -> Self {
        let mut headers = self.headers.clone();
        headers.remove(header::CONTENT_LENGTH);
        Self {
            method: self.method.clone(),
            uri: self.uri.clone(),
            headers,
            body: body.to_string().into(),
            json: body,
        }
    }
}

impl Answer {
    /// The body of an answer that is a success and JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        match &self.content {
            Content::Whole(body) if self.status.is_success() => serde_json::from_slice(body).ok(),
            _ => None,
        }
    }

    /// The same with another body.
    pub(crate) fn of_body(mut self, body: &Value) -> Self {
        self.headers.remove(header::CONTENT_LENGTH);
        self.content = Content::Whole(body.to_string().into());
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let body = match self.content {
            Content::Whole(body) => Body::from(body),
            Content::Events(events) => Body::from_stream(events.bytes_stream()),
        };
        (self.status, self.headers, body).into_response()
    }
}

impl Upstream {
    /// Asks the server what a client asked. None where it does not answer.
    pub(crate) async fn ask(&self, question: Question) -> Option<Answer> {
        let path = question.uri.path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        let asked = self
            .client
            .request(question.method, format!("{}{path}", self.url))
            .headers(question.headers)
            .body(question.body)
            .send()
            .await
            .ok()?;
        let (status, mut headers) = (asked.status(), asked.headers().clone());
        for name in OF_CONNECTION {
            headers.remove(name);
        }
        let is_events = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes() == EVENT_STREAM.as_bytes());
        let content = if is_events {
            Content::Events(asked)
        } else {
            Content::Whole(asked.bytes().await.ok()?)
        };
        Some(Answer {
            status,
            headers,
            content,
        })
    }

    /// Asks Kinesis something on the proxy's account. None where it does not do it.
    pub(crate) async fn kinesis(&self, action: &str, body: &Value) -> Option<Value> {
        let asked = self
            .client
            .post(&self.url)
            .header("x-amz-target", format!("Kinesis_20131202.{action}"))
            .header("x-amz-date", "20300101T000000Z")
            .header(header::CONTENT_TYPE, json::CONTENT_TYPE)
            .header(header::AUTHORIZATION, AUTHORIZATION)
            .body(body.to_string())
            .send()
            .await
            .ok()?;
        if !asked.status().is_success() {
            return None;
        }
        let answer = asked.bytes().await.ok()?;
        // An action that only does something answers nothing.
        Some(serde_json::from_slice(&answer).unwrap_or_default())
    }
}
