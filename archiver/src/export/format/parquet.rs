//! Rows as Parquet of a regulator's own columns. The archive's tables are written elsewhere.

use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{
        BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, StringBuilder,
        TimestampMicrosecondBuilder,
    },
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use schemas::regulators::{Cell, Row, Shape, Topic};

use crate::encode::CREATED_BY;

/// Rows that become columns at once.
const ROWS_A_BATCH: usize = 8_192;
/// Rows of a row group.
const ROWS_A_GROUP: usize = 131_072;

/// Writes Parquet into memory, to be taken from there.
pub(in crate::export) struct ParquetRows {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    writer: ArrowWriter<Vec<u8>>,
}

/// The values of a column since the last batch.
enum Column {
    Text(StringBuilder),
    Int(Int64Builder),
    Int32(Int32Builder),
    Decimal(Float64Builder),
    Bool(BooleanBuilder),
    Wall(TimestampMicrosecondBuilder),
}

impl ParquetRows {
    /// Begins a file.
    pub(super) fn begin(topic: &Topic) -> anyhow::Result<Self> {
        let fields: Vec<Field> = topic
            .columns
            .iter()
            .map(|column| Field::new(&column.name, data_type(column.shape()), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_max_row_group_row_count(Some(ROWS_A_GROUP))
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        Ok(Self {
            columns: builders(topic),
            schema,
            rows: 0,
            writer,
        })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row<'_>) -> anyhow::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row.cells()) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows == ROWS_A_BATCH {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Takes what has been written so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    /// Ends the file, and takes what is left.
    pub(super) fn end(mut self) -> anyhow::Result<Vec<u8>> {
        self.write_batch()?;
        self.writer.into_inner().context("end a parquet file")
    }

    fn write_batch(&mut self) -> anyhow::Result<()> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        self.rows = 0;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        self.writer.write(&batch).context("write rows as parquet")
    }
}

fn builders(topic: &Topic) -> Vec<Column> {
    let builder = |shape: Shape| match shape {
        Shape::Text | Shape::Texts => Column::Text(StringBuilder::new()),
        Shape::Int => Column::Int(Int64Builder::new()),
        Shape::Int32 => Column::Int32(Int32Builder::new()),
        Shape::Decimal(_) => Column::Decimal(Float64Builder::new()),
        Shape::Bool => Column::Bool(BooleanBuilder::new()),
        Shape::Wall => Column::Wall(TimestampMicrosecondBuilder::new()),
    };
    let columns = topic.columns.iter();
    columns.map(|column| builder(column.shape())).collect()
}

fn data_type(shape: Shape) -> DataType {
    match shape {
        Shape::Text | Shape::Texts => DataType::Utf8,
        Shape::Int => DataType::Int64,
        Shape::Int32 => DataType::Int32,
        Shape::Decimal(_) => DataType::Float64,
        Shape::Bool => DataType::Boolean,
        Shape::Wall => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

impl Column {
    /// Adds a cell; one of another shape than the column's cannot be, and would be null.
    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(values), Cell::Text(text)) => values.append_value(text),
            (Self::Text(values), Cell::Texts(texts)) => {
                values.append_value(texts.iter().collect::<Vec<_>>().join(";"));
            }
            (Self::Int(values), Cell::Int(number)) => values.append_value(number),
            (Self::Int32(values), Cell::Int(number)) => {
                values.append_option(i32::try_from(number).ok());
            }
            (Self::Decimal(values), Cell::Decimal(number)) => {
                values.append_value(number.to_f64());
            }
            (Self::Bool(values), Cell::Bool(is)) => values.append_value(is),
            (Self::Wall(values), Cell::Wall(ms)) => values.append_value(ms * 1_000),
            (Self::Text(values), _) => values.append_null(),
            (Self::Int(values), _) => values.append_null(),
            (Self::Int32(values), _) => values.append_null(),
            (Self::Decimal(values), _) => values.append_null(),
            (Self::Bool(values), _) => values.append_null(),
            (Self::Wall(values), _) => values.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(values) => Arc::new(values.finish()),
            Self::Int(values) => Arc::new(values.finish()),
            Self::Int32(values) => Arc::new(values.finish()),
            Self::Decimal(values) => Arc::new(values.finish()),
            Self::Bool(values) => Arc::new(values.finish()),
            Self::Wall(values) => Arc::new(values.finish()),
        }
    }
}
