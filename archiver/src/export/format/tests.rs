//! Rows of every shape in every format, byte by byte where others read bytes. What profiles ask for is
//! tested where they are.

use std::sync::Arc;

use arrow_array::{Array as _, RecordBatch, cast::AsArray as _, types::TimestampMicrosecondType};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::{
    Timestamp, Trip,
    regulators::{
        Exception, Fact, Inputs, Jurisdictions, Period, Profile, Registry, Report, Row, Scope,
        Sink, Zones,
    },
};

use super::Rows;
use crate::testing::trip;

const JURISDICTIONS: &str = r#"
[jurisdictions.here]
company = "acme"
"#;

/// A profile of trips in a format.
fn profile(format: &str) -> Profile {
    let array = match format {
        "json" => "array = \"trips\"\nmembers = { version = \"2.0.0\", ttl = 5 }",
        _ => "",
    };
    let text = format!(
        r#"
name = "test"
version = "1"
time_zone = "America/Chicago"
periods = ["day"]

[privacy]
rotate = "never"

[[topic]]
name = "trips"
rows = "trips"
format = "{format}"
file = "a.{format}"
{array}
incomplete = "write"
columns = [
    {{ name = "ride", from = "ride.id" }},
    {{ name = "from.lat", from = "trip.pickup.lat", decimals = 4 }},
    {{ name = "from.lng", from = "trip.pickup.lng", decimals = 4 }},
    {{ name = "to.lat", from = "trip.dropoff.lat", decimals = 4 }},
    {{ name = "seconds", from = "trip.duration_s" }},
    {{ name = "wall", from = "trip.ended", type = "wall" }},
    {{ name = "note", from = "ride.note" }},
]
"#
    );
    Profile::parse(&text).unwrap()
}

/// Writes all rows of the first topic.
struct Written(Rows);

impl Sink for Written {
    fn row(&mut self, _topic: usize, row: Row<'_>) {
        self.0.push(row).unwrap();
    }

    fn exception(&mut self, exception: &Exception<'_>) {
        panic!("{exception:?}");
    }
}

/// The file that a profile makes of some trips.
fn written(format: &str, trips: &[Trip]) -> Vec<u8> {
    let profile = profile(format);
    let jurisdictions = Jurisdictions::parse(JURISDICTIONS).unwrap();
    let jurisdiction = jurisdictions.named("here").unwrap().clone();
    let zone = profile.time_zone(&jurisdiction).unwrap();
    let mut registry = Registry::builder(&profile);
    let layout = registry.file(&["fleet_id", "ride_id", "note"]).unwrap();
    registry.row(&layout, 2, &["fleet", "r1", "a \"b\", c"]);
    let inputs = Inputs {
        scope: Scope {
            jurisdiction,
            period: Period::parse("2026-03-01", &zone).unwrap(),
            submission_date: None,
        },
        registry: Arc::new(registry.build().unwrap()),
        zones: Arc::new(Zones::default()),
        secret: None,
    };
    let mut report = Report::new(&profile, inputs).unwrap();
    let mut sink = Written(Rows::begin(&report.topics()[0]).unwrap());
    for trip in trips {
        report.take(Fact::Trip(trip), &mut sink);
    }
    report.end_hour(Timestamp(i64::MAX), &mut sink);
    report.finish(&mut sink);
    sink.0.end().unwrap()
}

fn trips() -> [Trip; 2] {
    [trip("r1", 1), trip("r2", 1)]
}

#[test]
fn csv_has_a_header_and_a_line_for_each_row() {
    let expected = "\
ride,from.lat,from.lng,to.lat,seconds,wall,note
r1,,,37.7000,30,2026-03-01 18:00:20,\"a \"\"b\"\", c\"
r2,,,37.7000,30,2026-03-01 18:00:20,
";
    let bytes = written("csv", &trips());
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn json_nests_by_dots_and_leaves_out_what_is_not_known() {
    let expected = r#"{"ttl":5,"version":"2.0.0","trips":[
{"ride":"r1","to":{"lat":37.7000},"seconds":30,"wall":"2026-03-01 18:00:20","note":"a \"b\", c"},
{"ride":"r2","to":{"lat":37.7000},"seconds":30,"wall":"2026-03-01 18:00:20"}
]}
"#;
    let bytes = written("json", &trips());
    let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read["trips"].as_array().unwrap().len(), 2);
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_file_without_rows_is_whole() {
    let json = written("json", &[]);
    let read: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(read["trips"].as_array().unwrap().len(), 0);
    let csv = String::from_utf8(written("csv", &[])).unwrap();
    assert_eq!(csv.lines().count(), 1);
    let parquet = Bytes::from(written("parquet", &[]));
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn parquet_has_the_regulators_own_types() {
    let many: Vec<Trip> = (0..9_000)
        .map(|number| trip(&format!("r{number}"), 1))
        .collect();
    let bytes = Bytes::from(written("parquet", &many));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let schema = reader.schema().clone();
    let types: Vec<&DataType> = schema.fields().iter().map(|of| of.data_type()).collect();
    let (text, double, long) = (&DataType::Utf8, &DataType::Float64, &DataType::Int64);
    let wall = &DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(types, [text, double, double, double, long, wall, text]);
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, many.len());
    let first = &batches[0];
    assert_eq!(first.column(0).as_string::<i32>().value(1), "r1");
    assert_eq!(first.column(1).null_count(), first.num_rows());
    let walls = first.column(5).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(walls.value(0), 1_772_388_020_000_000);
}
