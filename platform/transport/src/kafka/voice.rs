//! What librdkafka's clients say: their log lines, errors and figures. What follows from an error
//! is decided where it is met.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use rdkafka::{
    ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};
use tracing::{debug, warn};

use super::metrics;
use crate::lock::locked;

/// The voice of one client.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    /// What the client is for.
    role: &'static str,
    /// The group whose lag its figures tell.
    group: Option<Arc<str>>,
    /// What was counted of each broker before: calls, and those again.
    counted: Arc<Mutex<HashMap<String, [u64; 2]>>>,
}

impl Voice {
    /// That of a client whose figures tell nothing.
    pub(super) fn of(role: &'static str) -> Self {
        Self {
            role,
            group: None,
            counted: Arc::default(),
        }
    }

    /// That of a client that reads for a group.
    pub(super) fn of_reader(group: &str) -> Self {
        Self {
            group: Some(group.into()),
            ..Self::of("reader")
        }
    }

    /// Counts what was sent to brokers since the last time.
    fn count_calls(&self, statistics: &Statistics) {
        let mut counted = locked(&self.counted);
        for (name, broker) in &statistics.brokers {
            let calls = broker.req.get("Produce").copied().unwrap_or_default();
            let now = [calls.max(0) as u64, broker.txretries];
            let before = counted.insert(name.clone(), now).unwrap_or_default();
            let [calls, again] = [0, 1].map(|at| now[at].saturating_sub(before[at]));
            metrics::called(calls, again);
        }
    }
}

impl ClientContext for Voice {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        let client = self.role;
        if fac == "FAIL" {
            // It comes as an error too.
            return debug!(client, code = fac, "{log_message}");
        }
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => warn!(client, code = fac, "{log_message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                debug!(client, code = fac, "{log_message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let client = self.role;
        let code = error.rdkafka_error_code();
        let is_for_readers = matches!(
            code,
            Some(RDKafkaErrorCode::PartitionEOF | RDKafkaErrorCode::AutoOffsetReset)
        );
        if !is_for_readers {
            warn!(client, %error, reason, "trouble with the brokers");
        }
    }

    fn stats(&self, statistics: Statistics) {
        let Some(group) = &self.group else {
            return self.count_calls(&statistics);
        };
        let partitions = statistics
            .topics
            .values()
            .flat_map(|topic| topic.partitions.values());
        let behind = partitions.map(|partition| match partition.app_offset {
            // Nothing is read yet.
            ..0 => 0,
            next => (partition.ls_offset - next).max(0),
        });
        metrics::lag_records(group, behind.sum());
    }
}

impl ConsumerContext for Voice {}
