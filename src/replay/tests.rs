//! Small files played to a real server: order, rides, limits, columns that are missing.
//! The whole San Francisco file is played elsewhere.

use std::{fs::File, io::Write as _, num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use ::parquet::arrow::ArrowWriter;
use arrow_array::{ArrayRef, Float64Array, Int8Array, Int32Array, RecordBatch};
use flate2::{Compression, write::GzEncoder};
use schemas::RideEventKind;

use super::*;
use crate::{
    client::{
        self, Format,
        stub::{Mood, StubIngest, Taken},
    },
    table::TimeUnit,
};

/// Two cabs in the order of the cab: time, place, load.
const ROWS: [(i32, i32, i32, i8); 10] = [
    // On board from the start: nobody knows since when.
    (7, 100, 3_770_000, 1),
    (7, 160, 3_770_100, 0),
    (7, 220, 3_770_200, 1),
    (7, 280, 3_770_300, 1),
    (7, 340, 3_770_400, 0),
    (9, 90, 3_775_000, 0),
    (9, 150, 3_775_100, 0),
    (9, 210, 3_775_200, 1),
    // The recording ends with a passenger on board.
    (9, 270, 3_775_300, 1),
    (9, 330, 3_775_400, 1),
];
const LNG_E5: i32 = -12_240_000;

fn settings(server: &StubIngest, file: &Path) -> Settings {
    Settings {
        file: file.to_owned(),
        speed: Speed::Max,
        limit: None,
        shift_to_now: true,
        columns: Columns {
            pings: PingColumns {
                vehicle: "cab".to_owned(),
                time: "t".to_owned(),
                time_unit: TimeUnit::S,
                lat: "lat_e5".to_owned(),
                lng: "lon_e5".to_owned(),
                scale: 1e5,
            },
            occupied: "occ".to_owned(),
            without_rides: false,
        },
        sending: client::Settings {
            to: server.url.clone(),
            key: None,
            fleet: None,
            connections: NonZeroUsize::new(1).unwrap(),
            batch: NonZeroUsize::new(3).unwrap(),
            format: Format::Ndjson,
            patience: Duration::from_mins(1),
            acked: None,
        },
    }
}

fn write_csv(path: &Path) {
    let mut file = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    writeln!(file, "cab,t,lat_e5,lon_e5,occ").unwrap();
    for (cab, t, lat, load) in ROWS {
        writeln!(file, "{cab},{t},{lat},{LNG_E5},{load}").unwrap();
    }
    file.finish().unwrap();
}

fn write_parquet(path: &Path) {
    let numbers = |pick: fn(&(i32, i32, i32, i8)) -> i32| -> ArrayRef {
        Arc::new(ROWS.iter().map(pick).map(Some).collect::<Int32Array>())
    };
    let loads: ArrayRef = Arc::new(ROWS.iter().map(|row| Some(row.3)).collect::<Int8Array>());
    let batch = RecordBatch::try_from_iter([
        ("cab", numbers(|row| row.0)),
        ("t", numbers(|row| row.1)),
        ("lat_e5", numbers(|row| row.2)),
        ("lon_e5", numbers(|_| LNG_E5)),
        ("occ", loads),
    ])
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// What was taken of a vehicle: seconds since its first ping, and what.
async fn played(file: &str, write: fn(&Path)) -> (Vec<String>, Vec<String>) {
    let server = StubIngest::start(&[Mood::Works, Mood::IsBusy]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(file);
    write(&path);
    let report = run(
        settings(&server, &path),
        Visibility::Hidden,
        Shutdown::new(),
    )
    .await
    .unwrap();
    assert!(report.is_as_expected(), "{report}");
    let start = server.pings().iter().map(|ping| ping.time.0).min().unwrap() - 90_000;
    let mut cabs = (Vec::new(), Vec::new());
    for taken in server.taken() {
        let (vehicle, time, what) = match &taken {
            Taken::Ping(ping) => {
                let ride = if ping.ride.is_some() { " riding" } else { "" };
                (
                    ping.vehicle,
                    ping.time,
                    format!("ping {}{ride}", ping.name.seq),
                )
            }
            Taken::Event(event) => {
                let place = match event.kind {
                    RideEventKind::Assigned { dropoff, .. } => format!(" to {}", dropoff.lat()),
                    _ => String::new(),
                };
                (
                    event.vehicle,
                    event.time,
                    format!("{}{place}", event.kind.as_str()),
                )
            }
        };
        let line = format!("{} {what}", (time.0 - start) / 1_000);
        match vehicle.as_str() {
            "7" => cabs.0.push(line),
            _ => cabs.1.push(line),
        }
    }
    cabs
}

fn expected() -> (Vec<String>, Vec<String>) {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    (
        lines(&[
            "100 ping 0",
            "160 ping 1",
            "220 assigned to 37.704",
            "220 picked_up",
            "220 ping 2 riding",
            "280 ping 3 riding",
            "340 ping 4 riding",
            "340 dropped_off",
        ]),
        lines(&[
            "90 ping 0",
            "150 ping 1",
            "210 assigned to 37.754",
            "210 picked_up",
            "210 ping 2 riding",
            "270 ping 3 riding",
            "330 ping 4 riding",
        ]),
    )
}

#[tokio::test]
async fn a_gzipped_csv_is_played_in_the_order_of_time_with_its_rides() {
    assert_eq!(played("cabs.csv.gz", write_csv).await, expected());
}

#[tokio::test]
async fn a_parquet_file_is_played_like_a_csv() {
    assert_eq!(played("cabs.parquet", write_parquet).await, expected());
}

#[tokio::test]
async fn a_limit_keeps_the_first_pings_of_all_vehicles() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cabs.csv.gz");
    write_csv(&path);
    let settings = Settings {
        limit: Some(3),
        ..settings(&server, &path)
    };
    let report = run(settings, Visibility::Hidden, Shutdown::new())
        .await
        .unwrap();
    assert_eq!(report.accepted(), 3);
    let vehicles: Vec<_> = server
        .pings()
        .iter()
        .map(|ping| ping.vehicle.to_string())
        .collect();
    assert_eq!(vehicles, ["9", "7", "9"]);
}

#[tokio::test]
async fn a_value_that_says_nothing_is_refused_with_its_line() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cabs.csv");
    for (row, words) in [
        ("7,100,NaN,-12240000,0", "latitude or longitude is NaN"),
        ("7,100,3770000,inf,0", "latitude or longitude is inf"),
        ("7,100,3770000,-12240000,yes", "occupied is \"yes\""),
        ("7,100,3770000,-12240000,", "occupied is \"\""),
    ] {
        let text = format!("cab,t,lat_e5,lon_e5,occ\n7,90,3770000,-12240000,1\n{row}\n");
        std::fs::write(&path, text).unwrap();
        let settings = settings(&server, &path);
        let error = run(settings, Visibility::Hidden, Shutdown::new())
            .await
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(&format!("line 3: {words}")), "{error}");
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_parquet_value_that_says_nothing_is_refused_with_its_row() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cabs.parquet");
    for (lat, load, words) in [(f64::NAN, 0, "is NaN"), (3.77e6, 2, "occupied is 2")] {
        let ones: ArrayRef = Arc::new(Int32Array::from(vec![1, 1]));
        let lats: ArrayRef = Arc::new(Float64Array::from(vec![3.77e6, lat]));
        let loads: ArrayRef = Arc::new(Int32Array::from(vec![1, load]));
        let columns = [
            ("cab", &ones),
            ("t", &ones),
            ("lat_e5", &lats),
            ("lon_e5", &ones),
        ];
        let columns = columns.into_iter().chain([("occ", &loads)]);
        let columns = columns.map(|(name, values)| (name, Arc::clone(values)));
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let error = run(
            settings(&server, &path),
            Visibility::Hidden,
            Shutdown::new(),
        )
        .await
        .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("row 2: ") && error.contains(words),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_column_that_does_not_exist_is_named() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let directory = tempfile::tempdir().unwrap();
    for (file, write) in [
        ("cabs.csv.gz", write_csv as fn(&Path)),
        ("cabs.parquet", write_parquet),
    ] {
        let path = directory.path().join(file);
        write(&path);
        let mut settings = settings(&server, &path);
        settings.columns.pings.lat = "latitude".to_owned();
        let error = run(settings, Visibility::Hidden, Shutdown::new())
            .await
            .unwrap_err();
        assert!(
            format!("{error:#}").contains("no column latitude"),
            "{error:#}"
        );
    }
    assert_eq!(server.requests(), 0);
}
