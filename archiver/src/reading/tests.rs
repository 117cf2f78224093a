//! What was written is read back, merged and in order; what no archiver wrote is refused by its name.
//! The writing itself is tested where it is.

use std::{collections::BTreeMap, iter, sync::Arc, time::Duration};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use bytes::Bytes;
use objects::{Key, Objects, memory::MemoryObjects};
use proptest::{collection::vec, prelude::*};
use schemas::{
    Accuracy, Altitude, CancelledBy, Coordinate, Heading, Money, Ping, PlannedRoute, RideEvent,
    RideEventKind, Timestamp, Trip, ride_event::Currency,
};

use super::{Fact, Hour, HourFiles, Merge, Row};
use crate::{
    commit::{File, StoredObject},
    draft::sha256,
    encode::Format,
    layout::Table,
    rows::{pings::PingRows, ride_events, trips},
    testing::{
        event, ping,
        storages::{Fault, Flaky, storage},
        trip,
    },
    window::VehicleNumber,
};

/// Puts a file, as a commit would describe it.
async fn put(
    objects: &Arc<dyn Objects>,
    (table, name, rows): (Table, &str, usize),
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
) -> File {
    let bytes = Bytes::from(Format::of(table).unwrap().write(batches).unwrap());
    let key = Key::new(name).unwrap();
    objects.put(&key, bytes.clone()).await.unwrap();
    File {
        table,
        object: StoredObject {
            key: name.to_owned(),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        },
        rows: rows as u64,
        min_ms: 0,
        max_ms: 0,
    }
}

async fn put_pings(objects: &Arc<dyn Objects>, name: &str, pings: &[Ping]) -> File {
    let mut numbers = BTreeMap::new();
    let mut rows = PingRows::default();
    for ping in pings {
        let next = numbers.len() as u32;
        let number = *numbers.entry((ping.fleet, ping.vehicle)).or_insert(next);
        rows.push(VehicleNumber(number), ping);
    }
    let sorted: Vec<u32> = rows.by_hour().into_values().flatten().collect();
    let dictionaries = rows.dictionaries();
    let batches = rows.batches(&sorted, &dictionaries);
    put(objects, (Table::Pings, name, pings.len()), batches).await
}

async fn put_events(objects: &Arc<dyn Objects>, name: &str, events: &[RideEvent]) -> File {
    let mut sorted: Vec<&RideEvent> = events.iter().collect();
    ride_events::sort(&mut sorted);
    let file = (Table::RideEvents, name, events.len());
    put(objects, file, iter::once(ride_events::batch(&sorted))).await
}

async fn put_trips(objects: &Arc<dyn Objects>, name: &str, all: &[Trip]) -> File {
    let mut sorted: Vec<&Trip> = all.iter().collect();
    trips::sort(&mut sorted);
    let file = (Table::Trips, name, all.len());
    put(objects, file, iter::once(trips::batch(&sorted))).await
}

async fn read<R: Row>(objects: &Arc<dyn Objects>, files: &[File]) -> anyhow::Result<Vec<R>> {
    let mut merge = Merge::open(&storage(objects), files).await?;
    let mut rows = Vec::new();
    while let Some(row) = merge.next().await? {
        rows.push(row);
    }
    Ok(rows)
}

fn memory() -> Arc<dyn Objects> {
    Arc::new(MemoryObjects::default())
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work)
}

fn place(lat_e7: i32) -> Coordinate {
    Coordinate::from_e7(lat_e7, -1_224_000_000).unwrap()
}

/// Pings of one hour in any order, some of them more than once, and the file that each goes to.
fn spread() -> impl Strategy<Value = Vec<(u8, Ping)>> {
    let number = (0..4_u8, 0..3_u8, 10..90_u64, any::<bool>());
    vec(number, 0..200).prop_map(|all| {
        let ping = |(file, vehicle, number, is_later): (u8, u8, u64, bool)| {
            let mut ping = ping(&format!("v{vehicle}"), number);
            if is_later {
                ping.received_at.0 += 5_000;
            }
            (file, ping)
        };
        all.into_iter().map(ping).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn files_are_read_as_one_sorted_file_in_which_every_ping_is_once(spread in spread()) {
        let mut expected: BTreeMap<_, Ping> = BTreeMap::new();
        for (_, ping) in &spread {
            let first = expected.entry(ping.key()).or_insert_with(|| ping.clone());
            if ping.received_at < first.received_at {
                *first = ping.clone();
            }
        }
        let read = block_on(async {
            let objects = memory();
            let mut files = Vec::new();
            for file in 0..4 {
                let pings = spread.iter().filter(|(of, _)| *of == file);
                let pings: Vec<Ping> = pings.map(|(_, ping)| ping.clone()).collect();
                if !pings.is_empty() {
                    files.push(put_pings(&objects, &format!("pings/{file}"), &pings).await);
                }
            }
            let mut merge = Merge::<Ping>::open(&storage(&objects), &files).await.unwrap();
            let mut pings = Vec::new();
            while let Some(ping) = merge.next().await.unwrap() {
                pings.push(ping);
            }
            (pings, merge.repeats())
        });
        prop_assert_eq!(read.1 as usize, spread.len() - expected.len());
        prop_assert_eq!(read.0, expected.into_values().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_ping_is_read_as_it_was_written() {
    let objects = memory();
    let bare = Ping {
        driver: None,
        ride: None,
        speed: None,
        accuracy: None,
        ..ping("v1", 1)
    };
    let full = Ping {
        heading: Heading::from_cdeg(35_999),
        altitude: Altitude::from_dm(-5),
        accuracy: Accuracy::from_dm(31),
        ..ping("v1", 14)
    };
    let mut high = ping("v1", 15);
    (high.name.epoch, high.name.seq) = (u64::MAX, 1 << 63);
    let pings = [bare, full, high];
    let file = put_pings(&objects, "pings/1", &pings).await;
    assert_eq!(read::<Ping>(&objects, &[file]).await.unwrap(), pings);
}

#[tokio::test]
async fn an_event_of_every_kind_is_read_as_it_was_written() {
    let objects = memory();
    let route = Some(PlannedRoute {
        way: "_izlhA~rlgdF_{geC~ywl@".into(),
        duration: Some(Duration::from_mins(10)),
    });
    let kinds = [
        RideEventKind::Assigned {
            pickup: place(1),
            dropoff: place(2),
            route: route.clone(),
        },
        RideEventKind::Arrived,
        RideEventKind::PickedUp,
        RideEventKind::Rerouted {
            dropoff: place(3),
            route: Some("_izlhA~rlgdF_{geC~ywl@".into()),
        },
        RideEventKind::Rerouted {
            dropoff: place(4),
            route: None,
        },
        RideEventKind::DroppedOff {
            fare: Some(Money {
                minor_units: -5,
                currency: Currency::new("EUR").unwrap(),
            }),
        },
        RideEventKind::DroppedOff { fare: None },
        RideEventKind::Cancelled {
            by: CancelledBy::Dispatch,
        },
    ];
    let named = |(second, kind): (i64, RideEventKind)| RideEvent {
        kind,
        driver: (second % 2 == 0).then(|| "d".parse().unwrap()),
        ..event("r", second)
    };
    let events: Vec<RideEvent> = (0..).zip(kinds).map(named).collect();
    let file = put_events(&objects, "ride_events/1", &events).await;
    assert_eq!(read::<RideEvent>(&objects, &[file]).await.unwrap(), events);
}

#[tokio::test]
async fn a_trip_is_read_as_it_was_written() {
    let objects = memory();
    let bare = trip("r1", 1);
    let full = Trip {
        driver: Some("d".parse().unwrap()),
        cancelled_by: CancelledBy::Rider,
        assigned: Some(Timestamp(1)),
        arrived: Some(Timestamp(2)),
        pickup: Some(place(5)),
        to_pickup_m: u32::MAX,
        waiting_s: 7,
        fare: Some(Money {
            minor_units: 1,
            currency: Currency::new("USD").unwrap(),
        }),
        ..trip("r2", 3)
    };
    let trips = [bare, full];
    let file = put_trips(&objects, "trips/1", &trips).await;
    assert_eq!(read::<Trip>(&objects, &[file]).await.unwrap(), trips);
}

#[tokio::test]
async fn an_hour_is_in_the_order_of_vehicle_and_time_and_has_the_last_version_of_a_trip() {
    let objects = memory();
    let fare = |minor_units| {
        let currency = Currency::new("USD").unwrap();
        Some(Money {
            minor_units,
            currency,
        })
    };
    let last = Trip {
        fare: fare(900),
        ..trip("r1", 2)
    };
    let files = HourFiles {
        pings: vec![
            put_pings(&objects, "p/1", &[ping("v1", 30), ping("v0", 40)]).await,
            put_pings(&objects, "p/2", &[ping("v1", 20), ping("v2", 10)]).await,
        ],
        ride_events: vec![put_events(&objects, "e/1", &[event("r1", 30), event("r1", 5)]).await],
        trips: vec![
            put_trips(&objects, "t/1", &[trip("r1", 1), trip("r0", 1)]).await,
            put_trips(&objects, "t/2", &[last.clone(), trip("r1", 1)]).await,
        ],
    };
    let mut hour = Hour::open(&storage(&objects), &files).await.unwrap();
    let mut facts = Vec::new();
    while let Some(fact) = hour.next().await.unwrap() {
        facts.push(fact);
    }
    let expected = [
        Fact::Ping(ping("v0", 40)),
        Fact::Event(Box::new(event("r1", 5))),
        Fact::Ping(ping("v1", 20)),
        Fact::Event(Box::new(event("r1", 30))),
        Fact::Ping(ping("v1", 30)),
        Fact::Trip(Box::new(trip("r0", 1))),
        Fact::Trip(Box::new(last)),
        Fact::Ping(ping("v2", 10)),
    ];
    assert_eq!(facts, expected);
    assert_eq!((hour.repeats(), hour.replaced()), (1, 1));
}

/// Reads a file that is not what it should be, and says what is said then.
#[tokio::test(start_paused = true)]
async fn a_storage_that_is_away_is_waited_for() {
    let objects = memory();
    let pings: Vec<_> = (0..3).map(|n| ping("a", n)).collect();
    let files = [put_pings(&objects, "pings", &pings).await];
    let calm = Flaky::new(Arc::clone(&objects), None);
    let calm_objects: Arc<dyn Objects> = calm.clone();
    assert_eq!(read::<Ping>(&calm_objects, &files).await.unwrap(), pings);
    assert!(calm.operations() > 2);
    for at in 0..calm.operations() {
        let fault = Some((at, Fault::RefuseBefore));
        let flaky: Arc<dyn Objects> = Flaky::new(Arc::clone(&objects), fault);
        assert_eq!(read::<Ping>(&flaky, &files).await.unwrap(), pings);
    }
}

async fn complaint(objects: &Arc<dyn Objects>, file: File) -> String {
    let error = read::<Ping>(objects, &[file]).await.unwrap_err();
    format!("{error:#}")
}

#[tokio::test]
async fn a_file_that_no_archiver_wrote_is_named_with_what_is_wrong_with_it() {
    let objects = memory();
    let pings: Vec<Ping> = (10..80).map(|number| ping("v1", number)).collect();
    let file = put_pings(&objects, "pings/1", &pings).await;
    let key = Key::new("pings/1").unwrap();
    let whole = objects.get(&key).await.unwrap().unwrap();
    let check = async |bytes: Bytes, file: File, expected: &str| {
        objects.put(&key, bytes).await.unwrap();
        let said = complaint(&objects, file).await;
        assert!(said.contains("pings/1"), "{said}");
        assert!(said.contains(expected), "{said}");
    };
    let with_rows = |rows| File {
        rows,
        ..file.clone()
    };
    check(whole.slice(..whole.len() - 9), file.clone(), "cut off").await;
    check(Bytes::from_static(b"PAR1"), file.clone(), "cut off").await;
    let garbage = Bytes::from(vec![7; whole.len()]);
    check(garbage, file.clone(), "Invalid Parquet file").await;
    check(whole.clone(), with_rows(71), "1 rows early").await;
    check(whole.clone(), with_rows(69), "too many rows").await;

    let events = put_events(&objects, "pings/1", &[event("r", 1)]).await;
    let said = complaint(&objects, events).await;
    assert!(said.contains("no column epoch"), "{said}");

    objects.delete(&key).await.unwrap();
    let said = complaint(&objects, file).await;
    assert!(said.contains("gone"), "{said}");
}

#[tokio::test]
async fn a_file_out_of_order_is_refused() {
    let objects = memory();
    let pings = [ping("v1", 10), ping("v1", 11)];
    let mut rows = PingRows::default();
    for ping in &pings {
        rows.push(VehicleNumber(0), ping);
    }
    let (backwards, dictionaries) = ([1, 0], rows.dictionaries());
    let batches = rows.batches(&backwards, &dictionaries);
    let file = put(&objects, (Table::Pings, "pings/1", 2), batches).await;
    let said = complaint(&objects, file).await;
    assert!(said.contains("is not sorted"), "{said}");
}
