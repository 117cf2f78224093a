//! What the tests share: facts, streams of them, and a reader of the archive.
//! It checks that an archive is whole; what should be in it, the tests know.

pub(crate) mod archived;
pub(crate) mod counters;
pub(crate) mod listed;
pub(crate) mod shards;
pub(crate) mod storages;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow_array::{Array as _, RecordBatch, cast::AsArray as _, types::Int64Type};
use bytes::Bytes;
use objects::{Key, Objects};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::{
    Accuracy, CancelledBy, Coordinate, Money, Ping, PingName, Protocol, Record, RideEvent,
    RideEventKind, Speed, Timestamp, Trip, TripOutcome, VehicleState, ride_event::Currency,
};
use transport::{Batch, Stream};

use crate::{
    commit::{Commit, Counts},
    draft::sha256,
    layout::Table,
};

/// 2026-03-01 23:59:50 UTC, ten seconds before an hour and a day end.
pub(crate) const START_MS: i64 = 1_772_409_590_000;

/// The ping of a vehicle `number` seconds after [`START_MS`].
pub(crate) fn ping(vehicle: &str, number: u64) -> Ping {
    let time = Timestamp(START_MS + number as i64 * 1_000);
    let speed = (!number.is_multiple_of(3)).then(|| Speed::from_cm_s(number as u32 % 9_000));
    Ping {
        fleet: "fleet".parse().unwrap(),
        vehicle: vehicle.parse().unwrap(),
        driver: Some(format!("d-{vehicle}").parse().unwrap()),
        ride: (number % 20 > 9).then(|| format!("{vehicle}-{}", number / 20).parse().unwrap()),
        name: PingName {
            epoch: 7,
            seq: number,
        },
        time,
        position: Coordinate::from_e7(377_000_000 + number as i32 * 700, -1_224_000_000).unwrap(),
        speed: speed.flatten(),
        heading: None,
        accuracy: Accuracy::from_dm(30 + number as u32 % 40),
        altitude: None,
        state: VehicleState::OnTrip,
        received_at: Timestamp(time.0 + 120),
        protocol: Protocol::HttpNdjson,
    }
}

/// The drop-off of a ride.
pub(crate) fn event(ride: &str, second: i64) -> RideEvent {
    let fare = Money {
        minor_units: 1_250,
        currency: Currency::new("USD").unwrap(),
    };
    RideEvent {
        fleet: "fleet".parse().unwrap(),
        ride: ride.parse().unwrap(),
        vehicle: "v1".parse().unwrap(),
        driver: None,
        time: Timestamp(START_MS + second * 1_000),
        received_at: Timestamp(START_MS + second * 1_000 + 80),
        kind: RideEventKind::DroppedOff { fare: Some(fare) },
    }
}

/// A version of a ride's trip.
pub(crate) fn trip(ride: &str, version: u32) -> Trip {
    Trip {
        fleet: "fleet".parse().unwrap(),
        ride: ride.parse().unwrap(),
        vehicle: "v1".parse().unwrap(),
        driver: None,
        version,
        outcome: TripOutcome::Completed,
        cancelled_by: CancelledBy::Unspecified,
        assigned: None,
        arrived: None,
        picked_up: Some(Timestamp(START_MS)),
        ended: Timestamp(START_MS + 30_000),
        pickup: None,
        dropoff: Some(Coordinate::from_e7(377_000_000, -1_224_000_000).unwrap()),
        distance_m: 3_000_000_000,
        to_pickup_m: 0,
        duration_s: 30,
        waiting_s: 0,
        route: "_izlhA~rlgdF_{geC~ywl@".to_owned(),
        fare: None,
        pings: 30,
        largest_gap_s: 1,
    }
}

/// What is put on a stream.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Fact(Box<Record>),
    Garbage(Vec<u8>),
}

impl From<Ping> for Entry {
    fn from(ping: Ping) -> Self {
        Self::Fact(Box::new(Record::Ping(ping)))
    }
}

impl From<RideEvent> for Entry {
    fn from(event: RideEvent) -> Self {
        Self::Fact(Box::new(Record::RideEvent(Box::new(event))))
    }
}

impl From<Trip> for Entry {
    fn from(trip: Trip) -> Self {
        Self::Fact(Box::new(Record::Trip(Box::new(trip))))
    }
}

/// Appends entries in one batch.
pub(crate) async fn append(stream: &Arc<dyn Stream>, entries: &[Entry]) {
    let mut batch = Batch::default();
    for entry in entries {
        match entry {
            Entry::Fact(fact) => {
                let (fleet, vehicle) = fact.subject();
                let key = |key: &mut Vec<u8>| schemas::record::write_key(fleet, vehicle, key);
                batch.push(key, |payload| fact.encode(payload));
            }
            Entry::Garbage(bytes) => batch.push(
                |key| key.extend_from_slice(b"fleet/v1"),
                |payload| payload.extend_from_slice(bytes),
            ),
        }
    }
    let appended = stream.producer().append(batch).await;
    assert!(appended.failed.is_empty(), "{:?}", appended.failed);
}

/// A stream in memory with so many shards.
pub(crate) async fn stream(shards: u32) -> Arc<dyn Stream> {
    transport::open(&format!("memory:?shards={shards}"))
        .await
        .unwrap()
}

/// What a reader finds in an archive, by way of its commits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Archive {
    /// (vehicle, epoch, seq), in order.
    pub(crate) pings: Vec<(String, i64, i64)>,
    /// (ride, time), in order.
    pub(crate) events: Vec<(String, i64)>,
    /// (ride, version), in order.
    pub(crate) trips: Vec<(String, i64)>,
    pub(crate) commits: Vec<Commit>,
}

/// Reads an archive; panics where it is not whole.
pub(crate) async fn read(objects: &dyn Objects) -> Archive {
    let mut archive = Archive::default();
    let mut chains: BTreeMap<String, u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for key in keys(objects, "_commits/").await {
        let bytes = objects.get(&key).await.unwrap().unwrap();
        let commit: Commit = serde_json::from_slice(&bytes).unwrap();
        let last = chains.entry(commit.shard.clone()).or_default();
        assert_eq!(commit.n, *last + 1, "the chain has a hole");
        *last = commit.n;
        add_up(&commit.counts);
        for file in &commit.files {
            let bytes = objects
                .get(&Key::new(&file.object.key).unwrap())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(sha256(&bytes), file.object.sha256, "{}", file.object.key);
            assert!(
                known.insert(file.object.key.clone()),
                "{} is in two commits",
                file.object.key
            );
            archive.add(file.table, bytes);
        }
        archive.commits.push(commit);
    }
    for table in Table::ALL {
        for key in keys(objects, &format!("{}/", table.as_str())).await {
            assert!(known.contains(key.as_str()), "{key} is in no commit");
        }
    }
    archive.pings.sort();
    archive.events.sort();
    archive.trips.sort();
    archive
}

impl Archive {
    fn add(&mut self, table: Table, file: Bytes) {
        for batch in batches(file) {
            match table {
                Table::Pings => self.pings.extend(
                    texts(&batch, "vehicle_id")
                        .zip(longs(&batch, "epoch").zip(longs(&batch, "seq")))
                        .map(|(vehicle, (epoch, seq))| (vehicle, epoch, seq)),
                ),
                Table::RideEvents => {
                    self.events
                        .extend(texts(&batch, "ride_id").zip(longs(&batch, "time")));
                }
                Table::Trips => {
                    self.trips
                        .extend(texts(&batch, "ride_id").zip(longs(&batch, "version")));
                }
            }
        }
    }
}

/// Reads a Parquet file.
pub(crate) fn batches(file: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    reader.map(Result::unwrap).collect()
}

fn texts(batch: &RecordBatch, name: &str) -> impl Iterator<Item = String> {
    let column = batch
        .column_by_name(name)
        .unwrap()
        .as_string::<i32>()
        .clone();
    (0..column.len()).map(move |row| column.value(row).to_owned())
}

fn longs(batch: &RecordBatch, name: &str) -> impl Iterator<Item = i64> {
    let column = batch.column_by_name(name).unwrap();
    let values = match column.as_primitive_opt::<Int64Type>() {
        Some(column) => column.values().to_vec(),
        None => column
            .as_primitive::<arrow_array::types::TimestampMillisecondType>()
            .values()
            .to_vec(),
    };
    values.into_iter()
}

fn add_up(counts: &Counts) {
    let facts: u64 = Table::ALL
        .into_iter()
        .map(|table| counts.of(table).rows + counts.of(table).duplicates)
        .sum();
    assert_eq!(counts.records, facts + counts.dead_letters);
}

async fn keys(objects: &dyn Objects, prefix: &str) -> Vec<Key> {
    let mut all: Vec<Key> = Vec::new();
    loop {
        let page = objects.list(prefix, all.last()).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
