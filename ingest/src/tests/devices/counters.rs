//! That all that apps send is counted: accepted, rejected, or without a fix.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::*;

/// The counters of this thread, by their name and labels.
#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn counted(&self, name: &str) -> BTreeMap<String, u64> {
        let counters = self.0.lock().unwrap();
        let named = counters.iter().filter(|(key, _)| key.starts_with(name));
        named
            .map(|(key, count)| (key[name.len()..].to_owned(), count.load(Ordering::Relaxed)))
            .collect()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!(" {}", label.value()))
            .collect();
        let name = format!("{}{}", key.name(), labels.concat());
        Counter::from_arc(self.0.lock().unwrap().entry(name).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn nothing_that_an_app_sent_is_uncounted() {
    let counters = Counters::default();
    let _guard = metrics::set_default_local_recorder(&counters);
    let service = Service::start(&[]).await;
    let batch =
        json!({"device_id": "a", "location": [{}, {"coords": {}}, 7, {"coords": {"latitude": 1}}]});
    service.post_to("/traccar", JSON, batch.to_string()).await;
    service.post_to("/owntracks", JSON, "").await;
    for query in [
        "id=a",
        "id=a",
        "lat=1&lon=2",
        "id=a&lat=0&lon=0",
        "id=a&lat=1&lon=2",
    ] {
        service.get(&format!("/osmand?{query}")).await;
        service.get(&format!("/gpslogger?{query}")).await;
    }
    let check = |name: &str, expected: &[(&str, u64)]| {
        let expected = expected
            .iter()
            .map(|(label, count)| (format!(" {label}"), *count))
            .collect();
        assert_eq!(counters.counted(name), expected, "{name}");
    };
    let no_fix = [
        ("gpslogger", 2),
        ("osmand", 2),
        ("owntracks", 1),
        ("traccar", 2),
    ];
    check("hansom_ingest_without_fix_total", &no_fix);
    let rejected = [("invalid_id", 2), ("null_island", 2), ("wrong_shape", 2)];
    check("hansom_ingest_rejected_total", &rejected);
    // An append counts on a task of its own, on this thread too.
    check(
        "hansom_ingest_accepted_total",
        &[("gpslogger", 1), ("osmand", 1)],
    );
}
