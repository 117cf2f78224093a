//! Reads a Parquet file, column by column.

use std::{fs::File, path::Path};

use anyhow::{Context, ensure};
use arrow_array::{
    ArrayRef, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit as ArrowTimeUnit};
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::reader::ChunkReader,
};

use super::row::{Cells, Column, Kind, Presence, Row};

/// Rows in memory beside what is made of them.
const BATCH_ROWS: usize = 65_536;

pub(super) fn read(
    path: &Path,
    columns: &[Column<'_>],
    take: &mut dyn FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    read_rows(File::open(path)?, columns, take)
}

pub(super) fn read_rows(
    input: impl ChunkReader + 'static,
    columns: &[Column<'_>],
    take: &mut dyn FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(input)?;
    let wanted = columns.iter().map(|column| column.name);
    let projection = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let reader = builder
        .with_projection(projection)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let mut rows_before = 0;
    for batch in reader {
        let batch = batch?;
        let cells: Vec<Cells> = columns
            .iter()
            .map(|column| cells(&batch, column))
            .collect::<anyhow::Result<_>>()?;
        for row in 0..batch.num_rows() {
            take(&Row::Stored(&cells, row))
                .with_context(|| format!("row {}", rows_before + row + 1))?;
        }
        rows_before += batch.num_rows();
    }
    Ok(())
}

/// A column as what is asked for, without a missing value.
fn cells(batch: &RecordBatch, column: &Column<'_>) -> anyhow::Result<Cells> {
    let name = column.name;
    let raw = batch
        .column_by_name(name)
        .with_context(|| format!("no column {name}"))?;
    let as_type = |to: &DataType| -> anyhow::Result<ArrayRef> {
        cast(raw, to).with_context(|| format!("column {name}"))
    };
    let whole = |array: &ArrayRef| array.as_primitive::<Int64Type>().clone();
    let cells = match (column.kind, raw.data_type()) {
        (Kind::Text, _) => Cells::Text(as_type(&DataType::Utf8)?.as_string::<i32>().clone()),
        (Kind::Number, _) => Cells::Number(
            as_type(&DataType::Float64)?
                .as_primitive::<Float64Type>()
                .clone(),
        ),
        (Kind::Time, DataType::Timestamp(..)) => {
            let times = as_type(&DataType::Timestamp(ArrowTimeUnit::Millisecond, None))?;
            Cells::Milliseconds(whole(&cast(&times, &DataType::Int64)?))
        }
        (Kind::Whole | Kind::Time, _) => Cells::Whole(whole(&as_type(&DataType::Int64)?)),
    };
    ensure!(
        column.presence == Presence::Sometimes || cells.missing() == 0,
        "column {name} has values that are missing or of another kind"
    );
    Ok(cells)
}
