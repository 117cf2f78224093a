//! Whatever way a column is written, readers get the same numbers; and coarse ones take less.

use std::sync::Arc;

use arrow_array::{Int32Array, Int64Array, StringArray};
use arrow_schema::Schema;
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use proptest::prelude::*;

use super::*;

fn options() -> ArrowWriterOptions {
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled("id".into(), true)
        .set_column_encoding("int".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding("long".into(), Encoding::DELTA_BINARY_PACKED)
        .set_compression(Compression::ZSTD(ZstdLevel::default()));
    ArrowWriterOptions::new().with_properties(properties.build())
}

fn batch(values: &[i64], step: i64) -> RecordBatch {
    let scaled = || values.iter().map(|value| value.wrapping_mul(step));
    let schema = Schema::new(vec![
        Field::new("int", DataType::Int32, false),
        Field::new("long", DataType::Int64, false),
        Field::new("id", DataType::Utf8, true),
    ]);
    let ids = values
        .iter()
        .map(|value| (value % 3 != 0).then(|| format!("v{}", value % 7)));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(
            scaled().map(|value| value as i32),
        )),
        Arc::new(Int64Array::from_iter_values(scaled())),
        Arc::new(ids.collect::<StringArray>()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn read(file: Vec<u8>) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
    builder
        .with_batch_size(1 << 20)
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
}

/// Numbers that wander by `steps`.
fn walk(steps: impl Iterator<Item = i64>) -> Vec<i64> {
    steps
        .scan(0, |at, step| {
            *at += step;
            Some(*at)
        })
        .collect()
}

#[test]
fn coarse_numbers_take_less_than_tightly_packed() {
    let values = walk((0..2_000).map(|row: i64| ((row * 2_654_435_761) >> 16) % 61 - 20));
    let batch = batch(&values, 1_000);
    let file = write(&batch, options()).unwrap();
    let mut tight =
        ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options()).unwrap();
    tight.write(&batch).unwrap();
    let tight = tight.into_inner().unwrap();
    assert!(
        file.len() * 4 < tight.len() * 3,
        "{} of {}",
        file.len(),
        tight.len()
    );
    assert_eq!(read(file), batch);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        values in prop_oneof![
            proptest::collection::vec(any::<i64>(), 1..600),
            proptest::collection::vec(-90_i64..90, 1..3_000).prop_map(|steps| walk(steps.into_iter())),
        ],
        step in prop_oneof![Just(1_i64), Just(100), Just(1_000), Just(i64::MAX)],
    ) {
        let batch = batch(&values, step);
        let file = write(&batch, options()).unwrap();
        prop_assert_eq!(&file, &write(&batch, options()).unwrap());
        prop_assert_eq!(read(file), batch);
    }
}
