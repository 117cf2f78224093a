//! What an `s3:` URL says: bucket, prefix and options. Credentials are never in it.

use url::Url;

use crate::ObjectError;

/// A lock lasts a hundred years at most (S3's limit).
const MAX_LOCK_DAYS: u32 = 36_500;

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
    /// How objects are kept from being changed; None: as the bucket does it.
    pub(super) lock: Option<Lock>,
}

/// Keeps every object from being changed or deleted, for some days from its put on (Object Lock).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) mode: LockMode,
    pub(super) days: u32,
}

/// Who may end a lock before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockMode {
    /// Nobody.
    Compliance,
    /// Whoever has the right to.
    Governance,
}

impl Address {
    /// Parses `s3://bucket/prefix?region=eu-west-1&endpoint=http://localhost:9000&kms_key=ARN`, also
    /// with `lock=compliance&lock_days=2555`.
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
        let (mut lock, mut days) = (None, None);
        for (name, value) in parsed.query_pairs() {
            let place = match &*name {
                "region" => &mut address.region,
                "endpoint" => &mut address.endpoint,
                "kms_key" => &mut address.kms_key,
                "lock" => &mut lock,
                "lock_days" => &mut days,
                _ => {
                    let known = "region, endpoint, kms_key, lock and lock_days are there";
                    return Err(no(format!("there is no option {name}; {known}")));
                }
            };
            *place = Some(value.into_owned());
        }
        address.lock = read_lock(lock.as_deref(), days.as_deref()).map_err(no)?;
        Ok(address)
    }
}

fn read_lock(mode: Option<&str>, days: Option<&str>) -> Result<Option<Lock>, String> {
    let (mode, days) = match (mode, days) {
        (None, None) => return Ok(None),
        (Some(mode), Some(days)) => (mode, days),
        _ => return Err("has one of lock and lock_days: they go together".to_owned()),
    };
    let mode = match mode {
        "compliance" => LockMode::Compliance,
        "governance" => LockMode::Governance,
        _ => return Err(format!("lock={mode} is neither compliance nor governance")),
    };
    let days = days
        .parse()
        .ok()
        .filter(|days| (1..=MAX_LOCK_DAYS).contains(days));
    let no = || format!("lock_days is no number from 1 to {MAX_LOCK_DAYS}");
    Ok(Some(Lock {
        mode,
        days: days.ok_or_else(no)?,
    }))
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
            lock: None,
        };
        assert_eq!(Address::parse(url).unwrap(), expected);
        assert_eq!(Address::parse("s3://rides").unwrap().prefix, "");
    }

    #[test]
    fn a_lock_has_a_mode_and_a_time() {
        let address = Address::parse("s3://rides?lock=compliance&lock_days=2555").unwrap();
        let mode = LockMode::Compliance;
        assert_eq!(address.lock, Some(Lock { mode, days: 2_555 }));
        check_invalid("s3://rides?lock=compliance", "they go together");
        check_invalid("s3://rides?lock_days=1", "they go together");
        check_invalid("s3://rides?lock=on&lock_days=1", "lock=on is neither");
        check_invalid(
            "s3://rides?lock=governance&lock_days=0",
            "lock_days is no number",
        );
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
