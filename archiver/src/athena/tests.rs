//! The committed DDL is what the tables' columns say.

use std::{env, fs, path::PathBuf};

use schemas::Timestamp;

use super::{projection::Projection, *};
use crate::layout::{Hour, Link};

fn committed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../schemas/athena")
        .join(name)
}

/// With `HANSOM_BLESS=1` the committed files are rewritten.
#[test]
fn the_committed_ddl_is_what_the_rows_are() {
    for (name, text) in ddl() {
        let path = committed(&name);
        if env::var_os("HANSOM_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == text,
            "{name} is stale: run this test with HANSOM_BLESS=1"
        );
    }
}

#[test]
fn hive_sees_no_type_that_it_cannot_read() {
    for table in Table::ALL {
        for field in table.schema().fields() {
            let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Dictionary(..));
            assert!(
                is_text || hive_type(field.data_type()) != "string",
                "{} of {}",
                field.name(),
                table.as_str()
            );
        }
    }
}

#[test]
fn comments_cannot_end_their_quotes() {
    for table in Table::ALL {
        for field in table.schema().fields() {
            let comment = &field.metadata()[COMMENT];
            assert!(
                !comment.is_empty() && !comment.contains('\''),
                "{}",
                field.name()
            );
        }
    }
}

#[test]
fn a_view_gives_degrees_and_metres_as_doubles() {
    let (_, pings) = ddl().remove(0);
    for line in [
        "  \"lat_e7\" / 1e7 AS \"lat\",",
        "  \"speed_cm_s\" / 1e2 AS \"speed_mps\",",
        "  \"heading_cdeg\" / 1e2 AS \"heading_deg\",",
        "  \"accuracy_dm\" / 1e1 AS \"accuracy_m\",",
        "  \"vehicle_id\",",
    ] {
        assert!(pings.contains(line), "{line}");
    }
}

/// The projection of a table's statement as it is committed.
fn projection(table: Table) -> Projection {
    let text = fs::read_to_string(committed(&format!("{}.sql", table.as_str()))).unwrap();
    Projection::of(&text)
}

/// The hours of the years 2008 to 2023, and those up to the end of 2024-02-29, a leap day.
fn hours() -> impl Iterator<Item = Hour> {
    let range = 1_199_145_600_000..1_709_251_200_000;
    range
        .step_by(3_600_000)
        .map(|ms| Hour::of(Timestamp(ms)).unwrap())
}

#[test]
fn athena_looks_for_the_list_of_every_hour_and_for_nothing_else() {
    for table in Table::ALL {
        let found = projection(table).locations((2024, 2, 28));
        let name = table.as_str();
        let kept: Vec<String> = hours()
            .map(|hour| format!("s3://ARCHIVE/tables/{name}/{hour}/"))
            .collect();
        assert_eq!(found.len(), kept.len());
        let differ = found.iter().zip(&kept).find(|(found, kept)| found != kept);
        assert_eq!(differ, None, "{name}");
    }
}

#[test]
fn every_partition_column_is_projected_and_stands_in_the_template() {
    for table in Table::ALL {
        let projection = projection(table);
        assert_eq!(projection.columns, ["dt", "hour"]);
        let template = projection.get("storage.location.template");
        assert!(template.starts_with(&projection.location), "{template}");
        assert!(template.ends_with('/'), "{template}");
    }
}

#[test]
fn nothing_but_lists_lies_where_a_table_is_read() {
    let link = Link {
        shard: "s-1".to_owned(),
        n: 7,
    };
    let hour = Hour::of(Timestamp(1_211_018_404_000)).unwrap();
    for table in Table::ALL {
        let location = projection(table).location;
        let prefix = location.strip_prefix("s3://ARCHIVE/").unwrap();
        for key in [
            link.file_key(table, hour).unwrap(),
            link.window_key().unwrap(),
            link.dead_letters_key().unwrap(),
        ] {
            assert!(!key.as_str().starts_with(prefix), "{key:?}");
        }
    }
}

#[test]
fn the_latest_version_is_looked_for_within_a_partition() {
    let (name, trips) = ddl().remove(2);
    assert_eq!(name, "trips.sql");
    let (_, latest) = trips.split_once("VIEW trips_latest_view").unwrap();
    assert!(latest.contains("PARTITION BY dt, hour, fleet_id, ride_id, vehicle_id\n"));
    assert!(latest.contains("ORDER BY version DESC"));
}
