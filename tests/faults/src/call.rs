//! Who asked which service for what: enough to hold the policies of IAM against what was seen. It
//! does not say whether the call was allowed or done.

mod s3;

use axum::http::{HeaderMap, header};
use serde_json::Value;

use crate::{json, kinesis, upstream::Question};

/// A call of a service of AWS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The id of the key that signed it; empty without a signature.
    pub access_key: String,
    /// As in `kinesis`, `dynamodb`, `s3`.
    pub service: String,
    /// The operation, as in `PutRecords`. IAM's actions differ: `HeadObject` is `s3:GetObject`.
    pub action: String,
    /// The name of the stream or table, `bucket` or `bucket/key`, or the ARN where that is what is
    /// named; `table/index/name` where an index is asked. Empty if nothing is.
    pub resource: String,
}

impl Call {
    pub(crate) fn of(question: &Question) -> Self {
        let signed = Signed::of(&question.headers);
        let service = json::service(&question.headers)
            .or(signed.map(|signed| signed.service))
            .unwrap_or("s3");
        let (action, resource) = match json::action(&question.headers) {
            Some(action) => (action.to_owned(), resource(service, &question.json)),
            None => s3::action_and_resource(question),
        };
        Self {
            access_key: signed.map_or("", |signed| signed.access_key).to_owned(),
            service: service.to_owned(),
            action,
            resource,
        }
    }
}

/// What a signature says of its key.
#[derive(Clone, Copy)]
struct Signed<'a> {
    access_key: &'a str,
    service: &'a str,
}

impl<'a> Signed<'a> {
    /// Of a header as `AWS4-HMAC-SHA256 Credential=ID/20300101/us-east-1/s3/aws4_request, ...`.
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let signature = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = signature.split_once("Credential=")?;
        let credential = credential.split([',', ' ']).next()?;
        let mut parts = credential.split('/');
        let access_key = parts.next()?;
        let service = parts.nth(2)?;
        Some(Self {
            access_key,
            service,
        })
    }
}

fn resource(service: &str, body: &Value) -> String {
    let field = |name: &str| body[name].as_str();
    if service == "dynamodb" {
        let table = field("TableName").unwrap_or_default();
        return match field("IndexName") {
            Some(index) => format!("{table}/index/{index}"),
            None => table.to_owned(),
        };
    }
    ["StreamName", "ConsumerARN", "StreamARN"]
        .iter()
        .find_map(|name| field(name).map(str::to_owned))
        .or_else(|| kinesis::stream_of(body))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, Method};
    use serde_json::json;

    use super::*;
    use crate::testing::authorization;

    pub(super) fn question(method: Method, path: &str, headers: &[(&str, &str)]) -> Question {
        let headers = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        Question {
            method,
            uri: path.parse().unwrap(),
            headers: headers.collect(),
            body: bytes::Bytes::new(),
            json: Value::Null,
        }
    }

    fn check(target: &str, body: &Value, expected: [&str; 3]) {
        let question =
            question(Method::POST, "/", &[("x-amz-target", target)]).of_body(body.clone());
        let call = Call::of(&question);
        let found = [&call.service, &call.action, &call.resource];
        assert_eq!(found, expected.each_ref());
    }

    #[test]
    fn a_call_of_kinesis_names_its_stream() {
        let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/pings";
        let consumer = format!("{arn}/consumer/map:1");
        for (body, resource) in [
            (json!({ "StreamName": "pings" }), "pings"),
            (json!({ "StreamARN": arn }), arn),
            (
                json!({ "ConsumerARN": consumer, "ShardId": "0" }),
                &*consumer,
            ),
            (json!({}), ""),
        ] {
            let expected = ["kinesis", "PutRecords", resource];
            check("Kinesis_20131202.PutRecords", &body, expected);
        }
    }

    #[test]
    fn a_call_of_dynamodb_names_its_table_and_index() {
        let target = "DynamoDB_20120810.Query";
        let body = json!({ "TableName": "leases" });
        check(target, &body, ["dynamodb", "Query", "leases"]);
        let body = json!({ "TableName": "leases", "IndexName": "owners" });
        let index = "leases/index/owners";
        check(target, &body, ["dynamodb", "Query", index]);
    }

    #[test]
    fn the_signature_says_whose_call_it_is() {
        let headers = [("authorization", &*authorization("s3"))];
        let call = Call::of(&question(Method::GET, "/rides/a", &headers));
        assert_eq!((&*call.access_key, &*call.service), ("key", "s3"));
        let unsigned = Call::of(&question(Method::GET, "/rides/a", &[]));
        assert_eq!((&*unsigned.access_key, &*unsigned.service), ("", "s3"));
    }
}
