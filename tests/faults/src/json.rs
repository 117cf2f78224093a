//! The JSON protocol of Kinesis and DynamoDB: what a request asks for stands in a header.

use axum::http::HeaderMap;

/// The header, as in `Kinesis_20131202.PutRecords`.
const TARGET: &str = "x-amz-target";

/// What a request asks for, as in `PutRecords`.
pub(crate) fn action(headers: &HeaderMap) -> Option<&str> {
    let target = headers.get(TARGET)?.to_str().ok()?;
    Some(target.split_once('.')?.1)
}
