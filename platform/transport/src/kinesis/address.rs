//! What a `kinesis:` URL says: the stream, where its service is, and how it is read and written.
//! Credentials are never in it.

use std::time::Duration;

use crate::{StreamError, url_options};

/// Records wait so long for others that go with them.
const DEFAULT_LINGER: Duration = Duration::from_millis(100);
/// A shard that is read to its end is looked at this often: two groups of readers share the five
/// calls a second that Kinesis takes for a shard.
const DEFAULT_POLL: Duration = Duration::from_millis(500);
/// A worker that has not renewed its leases for so long has lost them.
const DEFAULT_FAILOVER: Duration = Duration::from_secs(10);
/// Bytes that may wait for the service: some seconds of a few hundred thousand pings.
const DEFAULT_QUEUE_BYTES: usize = 64 << 20;
/// A call carries at most 10 MiB with its keys (a Kinesis limit).
const MAX_CALL_BYTES: usize = 10 << 20;
/// A call carries a whole record of 1 MiB, whatever is asked for.
const LEAST_BYTES: usize = 1 << 20;

/// Where a stream is, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) stream: String,
    /// None: by the environment, the profile or the instance.
    pub(crate) region: Option<String>,
    /// Another endpoint than the region's own.
    pub(crate) endpoint: Option<String>,
    /// Another endpoint of DynamoDB than the region's own.
    pub(crate) dynamodb_endpoint: Option<String>,
    /// The table of a group's leases is called `<leases>-<group>`.
    pub(crate) leases: String,
    /// The name of the consumer that reads by enhanced fan-out, to which the group's is added.
    pub(crate) fanout: Option<String>,
    /// Where a group begins that has read nothing yet, Unix ms UTC; None: at the oldest record.
    pub(crate) start_ms: Option<i64>,
    pub(crate) linger: Duration,
    pub(crate) poll: Duration,
    pub(crate) failover: Duration,
    pub(crate) queue_bytes: usize,
    pub(crate) call_bytes: usize,
}

impl Address {
    /// Parses `kinesis://stream?region=eu-west-1`, with more options as in README.
    pub(crate) fn parse(url: &str) -> Result<Self, StreamError> {
        let no = |reason: &str| url_options::invalid(url, reason);
        let parsed = url_options::parse(url)?;
        let stream = parsed.host_str().unwrap_or_default().to_owned();
        let has_more = parsed.port().is_some()
            || !parsed.username().is_empty()
            || !matches!(parsed.path(), "" | "/");
        if stream.is_empty() || has_more {
            return Err(no("names no stream, or more than one: kinesis://stream"));
        }
        let mut address = Self {
            leases: stream.clone(),
            stream,
            region: None,
            endpoint: None,
            dynamodb_endpoint: None,
            fanout: None,
            start_ms: None,
            linger: DEFAULT_LINGER,
            poll: DEFAULT_POLL,
            failover: DEFAULT_FAILOVER,
            queue_bytes: DEFAULT_QUEUE_BYTES,
            call_bytes: MAX_CALL_BYTES,
        };
        for (name, value) in parsed.query_pairs() {
            let duration = || {
                url_options::duration(&value)
                    .ok_or_else(|| no(&format!("{name}={value} is no duration like 100ms or 10s")))
            };
            let bytes = |most: usize| {
                let number = value.parse().ok();
                number
                    .filter(|bytes| (LEAST_BYTES..=most).contains(bytes))
                    .ok_or_else(|| {
                        no(&format!(
                            "{name}={value} is no number from {LEAST_BYTES} to {most}"
                        ))
                    })
            };
            let text = || Some(value.clone().into_owned());
            match &*name {
                "region" => address.region = text(),
                "endpoint" => address.endpoint = text(),
                "dynamodb_endpoint" => address.dynamodb_endpoint = text(),
                "leases" => address.leases = value.clone().into_owned(),
                "fanout" => address.fanout = text(),
                "start_ms" => {
                    let no = || no(&format!("start_ms={value} is no time in Unix ms"));
                    address.start_ms = Some(value.parse().map_err(|_| no())?);
                }
                "linger" => address.linger = duration()?,
                "poll" => address.poll = duration()?,
                "failover" => address.failover = duration()?,
                "queue_bytes" => address.queue_bytes = bytes(usize::MAX)?,
                "call_bytes" => address.call_bytes = bytes(MAX_CALL_BYTES)?,
                _ => {
                    let known = "region, endpoint, dynamodb_endpoint, leases, fanout, start_ms, \
                                 linger, poll, failover, queue_bytes and call_bytes are there";
                    return Err(no(&format!("there is no option {name}; {known}")));
                }
            }
        }
        if address.failover < Duration::from_millis(300) {
            return Err(no(
                "failover is less than 300ms: leases could not be renewed in time",
            ));
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
    fn options_are_taken_from_the_url() {
        let url = "kinesis://pings?region=eu-west-1&endpoint=http://localhost:4567&linger=20ms\
                   &leases=city&fanout=fast&failover=3s&call_bytes=5000000";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.stream, "pings");
        assert_eq!(address.region.as_deref(), Some("eu-west-1"));
        assert_eq!(address.endpoint.as_deref(), Some("http://localhost:4567"));
        assert_eq!(address.leases, "city");
        assert_eq!(address.fanout.as_deref(), Some("fast"));
        assert_eq!(address.linger, Duration::from_millis(20));
        assert_eq!(address.failover, Duration::from_secs(3));
        assert_eq!(address.call_bytes, 5_000_000);
        assert_eq!(Address::parse("kinesis://pings").unwrap().leases, "pings");
    }

    #[test]
    fn a_mistake_is_named() {
        check_invalid("kinesis://", "names no stream");
        check_invalid("kinesis:", "names no stream");
        check_invalid("kinesis://a/b", "names no stream, or more than one");
        check_invalid("kinesis://key@a", "names no stream, or more than one");
        check_invalid("kinesis://a?linger=5", "linger=5 is no duration");
        check_invalid(
            "kinesis://a?call_bytes=20971520",
            "call_bytes=20971520 is no number",
        );
        check_invalid("kinesis://a?shards=4", "there is no option shards");
        check_invalid("kinesis://a?failover=100ms", "failover is less than");
    }
}
