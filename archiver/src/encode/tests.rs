//! What others paid for: the properties of files that some readers choke on, one test each.

use std::collections::BTreeSet;

use bytes::Bytes;
use parquet::{
    basic::{ColumnOrder, LogicalType, PageType, TimeUnit, Type},
    file::{
        metadata::{
            PageIndexPolicy, ParquetColumnIndex, ParquetMetaData, ParquetMetaDataReader,
            RowGroupMetaData,
        },
        page_index::column_index::ColumnIndexMetaData,
        properties::ReaderProperties,
        reader::{FileReader as _, SerializedFileReader},
        serialized_reader::ReadOptionsBuilder,
        statistics::Statistics,
    },
};

use super::*;
use crate::{
    rows::pings::PingRows,
    testing::{event, ping, trip},
    window::Window,
};

/// A file of so many pings of some vehicles.
fn pings(count: u64) -> Bytes {
    let (mut rows, mut window) = (PingRows::default(), Window::default());
    for number in 0..count {
        let ping = ping(&format!("v{}", number % 7), number % 3_000);
        rows.push(window.see_ping(&ping).0, &ping);
    }
    let (dictionaries, hours) = (rows.dictionaries(), rows.by_hour());
    let order = hours.values().last().unwrap();
    let format = Format::of(Table::Pings).unwrap();
    format
        .write(rows.batches(order, &dictionaries))
        .unwrap()
        .into()
}

/// Files of each table: many pings, few pings, an event, a trip.
fn files() -> Vec<(Table, Bytes)> {
    let (event, trip) = (event("r1", 3), trip("r1", 1));
    let events = std::iter::once(ride_events::batch(&[&event]));
    let trips = std::iter::once(trips::batch(&[&trip]));
    vec![
        (Table::Pings, pings(30_000)),
        (Table::Pings, pings(300)),
        (
            Table::RideEvents,
            Format::of(Table::RideEvents)
                .unwrap()
                .write(events)
                .unwrap()
                .into(),
        ),
        (
            Table::Trips,
            Format::of(Table::Trips)
                .unwrap()
                .write(trips)
                .unwrap()
                .into(),
        ),
    ]
}

fn metadata(file: &Bytes) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(file)
        .unwrap()
}

/// Runs `check` on every row group of every table's file.
fn for_each_group(check: impl Fn(Table, &RowGroupMetaData)) {
    for (table, file) in files() {
        let metadata = metadata(&file);
        assert!(metadata.num_row_groups() > 0);
        metadata
            .row_groups()
            .iter()
            .for_each(|group| check(table, group));
    }
}

#[test]
fn columns_have_only_types_that_every_reader_has() {
    for_each_group(|_, group| {
        for column in group.columns() {
            let kind = (
                column.column_type(),
                column.column_descr().logical_type_ref().cloned(),
            );
            let is_common = match &kind {
                (Type::INT32 | Type::INT64, None)
                | (Type::BYTE_ARRAY, Some(LogicalType::String)) => true,
                (Type::INT64, Some(LogicalType::Timestamp(time))) => {
                    time.is_adjusted_to_u_t_c && time.unit == TimeUnit::MILLIS
                }
                _ => false,
            };
            assert!(is_common, "{}: {kind:?}", column.column_path());
        }
    });
}

#[test]
fn integers_are_delta_packed_and_ids_are_dictionaries_where_a_file_is_not_small() {
    for_each_group(|table, group| {
        let is_small = group.num_rows() <= ROWS_A_PAGE as i64;
        for column in group.columns() {
            let encodings: Vec<_> = column.encodings().collect();
            let name = column.column_path().string();
            let expected = match (column.column_type(), name.as_str()) {
                (_, NOISE) => Encoding::RLE_DICTIONARY,
                (Type::INT32 | Type::INT64, _) => Encoding::DELTA_BINARY_PACKED,
                (_, "route" | "transitions") => Encoding::PLAIN,
                _ if is_small && has_names(table, &name) => Encoding::PLAIN,
                _ => Encoding::RLE_DICTIONARY,
            };
            assert!(encodings.contains(&expected), "{name}: {encodings:?}");
            let known = [expected, Encoding::RLE, Encoding::PLAIN];
            assert!(
                encodings.iter().all(|one| known.contains(one)),
                "{name}: {encodings:?}"
            );
        }
    });
}

/// Whether a column holds names, of which there may be many; not one of a few words.
fn has_names(table: Table, column: &str) -> bool {
    let schema = table.schema();
    let data_type = schema.field_with_name(column).unwrap().data_type();
    matches!(data_type, DataType::Dictionary(key, _) if **key == DataType::Int32)
}

#[test]
fn everything_is_compressed_with_zstd() {
    for_each_group(|_, group| {
        for column in group.columns() {
            assert!(matches!(column.compression(), Compression::ZSTD(_)));
        }
    });
}

#[test]
fn a_file_says_what_it_is_sorted_by() {
    for_each_group(|table, group| {
        let names: Vec<String> = group
            .sorting_columns()
            .unwrap()
            .iter()
            .map(|sorting| {
                assert!(!sorting.descending && !sorting.nulls_first);
                group
                    .column(sorting.column_idx as usize)
                    .column_path()
                    .string()
            })
            .collect();
        assert_eq!(names, table.sorted_by());
    });
}

#[test]
fn pages_have_an_index_where_there_is_more_than_one() {
    let metadata = metadata(&pings(30_000));
    let columns: &ParquetColumnIndex = metadata.column_index().unwrap();
    assert!(metadata.offset_index().is_some());
    let mut indexes = columns.iter().flatten();
    assert!(indexes.all(|index| !matches!(index, ColumnIndexMetaData::NONE)));
}

#[test]
fn every_column_has_its_minimum_and_maximum() {
    for (_, file) in files() {
        for group in metadata(&file).row_groups() {
            for column in group.columns() {
                let statistics = column.statistics().unwrap();
                let all_null = statistics.null_count_opt() == Some(group.num_rows() as u64);
                let has_range =
                    statistics.min_bytes_opt().is_some() && statistics.max_bytes_opt().is_some();
                assert!(has_range || all_null, "{}", column.column_path());
            }
        }
    }
}

#[test]
fn every_column_has_the_order_of_its_type() {
    for (_, file) in files() {
        let metadata = metadata(&file);
        let orders = metadata.file_metadata().column_orders().unwrap();
        assert!(
            orders
                .iter()
                .all(|order| matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_)))
        );
    }
}

#[test]
fn column_names_differ_by_more_than_case() {
    for table in Table::ALL {
        let schema = table.schema();
        let names: BTreeSet<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().to_lowercase())
            .collect();
        assert_eq!(names.len(), schema.fields().len());
        assert!(
            schema
                .fields()
                .iter()
                .all(|field| names.contains(field.name()))
        );
    }
}

#[test]
fn a_ride_is_found_by_its_bloom_filter() {
    let with_filters = || {
        let reading = ReaderProperties::builder().set_read_bloom_filter(true);
        let options = ReadOptionsBuilder::new().with_reader_properties(reading.build());
        options.build()
    };
    // The rides of the first pings, of the event and of the trip, and one that nobody has.
    let rides = ["v3-0", "v3-0", "r1", "r1"];
    for ((_, file), ride) in files().into_iter().zip(rides) {
        let reader = SerializedFileReader::new_with_options(file, with_filters()).unwrap();
        let group = reader.get_row_group(0).unwrap();
        for (index, column) in group.metadata().columns().iter().enumerate() {
            let is_ride = column.column_path().string() == "ride_id";
            let filter = group.get_column_bloom_filter(index);
            assert_eq!(filter.is_some(), is_ride);
            assert!(filter.is_none_or(|filter| filter.check(ride) && !filter.check("nobody's")));
            let size = column.bloom_filter_length().unwrap_or_default();
            assert!(size <= 128 << 10, "{size}");
        }
    }
}

#[test]
fn a_file_says_who_wrote_it_and_nothing_that_changes() {
    for (_, file) in files() {
        let metadata = metadata(&file);
        assert_eq!(metadata.file_metadata().created_by(), Some(CREATED_BY));
        assert!(metadata.file_metadata().key_value_metadata().is_none());
    }
}

#[test]
fn pages_are_small_enough_to_skip_and_of_the_version_that_hive_reads() {
    for (_, file) in files() {
        let reader = SerializedFileReader::new(file).unwrap();
        let group = reader.get_row_group(0).unwrap();
        let rows = group.metadata().num_rows() as u64;
        for column in 0..group.num_columns() {
            let statistics = group.metadata().column(column).statistics();
            if statistics.and_then(Statistics::null_count_opt) == Some(rows) {
                continue; // Nulls alone take no bytes that a reader could skip.
            }
            for page in group.get_column_page_reader(column).unwrap() {
                let page = page.unwrap();
                assert!(page.page_type() != PageType::DATA_PAGE_V2);
                let (values, path) = (
                    page.num_values() as usize,
                    group.metadata().column(column).column_path(),
                );
                assert!(values <= ROWS_A_PAGE, "{path}: {values}");
            }
        }
    }
}

#[test]
fn paths_of_columns_are_written() {
    // Readers of other origin look for a column by its path in the schema.
    for (table, file) in files() {
        let text = String::from_utf8_lossy(&file);
        for field in table.schema().fields() {
            let times = text.matches(field.name().as_str()).count();
            assert!(
                times >= 2,
                "{} stands {times} times in the file",
                field.name()
            );
        }
    }
}
