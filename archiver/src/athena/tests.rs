//! The committed DDL is what the tables' columns say.

use std::{env, fs, path::PathBuf};

use super::*;

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
