//! A recorder of counters: what operators see, for a test of one thread.
//! Gauges and histograms it does not keep.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// All counters, by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<Key, Arc<AtomicU64>>>);

impl Counters {
    /// The sum of the counters of this name that have this label.
    pub(crate) fn sum(&self, name: &str, (label, value): (&str, &str)) -> u64 {
        let counters = self.0.lock().unwrap();
        let has_label = |key: &Key| {
            let mut labels = key.labels();
            labels.any(|one| (one.key(), one.value()) == (label, value))
        };
        counters
            .iter()
            .filter(|(key, _)| key.name() == name && has_label(key))
            .map(|(_, counter)| counter.load(Ordering::Relaxed))
            .sum()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = self.0.lock().unwrap();
        Counter::from_arc(Arc::clone(counters.entry(key.clone()).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
