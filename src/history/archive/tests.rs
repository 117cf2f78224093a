//! An archive of one ride, written by hand: what is read of it, and in which order.

use std::{fs, path::Path, sync::Arc};

use arrow_array::TimestampMillisecondArray;
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use super::*;
use crate::history::testing;

#[derive(Debug, clap::Args)]
struct Flags {
    #[command(flatten)]
    history: Settings,
}

/// 2008-05-17T10:00:00Z.
const HOUR_MS: i64 = 1_211_018_400_000;
const MINUTE_MS: i64 = 60_000;

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn longs(numbers: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(numbers.iter().copied()))
}

fn ints(numbers: &[Option<i32>]) -> ArrayRef {
    Arc::new(numbers.iter().copied().collect::<Int32Array>())
}

fn times(times: &[Option<i64>]) -> ArrayRef {
    let times: TimestampMillisecondArray = times.iter().copied().collect();
    Arc::new(times.with_timezone("UTC"))
}

fn write(root: &Path, key: &str, columns: Vec<(&str, ArrayRef)>) {
    let path = root.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (hour, _) = key.rsplit_once('/').unwrap();
    let list = root.join(format!("tables/{hour}/files.txt"));
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    let listed = fs::read_to_string(&list).unwrap_or_default();
    let uri = format!("file://{}/{key}\n", root.display());
    fs::write(list, listed + &uri).unwrap();
}

fn write_pings(root: &Path, key: &str, minutes: &[i64]) {
    let all = |text| vec![text; minutes.len()];
    let stamps: Vec<_> = minutes
        .iter()
        .map(|minute| Some(HOUR_MS + minute * MINUTE_MS))
        .collect();
    write(
        root,
        key,
        vec![
            ("fleet_id", texts(&all("default"))),
            ("vehicle_id", texts(&all("cab"))),
            ("time", times(&stamps)),
            ("lat_e7", ints(&vec![Some(377_000_000); minutes.len()])),
            ("lng_e7", ints(&vec![Some(-1_224_000_000); minutes.len()])),
            ("speed_cm_s", ints(&vec![None; minutes.len()])),
            ("accuracy_dm", ints(&vec![Some(50); minutes.len()])),
            ("epoch", longs(&vec![1; minutes.len()])),
            ("seq", longs(minutes)),
        ],
    );
}

/// Versions of a ride from minute 50 to 70, each by when the rider got in, and one called off.
fn write_trips(root: &Path, key: &str, picked_up: &[i64]) {
    let rows = picked_up.len() + 1;
    let ended = vec![Some(HOUR_MS + 70 * MINUTE_MS); rows];
    let mut rides = vec!["ride"; rows];
    rides[rows - 1] = "off";
    let mut outcomes = vec!["completed"; rows];
    outcomes[rows - 1] = "cancelled";
    let versions: Vec<i64> = (1..=rows as i64).collect();
    let mut stamps: Vec<_> = picked_up
        .iter()
        .map(|minute| Some(HOUR_MS + minute * MINUTE_MS))
        .collect();
    stamps.push(None);
    let places = |degrees: i32| -> ArrayRef { ints(&vec![Some(degrees); rows]) };
    write(
        root,
        key,
        vec![
            ("fleet_id", texts(&vec!["default"; rows])),
            ("vehicle_id", texts(&vec!["cab"; rows])),
            ("ride_id", texts(&rides)),
            ("version", longs(&versions)),
            ("outcome", texts(&outcomes)),
            (
                "assigned_at",
                times(&vec![Some(HOUR_MS + 50 * MINUTE_MS); rows]),
            ),
            ("arrived_at", times(&vec![None; rows])),
            ("picked_up_at", times(&stamps)),
            ("ended_at", times(&ended)),
            ("pickup_lat_e7", places(377_000_000)),
            ("pickup_lng_e7", places(-1_224_000_000)),
            ("dropoff_lat_e7", places(378_000_000)),
            ("dropoff_lng_e7", places(-1_224_000_000)),
        ],
    );
}

/// What was played, as minutes and words.
async fn played(more: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write_pings(
        root,
        "pings/dt=2008-05-17/hour=10/a-1.parquet",
        &[49, 50, 59],
    );
    write_pings(root, "pings/dt=2008-05-17/hour=10/b-1.parquet", &[55]);
    write_pings(
        root,
        "pings/dt=2008-05-17/hour=11/a-2.parquet",
        &[61, 70, 71],
    );
    write_trips(root, "trips/dt=2008-05-17/hour=11/a-2.parquet", &[53, 55]);
    // What no list names was replaced, or does not count yet.
    let unlisted = root.join("pings/dt=2008-05-17/hour=11/a-1.parquet");
    fs::copy(
        root.join("pings/dt=2008-05-17/hour=11/a-2.parquet"),
        unlisted,
    )
    .unwrap();
    let Flags { history } = testing::parsed(&[], more);
    let url = format!("file://{}", root.display());
    let mut archive = Archive::open(&url, history.until).await.unwrap();
    let mut played = Vec::new();
    let mut take = |time: Timestamp, record: &Record| {
        let minute = (time.0 - HOUR_MS) / MINUTE_MS;
        let word = match record {
            Record::Ping(_) => "ping",
            Record::RideEvent(event) => event.kind.as_str(),
            Record::Trip(_) => "trip",
        };
        played.push(format!("{minute} {word}"));
    };
    while archive
        .play_hour(&history, &mut take)
        .await
        .unwrap()
        .is_some()
    {}
    played
}

#[tokio::test]
async fn a_ride_begins_in_the_hour_before_that_in_which_it_is_found() {
    assert_eq!(
        played(&[]).await,
        [
            "49 ping",
            "50 assigned",
            "50 ping",
            "55 picked_up",
            "55 ping",
            "59 ping",
            "61 ping",
            "70 ping",
            "70 dropped_off",
            "71 ping",
        ]
    );
}

#[tokio::test]
async fn what_ends_after_the_end_of_history_is_not_played() {
    let until = ((HOUR_MS + 65 * MINUTE_MS) / 1_000).to_string();
    let pings = ["49 ping", "50 ping", "55 ping", "59 ping", "61 ping"];
    assert_eq!(played(&["--until", &until]).await, pings);
}

#[tokio::test]
async fn an_archive_without_pings_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}", directory.path().display());
    let error = Archive::open(&url, None).await.err().unwrap();
    assert!(error.to_string().contains("has no pings"), "{error:#}");
    write_pings(
        directory.path(),
        "pings/dt=2008-05-17/hour=10/a-1.parquet",
        &[49],
    );
    fs::remove_dir_all(directory.path().join("tables")).unwrap();
    let error = Archive::open(&url, None).await.err().unwrap();
    assert!(error.to_string().contains("archiver publish"), "{error:#}");
}
