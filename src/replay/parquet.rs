//! Reads a Parquet file into a recording, column by column.

use std::{fs::File, path::Path};

use anyhow::{Context, ensure};
use arrow_array::{
    Array as _, ArrayRef, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit as ArrowTimeUnit};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use schemas::Timestamp;

use super::{
    columns::{Columns, TimeUnit},
    recording::{Load, Recording, Row},
};

/// Rows in memory beside the recording itself.
const BATCH_ROWS: usize = 65_536;

pub(super) fn read(path: &Path, columns: &Columns, into: &mut Recording) -> anyhow::Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let wanted = [&columns.vehicle, &columns.time, &columns.lat, &columns.lng]
        .into_iter()
        .map(String::as_str)
        .chain(columns.rides());
    let projection = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let reader = builder
        .with_projection(projection)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let mut rows_before = 0;
    for batch in reader {
        let batch = batch?;
        read_batch(&batch, rows_before, columns, into)?;
        rows_before += batch.num_rows();
    }
    Ok(())
}

fn read_batch(
    batch: &RecordBatch,
    rows_before: usize,
    columns: &Columns,
    into: &mut Recording,
) -> anyhow::Result<()> {
    let vehicles = column(batch, &columns.vehicle, &DataType::Utf8)?;
    let lats = column(batch, &columns.lat, &DataType::Float64)?;
    let lngs = column(batch, &columns.lng, &DataType::Float64)?;
    let (times, unit) = times(batch, columns)?;
    let loads = columns
        .rides()
        .map(|name| column(batch, name, &DataType::Int64))
        .transpose()?;
    let vehicles = vehicles.as_string::<i32>();
    let (lats, lngs) = (
        lats.as_primitive::<Float64Type>(),
        lngs.as_primitive::<Float64Type>(),
    );
    let times = times.as_primitive::<Int64Type>();
    let loads = loads.as_ref().map(AsArray::as_primitive::<Int64Type>);
    for at in 0..batch.num_rows() {
        let mut read_row = || -> anyhow::Result<Row> {
            Ok(Row {
                vehicle: into.number_of(vehicles.value(at))?,
                time: Timestamp(unit.to_ms(times.value(at))),
                lat_e7: columns.to_e7(lats.value(at))?,
                lng_e7: columns.to_e7(lngs.value(at))?,
                load: match loads {
                    Some(loads) => Load::of(loads.value(at))?,
                    None => Load::Free,
                },
            })
        };
        let row = read_row().with_context(|| format!("row {}", rows_before + at + 1))?;
        into.push(row);
    }
    Ok(())
}

/// Whole numbers, and what they count: of a real timestamp milliseconds, else what was told.
fn times(batch: &RecordBatch, columns: &Columns) -> anyhow::Result<(ArrayRef, TimeUnit)> {
    let name = &columns.time;
    let raw = batch
        .column_by_name(name)
        .with_context(|| format!("no column {name}"))?;
    if let DataType::Timestamp(..) = raw.data_type() {
        let milliseconds = DataType::Timestamp(ArrowTimeUnit::Millisecond, None);
        let times = column(batch, name, &milliseconds)?;
        Ok((cast(&times, &DataType::Int64)?, TimeUnit::Ms))
    } else {
        Ok((column(batch, name, &DataType::Int64)?, columns.time_unit))
    }
}

/// A column as another type, without a missing value.
fn column(batch: &RecordBatch, name: &str, to: &DataType) -> anyhow::Result<ArrayRef> {
    let raw = batch
        .column_by_name(name)
        .with_context(|| format!("no column {name}"))?;
    let column = cast(raw, to).with_context(|| format!("column {name}"))?;
    ensure!(
        column.null_count() == 0,
        "column {name} has values that are missing or no {to}"
    );
    Ok(column)
}
