//! The options in a stream's URL, parsed once. Which of them a backend has is said here.

use std::{path::PathBuf, time::Duration};

use url::Url;

use crate::{StreamError, retention::Retention};

/// A log has at most this many shards: each costs a little at every commit.
const MAX_SHARDS: u32 = 256;

/// A log of less than this could refuse one commit's worth of batches for ever.
const LEAST_MAX_BYTES: u64 = 16 << 20;

/// What is kept where the URL does not say: a day, for readers that were away.
const DEFAULT_AGE: Duration = Duration::from_hours(24);

/// What a URL says of a local stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UrlOptions {
    /// Number of shards, if given.
    pub(crate) shards: Option<u32>,
    /// How long and how much is kept.
    pub(crate) retention: Retention,
}

/// Parses `memory:?shards=4&retention=24h&max_bytes=268435456`.
pub(crate) fn memory(url: &str, default_max_bytes: u64) -> Result<UrlOptions, StreamError> {
    let parsed = parse(url)?;
    if parsed.has_host() || !parsed.path().is_empty() {
        return Err(invalid(url, "has a path, which memory: has not"));
    }
    options(url, &parsed, default_max_bytes)
}

/// Parses `embedded:///path?shards=4&retention=24h&max_bytes=8589934592`.
pub(crate) fn embedded(
    url: &str,
    default_max_bytes: u64,
) -> Result<(PathBuf, UrlOptions), StreamError> {
    let parsed = parse(url)?;
    let has_path = parsed.path().starts_with('/') && parsed.path() != "/";
    let path = if has_path {
        parsed.to_file_path().ok()
    } else {
        None
    };
    let path = path.ok_or_else(|| {
        invalid(
            url,
            "names no absolute path: embedded:///path has three slashes",
        )
    })?;
    Ok((path, options(url, &parsed, default_max_bytes)?))
}

pub(crate) fn parse(url: &str) -> Result<Url, StreamError> {
    let parsed = Url::parse(url).map_err(|error| invalid(url, &error.to_string()))?;
    if parsed.fragment().is_some() {
        return Err(invalid(url, "has a fragment: write # in a path as %23"));
    }
    Ok(parsed)
}

fn options(url: &str, parsed: &Url, default_max_bytes: u64) -> Result<UrlOptions, StreamError> {
    let retention = Retention {
        age: DEFAULT_AGE,
        max_bytes: default_max_bytes,
    };
    let mut options = UrlOptions {
        shards: None,
        retention,
    };
    for (name, value) in parsed.query_pairs() {
        match &*name {
            "shards" => {
                let shards = value
                    .parse()
                    .ok()
                    .filter(|shards| (1..=MAX_SHARDS).contains(shards));
                options.shards = Some(shards.ok_or_else(|| {
                    invalid(
                        url,
                        &format!("shards={value} is no number from 1 to {MAX_SHARDS}"),
                    )
                })?);
            }
            "retention" => {
                options.retention.age = duration(&value).ok_or_else(|| {
                    invalid(
                        url,
                        &format!("retention={value} is no duration like 90s, 15m or 24h"),
                    )
                })?;
            }
            "max_bytes" => {
                let bytes = value.parse().ok().filter(|bytes| *bytes >= LEAST_MAX_BYTES);
                options.retention.max_bytes = bytes.ok_or_else(|| {
                    let least = LEAST_MAX_BYTES;
                    invalid(
                        url,
                        &format!("max_bytes={value} is no number of at least {least}"),
                    )
                })?;
            }
            _ => {
                let known = "shards, retention and max_bytes are there";
                return Err(invalid(url, &format!("there is no option {name}; {known}")));
            }
        }
    }
    Ok(options)
}

/// Reads a duration like 100ms, 90s, 15m or 24h.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let ms_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(ms_per_unit)
        .map(Duration::from_millis)
}

pub(crate) fn invalid(url: &str, reason: &str) -> StreamError {
    StreamError::Url {
        url: url.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_invalid(url: &str, reason: &str) {
        let error = if url.starts_with("memory") {
            memory(url, 1).unwrap_err()
        } else {
            embedded(url, 1).unwrap_err()
        };
        assert!(error.to_string().contains(reason), "{error}");
    }

    #[test]
    fn options_are_taken_from_the_url() {
        let url = "embedded:///var/lib/the%20log?shards=8&retention=15m&max_bytes=20000000";
        let (path, options) = embedded(url, 1).unwrap();
        assert_eq!(path, PathBuf::from("/var/lib/the log"));
        let age = Duration::from_mins(15);
        let retention = Retention {
            age,
            max_bytes: 20_000_000,
        };
        assert_eq!(
            options,
            UrlOptions {
                shards: Some(8),
                retention
            }
        );
    }

    #[test]
    fn what_is_not_said_is_a_day_and_the_default() {
        let retention = Retention {
            age: Duration::from_hours(24),
            max_bytes: 7,
        };
        let expected = UrlOptions {
            shards: None,
            retention,
        };
        assert_eq!(memory("memory:", 7).unwrap(), expected);
    }

    #[test]
    fn a_mistake_is_named() {
        check_invalid("memory:?shard=4", "there is no option shard;");
        check_invalid("memory:?shards=0", "shards=0 is no number from 1 to 256");
        check_invalid("memory:?retention=24", "retention=24 is no duration");
        check_invalid("memory:?retention=h", "retention=h is no duration");
        check_invalid("memory:?retention=9999999999999999999h", "is no duration");
        check_invalid("memory:?max_bytes=lots", "max_bytes=lots is no number");
        check_invalid(
            "memory:?max_bytes=1000000",
            "max_bytes=1000000 is no number",
        );
        check_invalid("memory:/some/path", "has a path");
        check_invalid("embedded:///var/C#/log", "has a fragment");
        check_invalid("embedded://var/lib", "three slashes");
        check_invalid("embedded:", "three slashes");
        check_invalid("embedded:///", "three slashes");
    }
}
