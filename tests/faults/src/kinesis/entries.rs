//! `PutRecords`: some entries fail where others are stored.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    Fault, Shared, json,
    kinesis::{reshard, stream_of},
    upstream::{Answer, Question},
};

pub(super) async fn put(shared: &Shared, mut question: Question) -> Option<Answer> {
    let count = question.json["Records"].as_array().map_or(0, Vec::len);
    let faults = shared.draws(|draws| draws.entries(count));
    if count > 0 && faults.iter().all(|fault| never_sent(*fault)) {
        return Some(json::answer(
            StatusCode::OK,
            &merge(&faults, Vec::new(), Value::Null),
        ));
    }
    if let Some(stream) = stream_of(&question.json) {
        reshard::before_put(shared, &stream).await;
    }
    if faults.iter().all(|fault| *fault == Fault::None) {
        return shared.upstream.ask(question).await;
    }
    let mut body = question.json.take();
    if let Some(entries) = body["Records"].as_array_mut() {
        let mut faults = faults.iter();
        entries.retain(|_| faults.next().is_some_and(|fault| !never_sent(*fault)));
    }
    let answer = shared.upstream.ask(question.of_body(body)).await?;
    let Some(mut page) = answer.json() else {
        return Some(answer);
    };
    let Value::Array(stored) = page["Records"].take() else {
        return Some(answer);
    };
    Some(answer.of_body(&merge(&faults, stored, page)))
}

fn never_sent(fault: Fault) -> bool {
    matches!(fault, Fault::EntryThrottled | Fault::EntryFailed)
}

/// The answer to all entries, in their order, of those to the ones that were sent; what else it
/// says is as in `page`.
fn merge(faults: &[Fault], stored: Vec<Value>, mut page: Value) -> Value {
    let mut stored = stored.into_iter();
    let entries: Vec<Value> = faults
        .iter()
        .map(|fault| match fault {
            Fault::EntryThrottled => failed("ProvisionedThroughputExceededException"),
            Fault::EntryFailed => failed("InternalFailure"),
            Fault::EntryStoredButFailed => {
                // It failed by itself, or it only seems to.
                let entry = stored.next().unwrap_or_default();
                let is_stored = entry["ErrorCode"].is_null();
                if is_stored {
                    failed("InternalFailure")
                } else {
                    entry
                }
            }
            _ => stored.next().unwrap_or_default(),
        })
        .collect();
    let failures = entries.iter().filter(|entry| !entry["ErrorCode"].is_null());
    page["FailedRecordCount"] = failures.count().into();
    page["Records"] = entries.into();
    page
}

fn failed(code: &str) -> Value {
    json!({ "ErrorCode": code, "ErrorMessage": "so says the proxy" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_their_entries() {
        let faults = [
            Fault::EntryThrottled,
            Fault::None,
            Fault::EntryStoredButFailed,
            Fault::EntryFailed,
            Fault::None,
            Fault::None,
        ];
        let stored = |number: &str| json!({ "SequenceNumber": number, "ShardId": "s" });
        let sent = vec![stored("1"), stored("2"), failed("Own"), stored("4")];
        let merged = merge(&faults, sent, json!({ "EncryptionType": "NONE" }));
        let codes: Vec<_> = merged["Records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let said = entry["ErrorCode"].as_str();
                said.or(entry["SequenceNumber"].as_str()).unwrap()
            })
            .collect();
        assert_eq!(
            codes,
            [
                "ProvisionedThroughputExceededException",
                "1",
                "InternalFailure",
                "InternalFailure",
                "Own",
                "4"
            ]
        );
        assert_eq!(merged["FailedRecordCount"], 4);
        assert_eq!(merged["EncryptionType"], "NONE");
    }
}
