//! The rights that each service is given on AWS (deploy/iam), held against what it was seen to call.

use faults::Call;
use serde_json::Value;

use super::cloud::{BUCKET, STREAM};

/// What a policy allows though no test calls it, and why.
const UNSEEN: [&str; 6] = [
    // After a write of which nobody knows whether it was done.
    "dynamodb:GetItem",
    // Of objects that go in parts, and then after a failure.
    "s3:AbortMultipartUpload",
    // S3 asks for them on the caller's account, where a key is named and where locks are.
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "s3:PutObjectRetention",
    // After a reshard, once every reader is through.
    "dynamodb:DeleteItem",
];

/// Checks a service's policy against all calls, `prefix` being where its objects are: it allows each
/// of its own, and nothing that it never calls.
pub(crate) fn check(service: &str, prefix: &str, calls: &[Call]) {
    let ours = || calls.iter().filter(|call| call.access_key == service);
    let statements = statements(service, prefix);
    let allows = |statement: &Value, call: &Call| {
        texts(&statement["Action"]).any(|action| action == right(call))
            && texts(&statement["Resource"]).any(|arn| covers(arn, call))
    };
    let lacks = |call: &&Call| {
        let mut statements = statements.iter();
        !statements.any(|statement| allows(statement, call))
    };
    let lacking: Vec<_> = ours().filter(lacks).collect();
    assert!(
        lacking.is_empty(),
        "deploy/iam/{service}.json lacks {lacking:#?}"
    );
    let actions = statements
        .iter()
        .flat_map(|statement| texts(&statement["Action"]));
    let is_idle =
        |action: &&str| !UNSEEN.contains(action) && !ours().any(|call| right(call) == *action);
    let idle: Vec<_> = actions.filter(is_idle).collect();
    assert!(
        idle.is_empty(),
        "deploy/iam/{service}.json allows {idle:?}, which is never called"
    );
}

fn statements(service: &str, prefix: &str) -> Vec<Value> {
    let path = format!("{}/deploy/iam/{service}.json", env!("CARGO_MANIFEST_DIR"));
    let policy = std::fs::read_to_string(path).unwrap();
    let policy = policy
        .replace("STREAM", STREAM)
        .replace("BUCKET", BUCKET)
        .replace("PREFIX", prefix);
    let policy: Value = policy.parse().unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

/// One text, or several.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let several = value.as_array().map(Vec::as_slice);
    several
        .unwrap_or(std::slice::from_ref(value))
        .iter()
        .filter_map(Value::as_str)
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
    let named = name(&call.service, arn);
    let called = name(&call.service, &call.resource);
    match named.strip_suffix('*') {
        Some(start) => called.starts_with(start),
        None => called == named || called.is_empty(),
    }
}

/// What is named by an ARN, as `arn:aws:kinesis:region:account:stream/name`, or without one.
fn name<'a>(service: &str, resource: &'a str) -> &'a str {
    let Some(named) = resource.splitn(6, ':').nth(5) else {
        return resource;
    };
    match service {
        "s3" => named,
        _ => named.split_once('/').map_or("", |(_, name)| name),
    }
}
