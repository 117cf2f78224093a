//! What a `kafka:` URL says: the brokers, the topic, and how it is read and written. A password is
//! never in it, as URLs are shown in logs and lists of processes.

use std::{path::PathBuf, time::Duration};

use crate::{StreamError, url_options};

/// Records wait so long for others that go with them: a batch of a call of ingest is whole by then.
const DEFAULT_LINGER: Duration = Duration::from_millis(5);
/// A member that is not heard of for so long has lost its partitions.
const DEFAULT_SESSION: Duration = Duration::from_secs(10);
/// The shortest that a member can keep with three beats of its heart in it.
const LEAST_SESSION: Duration = Duration::from_secs(1);
/// A broker holds a call for records open for so long where there are none.
const DEFAULT_WAIT: Duration = Duration::from_millis(500);
/// Bytes that may wait for the brokers: some seconds of a few hundred thousand pings.
const DEFAULT_QUEUE_BYTES: usize = 64 << 20;
/// A queue takes a whole record of 1 MiB, whatever is asked for.
const LEAST_QUEUE_BYTES: usize = 1 << 20;
/// What is asked for is counted in 32 bits.
const MOST_QUEUE_BYTES: usize = 2 << 30;

/// Where a stream is, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `host:port`, with commas between several.
    pub(super) brokers: String,
    pub(super) topic: String,
    /// The group of a service is called `<groups>-<service>`.
    pub(super) groups: String,
    pub(super) tls: bool,
    /// The authorities that brokers are checked by; None: the system's.
    pub(super) ca: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) mechanism: Mechanism,
    /// Where a group begins that has read nothing yet, Unix ms UTC; None: at the oldest record.
    pub(super) start_ms: Option<i64>,
    pub(super) linger: Duration,
    pub(super) wait: Duration,
    pub(super) session: Duration,
    pub(super) queue_bytes: usize,
}

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    Sha512,
    Sha256,
    Plain,
}

impl Mechanism {
    /// As Kafka calls it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sha512 => "SCRAM-SHA-512",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
        }
    }
}

impl Address {
    /// Parses `kafka://broker:9092,another:9092/topic`, with options as in docs/running-on-kafka.md.
    pub(super) fn parse(url: &str) -> Result<Self, StreamError> {
        let no = |reason: &str| url_options::invalid(url, reason);
        let rest = url.strip_prefix("kafka://").unwrap_or_default();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (brokers, rest) = rest.split_at(end);
        if let Some((_, hosts)) = brokers.rsplit_once('@') {
            // What stands before it may be a password, and this is shown.
            let reason = "has a user before the brokers: ?user=name, and the password in \
                          HANSOM_KAFKA_PASSWORD";
            return Err(url_options::invalid(
                &format!("kafka://..@{hosts}{rest}"),
                reason,
            ));
        }
        let are_named = brokers.split(',').all(|broker| !broker.is_empty());
        // The brokers are several, which is more than a URL has room for where it names a host.
        let parsed = url_options::parse(&format!("kafka://brokers{rest}"))?;
        let topic = parsed.path().trim_start_matches('/').to_owned();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !are_named || topic.is_empty() || !topic.bytes().all(is_name) {
            return Err(no(
                "names no brokers or no topic: kafka://broker:9092,another:9092/topic",
            ));
        }
        let mut address = Self {
            brokers: brokers.to_owned(),
            groups: topic.clone(),
            topic,
            tls: false,
            ca: None,
            user: None,
            mechanism: Mechanism::Sha512,
            start_ms: None,
            linger: DEFAULT_LINGER,
            wait: DEFAULT_WAIT,
            session: DEFAULT_SESSION,
            queue_bytes: DEFAULT_QUEUE_BYTES,
        };
        for (name, value) in parsed.query_pairs() {
            address.set(&name, &value).map_err(|reason| no(&reason))?;
        }
        address.check().map_err(no)?;
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let duration = || {
            url_options::duration(value)
                .ok_or_else(|| format!("{name}={value} is no duration like 100ms or 10s"))
        };
        match name {
            "groups" => value.clone_into(&mut self.groups),
            "tls" => {
                let no = || format!("tls={value} is neither true nor false");
                self.tls = value.parse().map_err(|_| no())?;
            }
            "ca" => self.ca = Some(value.into()),
            "user" => self.user = Some(value.to_owned()),
            "mechanism" => {
                let all = [Mechanism::Sha512, Mechanism::Sha256, Mechanism::Plain];
                let named = all.into_iter().find(|one| one.as_str() == value);
                self.mechanism = named.ok_or_else(|| {
                    format!(
                        "mechanism={value} is none of {:?}",
                        all.map(Mechanism::as_str)
                    )
                })?;
            }
            "start_ms" => {
                let no = || format!("start_ms={value} is no time in Unix ms");
                let time = value.parse().ok().filter(|time| *time >= 0);
                self.start_ms = Some(time.ok_or_else(no)?);
            }
            "linger" => self.linger = duration()?,
            "wait" => self.wait = duration()?,
            "session" => self.session = duration()?,
            "queue_bytes" => {
                let range = LEAST_QUEUE_BYTES..=MOST_QUEUE_BYTES;
                let bytes = value.parse().ok().filter(|bytes| range.contains(bytes));
                self.queue_bytes = bytes.ok_or_else(|| {
                    format!(
                        "queue_bytes={value} is no number from {LEAST_QUEUE_BYTES} to \
                         {MOST_QUEUE_BYTES}"
                    )
                })?;
            }
            _ => {
                return Err(format!(
                    "there is no option {name}; groups, tls, ca, user, mechanism, start_ms, linger, \
                     wait, session and queue_bytes are there"
                ));
            }
        }
        Ok(())
    }

    /// Says what does not go together.
    fn check(&self) -> Result<(), &'static str> {
        let needs_tls = self.user.is_some() && self.mechanism != Mechanism::Plain;
        if self.ca.is_some() && !self.tls {
            Err("has ca without tls=true")
        } else if (self.tls || needs_tls) && !cfg!(feature = "kafka-tls") {
            Err(
                "asks for TLS or for a user by SCRAM, which is not built in: build with \
                 --features kafka-tls",
            )
        } else if self.session < LEAST_SESSION {
            Err("session is less than 1s: no member could keep its partitions")
        } else {
            Ok(())
        }
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
        let url = "kafka://one:9092,[::1]:9093/city.pings?linger=20ms&session=6s&groups=city\
                   &start_ms=1772431200000&queue_bytes=5000000&wait=1s&user=me&mechanism=PLAIN";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.brokers, "one:9092,[::1]:9093");
        assert_eq!(address.topic, "city.pings");
        assert_eq!(address.groups, "city");
        assert_eq!(address.user.as_deref(), Some("me"));
        assert_eq!(address.mechanism, Mechanism::Plain);
        assert_eq!(address.start_ms, Some(1_772_431_200_000));
        assert_eq!(address.linger, Duration::from_millis(20));
        assert_eq!(address.wait, Duration::from_secs(1));
        assert_eq!(address.session, Duration::from_secs(6));
        assert_eq!(address.queue_bytes, 5_000_000);
        assert_eq!(Address::parse("kafka://b/pings").unwrap().groups, "pings");
    }

    #[test]
    fn a_mistake_is_named() {
        check_invalid("kafka:", "names no brokers");
        check_invalid("kafka:///topic", "names no brokers");
        check_invalid("kafka://b:9092", "or no topic");
        check_invalid("kafka://b:9092,/topic", "names no brokers");
        check_invalid("kafka://b/one/two", "or no topic");
        check_invalid("kafka://b/to pic", "or no topic");
        check_invalid("kafka://b/t?linger=5", "linger=5 is no duration");
        check_invalid("kafka://b/t?session=10ms", "session is less than");
        check_invalid("kafka://b/t?start_ms=-5", "is no time in Unix ms");
        check_invalid("kafka://b/t?queue_bytes=5", "queue_bytes=5 is no number");
        check_invalid("kafka://b/t?mechanism=GSSAPI", "is none of");
        check_invalid("kafka://b/t?tls=1", "neither true nor false");
        check_invalid("kafka://b/t?ca=/ca.pem", "ca without tls");
        check_invalid("kafka://b/t?shards=4", "there is no option shards");
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let error = Address::parse("kafka://me:secret@b:9092/t").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[cfg(not(feature = "kafka-tls"))]
    #[test]
    fn what_is_not_built_in_is_said() {
        check_invalid("kafka://b/t?tls=true", "--features kafka-tls");
        check_invalid("kafka://b/t?user=me", "--features kafka-tls");
    }
}
