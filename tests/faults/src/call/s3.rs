//! What a request to S3 asks for: its protocol says that by method, path and query. The bucket is
//! taken to be in the path.

use axum::http::Method;

use crate::upstream::Question;

/// As in `PutObject` and `bucket/key`. What is not known here is named by its method and query.
pub(super) fn action_and_resource(question: &Question) -> (String, String) {
    let path = unescaped(question.uri.path().trim_start_matches('/'));
    let query: Vec<&str> = question
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
        .collect();
    let (action, resource) = match path.split_once('/') {
        Some((_, key)) if !key.is_empty() => (of_object(question, &query), &*path),
        _ => {
            let bucket = path.trim_end_matches('/');
            (of_bucket(&question.method, bucket, &query), bucket)
        }
    };
    let action = action.map_or_else(
        || format!("{} {}", question.method, query.join("&")),
        str::to_owned,
    );
    (action, resource.to_owned())
}

fn of_object(question: &Question, query: &[&str]) -> Option<&'static str> {
    let has = |name| query.contains(&name);
    let is_plain = !has_subresource(query);
    let is_copy = question.headers.contains_key("x-amz-copy-source");
    match question.method {
        Method::PUT if has("partNumber") && is_copy => Some("UploadPartCopy"),
        Method::PUT if has("partNumber") => Some("UploadPart"),
        Method::PUT if is_plain && is_copy => Some("CopyObject"),
        Method::PUT if is_plain => Some("PutObject"),
        Method::GET if has("uploadId") => Some("ListParts"),
        Method::GET if is_plain => Some("GetObject"),
        Method::HEAD => Some("HeadObject"),
        Method::POST if has("uploads") => Some("CreateMultipartUpload"),
        Method::POST if has("uploadId") => Some("CompleteMultipartUpload"),
        Method::DELETE if has("uploadId") => Some("AbortMultipartUpload"),
        Method::DELETE if is_plain => Some("DeleteObject"),
        _ => None,
    }
}

fn of_bucket(method: &Method, bucket: &str, query: &[&str]) -> Option<&'static str> {
    let has = |name| query.contains(&name);
    let is_plain = !has_subresource(query);
    match *method {
        Method::GET if bucket.is_empty() => Some("ListBuckets"),
        Method::GET if has("list-type") => Some("ListObjectsV2"),
        Method::GET if has("uploads") => Some("ListMultipartUploads"),
        Method::GET if has("location") => Some("GetBucketLocation"),
        Method::GET if is_plain => Some("ListObjects"),
        Method::PUT if is_plain => Some("CreateBucket"),
        Method::HEAD => Some("HeadBucket"),
        Method::POST if has("delete") => Some("DeleteObjects"),
        Method::DELETE if is_plain => Some("DeleteBucket"),
        _ => None,
    }
}

/// Whether the query asks for something beside the object or bucket itself, as its tags or lock.
fn has_subresource(query: &[&str]) -> bool {
    const SUBRESOURCES: [&str; 17] = [
        "acl",
        "attributes",
        "cors",
        "encryption",
        "legal-hold",
        "lifecycle",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "restore",
        "retention",
        "tagging",
        "uploadId",
        "versioning",
        "versions",
    ];
    query.iter().any(|name| SUBRESOURCES.contains(name))
}

fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = hex
            .and_then(|hex| str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::question;

    fn check(method: Method, path: &str, expected: (&str, &str)) {
        let (action, resource) = action_and_resource(&question(method, path, &[]));
        assert_eq!((&*action, &*resource), expected);
    }

    #[test]
    fn requests_have_the_names_of_their_actions() {
        let key = "rides/a/b c";
        let path = "/rides/a/b%20c";
        let query = |query: &str| format!("{path}?{query}");
        check(Method::PUT, &query("x-id=PutObject"), ("PutObject", key));
        check(Method::GET, &query("x-id=GetObject"), ("GetObject", key));
        check(Method::HEAD, path, ("HeadObject", key));
        check(Method::DELETE, path, ("DeleteObject", key));
        let uploads = query("uploads");
        check(Method::POST, &uploads, ("CreateMultipartUpload", key));
        let part = query("partNumber=1&uploadId=u");
        check(Method::PUT, &part, ("UploadPart", key));
        let upload = query("uploadId=u");
        check(Method::POST, &upload, ("CompleteMultipartUpload", key));
        check(Method::DELETE, &upload, ("AbortMultipartUpload", key));
        check(Method::GET, &upload, ("ListParts", key));
        let list = "/rides?list-type=2&prefix=a";
        check(Method::GET, list, ("ListObjectsV2", "rides"));
        check(Method::PUT, "/rides/", ("CreateBucket", "rides"));
        check(Method::HEAD, "/rides", ("HeadBucket", "rides"));
    }

    #[test]
    fn a_request_that_is_not_known_is_not_taken_for_one_that_is() {
        check(
            Method::PUT,
            "/rides/a?retention",
            ("PUT retention", "rides/a"),
        );
        check(Method::GET, "/rides?versions", ("GET versions", "rides"));
        check(Method::PATCH, "/rides/a", ("PATCH ", "rides/a"));
    }

    #[test]
    fn a_copy_is_no_plain_put() {
        let headers = [("x-amz-copy-source", "rides/b")];
        let copy = question(Method::PUT, "/rides/a", &headers);
        assert_eq!(action_and_resource(&copy).0, "CopyObject");
    }

    #[test]
    fn a_path_that_is_escaped_wrongly_stays_as_it_is() {
        assert_eq!(unescaped("100%/%zz%e2%82%ac%4"), "100%/%zz€%4");
    }
}
