//! What an `s3:` URL says: bucket, prefix and options. Credentials are never in it.

use url::Url;

use crate::ObjectError;

/// Where objects are kept, and how they are put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) bucket: String,
    /// Before every key, with a slash at its end; or empty.
    pub(super) prefix: String,
    /// None: by the environment, the profile or the instance.
    pub(super) region: Option<String>,
    /// Another endpoint than the region's own.
    pub(super) endpoint: Option<String>,
    /// The key of AWS KMS that objects are encrypted with; None: as the bucket does it.
    pub(super) kms_key: Option<String>,
}

impl Address {
    /// Parses `s3://bucket/prefix?region=eu-west-1&endpoint=http://localhost:9000&kms_key=ARN`.
    pub(super) fn parse(url: &str) -> Result<Self, ObjectError> {
        let no = |reason: String| ObjectError::Url {
            url: url.to_owned(),
            reason,
        };
        let parsed = Url::parse(url).map_err(|error| no(error.to_string()))?;
        let bucket = parsed.host_str().unwrap_or_default().to_owned();
        if bucket.is_empty() {
            return Err(no("names no bucket: s3://bucket/prefix".to_owned()));
        }
        let has_more = parsed.port().is_some() || !parsed.username().is_empty();
        if has_more || parsed.fragment().is_some() {
            return Err(no("has more than a bucket, a prefix and options".to_owned()));
        }
        let prefix = parsed.path().trim_matches('/');
        let mut address = Self {
            bucket,
            ..Self::default()
        };
        if !prefix.is_empty() {
            crate::Key::new(prefix).map_err(|error| no(error.to_string()))?;
            address.prefix = format!("{prefix}/");
        }
        for (name, value) in parsed.query_pairs() {
            let place = match &*name {
                "region" => &mut address.region,
                "endpoint" => &mut address.endpoint,
                "kms_key" => &mut address.kms_key,
                _ => {
                    let known = "region, endpoint and kms_key are there";
                    return Err(no(format!("there is no option {name}; {known}")));
                }
            };
            *place = Some(value.into_owned());
        }
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_invalid(url: &str, reason: &str) {
        let error = Address::parse(url).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn bucket_prefix_and_options_are_taken_from_the_url() {
        let url =
            "s3://rides/city/sf/?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A9&kms_key=k";
        let expected = Address {
            bucket: "rides".to_owned(),
            prefix: "city/sf/".to_owned(),
            region: Some("eu-west-1".to_owned()),
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            kms_key: Some("k".to_owned()),
        };
        assert_eq!(Address::parse(url).unwrap(), expected);
        assert_eq!(Address::parse("s3://rides").unwrap().prefix, "");
    }

    #[test]
    fn a_mistake_is_named() {
        check_invalid("s3://", "names no bucket");
        check_invalid("s3:///rides", "names no bucket");
        check_invalid("s3://rides/a%20b", "no object key");
        check_invalid("s3://rides?acl=public", "there is no option acl");
        check_invalid("s3://key:secret@rides", "has more than");
        check_invalid("s3://rides#x", "has more than");
    }
}
