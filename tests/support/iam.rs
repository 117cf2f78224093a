//! The rights that each service is given on AWS (deploy/iam), held against what it was seen to call.

use faults::Call;
use serde_json::Value;

use super::cloud::{BUCKET, STREAM};

/// Says which calls of the service its policy lacks, `prefix` being where its objects are.
pub(crate) fn lacking(service: &str, prefix: &str, calls: &[Call]) -> Vec<String> {
    let path = format!("{}/deploy/iam/{service}.json", env!("CARGO_MANIFEST_DIR"));
    let policy = std::fs::read_to_string(path).unwrap();
    let policy = policy
        .replace("STREAM", STREAM)
        .replace("BUCKET", BUCKET)
        .replace("PREFIX", prefix);
    let policy: Value = policy.parse().unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let ours = calls.iter().filter(|call| call.access_key == service);
    let lacking = ours.filter(|call| {
        let allows = |statement: &Value| {
            has(&statement["Action"], |action| action == right(call))
                && has(&statement["Resource"], |arn| covers(arn, call))
        };
        !statements.iter().any(allows)
    });
    lacking.map(|call| format!("{call:?}")).collect()
}

/// Whether one text, or one of several, is as asked.
fn has(texts: &Value, is: impl Fn(&str) -> bool) -> bool {
    match texts {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).any(is),
        text => text.as_str().is_some_and(is),
    }
}

/// The right that a call needs.
fn right(call: &Call) -> String {
    let action = match (&*call.service, &*call.action) {
        ("s3", "HeadObject") => "GetObject",
        ("s3", "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload") => "PutObject",
        ("s3", "ListObjectsV2") => "ListBucket",
        (_, action) => action,
    };
    format!("{}:{action}", call.service)
}

/// Whether a resource is the one that is called. An iterator does not say which stream it is of.
fn covers(arn: &str, call: &Call) -> bool {
    let named = arn.rsplit(':').next().unwrap_or_default();
    let named = match &*call.service {
        "s3" => named,
        _ => named.split_once('/').map_or("", |(_, name)| name),
    };
    match named.strip_suffix('*') {
        Some(start) => call.resource.starts_with(start),
        None => call.resource == named || call.resource.is_empty(),
    }
}
