//! The spool before a stream with weather: what is acked comes through, in order, whatever happens.

mod crash;
mod disk;
mod interleavings;
mod outages;
mod speed;
mod weather;

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use self::weather::{Sky, Taken, Weather};
use super::*;
use crate::{
    AppendError, Appended, Batch,
    conformance::{self, Delivery},
};

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.to_path_buf(),
        max_bytes: LEAST_MAX_BYTES,
        patience: DEFAULT_PATIENCE,
    }
}

/// Opens the spool. Where it was dropped a moment ago, its logs are closed in a moment.
async fn open(sky: &Sky, directory: &Path) -> Spooled {
    loop {
        match Spooled::open(sky.stream(), settings(directory)).await {
            Ok(spooled) => return spooled,
            Err(error) => assert!(error.to_string().contains("already open"), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn batch<'a>(records: impl IntoIterator<Item = (&'a str, u64)>) -> Batch {
    let mut batch = Batch::default();
    for (key, counter) in records {
        batch.add(key.as_bytes(), counter.to_string().as_bytes());
    }
    batch
}

async fn append(producer: &dyn Producer, key: &str, counter: u64) {
    let appended = producer.append(batch([(key, counter)])).await;
    assert!(appended.failed.is_empty(), "{:?}", appended.failed);
}

fn is_unavailable(appended: &Appended) -> bool {
    let mut failed = appended.failed.iter();
    failed.all(|(_, error)| matches!(error, AppendError::Unavailable(_)))
        && !appended.failed.is_empty()
}

/// Counters of a key without repeats, in the order they first came.
fn first_occurrences(taken: &[Taken], key: &str) -> Vec<u64> {
    let mut seen = std::collections::HashSet::new();
    let of_key = taken.iter().filter(|(of, _)| of == key);
    let counters = of_key.map(|(_, counter)| counter.parse().unwrap());
    counters.filter(|counter| seen.insert(*counter)).collect()
}

/// What was acked is there, and comes first in the order of its appends.
fn assert_kept(taken: &[Taken], acked: &HashMap<String, Vec<u64>>) {
    for (key, acked) in acked {
        let mut found = first_occurrences(taken, key);
        found.retain(|counter| acked.contains(counter));
        assert_eq!(&found, acked, "of {key}");
    }
}

async fn keeps_the_contract(weather: Weather, delivery: Delivery) {
    let directory = tempfile::tempdir().unwrap();
    let opened = std::cell::Cell::new(0);
    let open = async || {
        opened.set(opened.get() + 1);
        let directory = directory.path().join(opened.get().to_string());
        let mut settings = settings(&directory);
        if weather == Weather::Calm {
            // A busy machine is no outage.
            settings.patience = Duration::from_mins(1);
        }
        let sky = Sky::new(weather);
        Arc::new(Spooled::open(sky.stream(), settings).await.unwrap()) as Arc<dyn Stream>
    };
    match delivery {
        Delivery::Once => conformance::run(delivery, open).await,
        Delivery::AtLeastOnce => conformance::run_delayed(delivery, open).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_stream() {
    keeps_the_contract(Weather::Calm, Delivery::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_before_a_stream_that_comes_and_goes() {
    keeps_the_contract(Weather::Flaky, Delivery::AtLeastOnce).await;
}
