//! The settings of librdkafka's clients, and why each differs from the library's own.

use std::time::Duration;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::address::Address;
use crate::admission::MAX_RECORD_BYTES;

/// A record that the brokers have not taken in this time is given up: whoever appended it has.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
/// Records of this many bytes together travel as one, and a larger one travels alone: a broker that
/// finds it too large refuses no neighbour with it.
pub(super) const BATCH_BYTES: usize = 256 << 10;
/// What lies around a record's key and payload is less.
const FRAME_BYTES: usize = 4 << 10;
/// Bytes that are read ahead of a reader of one partition, in KiB: some reads of a mebibyte.
const READ_AHEAD_KIB: usize = 4 << 10;
/// A broker answers with at most so much of one partition, unless one batch is larger.
const FETCH_BYTES: usize = 1 << 20;
/// A member may take so long for what it does between two looks at its group. It looks all the time;
/// the group also waits so long for one that has to give back a partition.
const REBALANCE: Duration = Duration::from_mins(5);
/// How often clients tell what they have counted.
const STATISTICS: Duration = Duration::from_secs(5);

/// The settings of the client that appends.
pub(super) fn producer(address: &Address) -> ClientConfig {
    let mut config = common(address);
    config
        // With it come acks=all, and retries that neither double nor overtake.
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", ms(GIVE_UP_AFTER))
        .set("queue.buffering.max.ms", ms(address.linger))
        .set("compression.codec", "zstd")
        // As the default of Java's producer: a key has the same partition whoever appends.
        .set("partitioner", "murmur2_random")
        .set("batch.size", BATCH_BYTES.to_string())
        .set(
            "message.max.bytes",
            (MAX_RECORD_BYTES + FRAME_BYTES).to_string(),
        )
        // What may wait is counted by whoever appends: see `producer.rs`.
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", i32::MAX.to_string())
        // Records that are refused are sent again several times a second.
        .set("retry.backoff.max.ms", "250")
        // A broker that does not answer is tried again well before records are given up.
        .set("socket.timeout.ms", "10000")
        .set("statistics.interval.ms", ms(STATISTICS));
    config
}

/// The settings of the client that is a member of a group. It never reads.
pub(super) fn member(address: &Address, group: &str) -> ClientConfig {
    let mut config = reading(address, group);
    let beat = (address.session / 3).min(Duration::from_secs(3));
    let rebalance = REBALANCE.max(address.session);
    config
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", ms(address.session))
        .set("heartbeat.interval.ms", ms(beat))
        .set("max.poll.interval.ms", ms(rebalance))
        // What slips in before its partitions are paused is thrown away.
        .set("auto.offset.reset", "latest")
        .set("fetch.message.max.bytes", "1024")
        .set("queued.max.messages.kbytes", "1");
    config
}

/// The settings of the client that reads. It knows of no group but by name.
pub(super) fn reader(address: &Address, group: &str) -> ClientConfig {
    let mut config = reading(address, group);
    config
        // Where to go on is decided by who reads, never by the library.
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", ms(STATISTICS))
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", ms(address.wait))
        .set("fetch.message.max.bytes", FETCH_BYTES.to_string())
        // Per partition, as each has a queue of its own: a slow reader stops its own alone.
        .set("queued.max.messages.kbytes", READ_AHEAD_KIB.to_string())
        // A queue that was full is soon read from.
        .set("fetch.queue.backoff.ms", "20")
        .set("fetch.error.backoff.ms", "100");
    config
}

/// The settings of a client that asks for what is there.
pub(super) fn asking(address: &Address) -> ClientConfig {
    common(address)
}

fn reading(address: &Address, group: &str) -> ClientConfig {
    let mut config = common(address);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false");
    config
}

fn common(address: &Address) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set_log_level(RDKafkaLogLevel::Info)
        .set("bootstrap.servers", &address.brokers)
        .set("client.id", "hansom")
        // A broker that comes back is found soon, however often it has gone.
        .set("reconnect.backoff.max.ms", "500")
        // New partitions are found within a minute.
        .set("topic.metadata.refresh.interval.ms", "60000")
        .set("socket.keepalive.enable", "true");
    let protocol = match (address.tls, &address.user) {
        (false, None) => "plaintext",
        (true, None) => "ssl",
        (false, Some(_)) => "sasl_plaintext",
        (true, Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(ca) = &address.ca {
        config.set("ssl.ca.location", ca.to_string_lossy());
    }
    if let Some(user) = &address.user {
        let password = std::env::var("HANSOM_KAFKA_PASSWORD").unwrap_or_default();
        config
            .set("sasl.mechanisms", address.mechanism.as_str())
            .set("sasl.username", user)
            .set("sasl.password", password);
    }
    config
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}
