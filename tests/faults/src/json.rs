//! The JSON protocol of Kinesis and DynamoDB: what a request asks for stands in a header, and a
//! refusal has a name in its body.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::upstream::{Answer, Content};

/// The header, as in `Kinesis_20131202.PutRecords`.
const TARGET: &str = "x-amz-target";
/// What bodies are in; in others (CBOR) nothing is read or changed.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What a request asks for, as in `PutRecords`.
pub(crate) fn action(headers: &HeaderMap) -> Option<&str> {
    Some(target(headers)?.1)
}

/// The service that it asks, as in `kinesis`.
pub(crate) fn service(headers: &HeaderMap) -> Option<&'static str> {
    match target(headers)?.0.split_once('_')?.0 {
        "Kinesis" => Some("kinesis"),
        "DynamoDB" => Some("dynamodb"),
        _ => None,
    }
}

fn target(headers: &HeaderMap) -> Option<(&str, &str)> {
    headers.get(TARGET)?.to_str().ok()?.split_once('.')
}

/// An answer of this body.
pub(crate) fn answer(status: StatusCode, body: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Answer {
        status,
        headers,
        content: Content::Whole(body.to_string().into()),
    }
}

/// A refusal of this name.
pub(crate) fn refusal(name: &str, message: &str) -> Answer {
    let body = json!({ "__type": name, "message": message });
    answer(StatusCode::BAD_REQUEST, &body)
}

/// One call too many, as its service says that.
pub(crate) fn throttled(service: &str, action: &str) -> Answer {
    let name = match (service, action) {
        ("dynamodb", _) => "ThrottlingException",
        (_, "PutRecord" | "PutRecords" | "GetRecords" | "GetShardIterator") => {
            "ProvisionedThroughputExceededException"
        }
        _ => "LimitExceededException",
    };
    refusal(name, "Rate exceeded, says the proxy")
}
