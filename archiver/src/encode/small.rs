//! Files of no more rows than a page has, kept small: an hour of a few vehicles takes some kilobytes,
//! so that what a file says about itself weighs as much as its rows. A column is one page, but for
//! texts beyond 1 MiB, as many routes are. Numbers are written in two ways, and
//! the smaller one is kept; that takes time, which files of that size have.

use anyhow::Context as _;
use arrow_array::{
    ArrayRef, RecordBatch,
    cast::AsArray as _,
    types::{Int32Type, Int64Type, TimestampMillisecondType},
};
use arrow_schema::{DataType, Field, TimeUnit};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowWriterOptions, compute_leaves},
    },
    basic::Encoding,
    column::{
        page::{CompressedPage, Page, PageWriter as _},
        writer::ColumnCloseResult,
    },
    file::{
        statistics::Statistics,
        writer::{SerializedPageWriter, TrackedWrite},
    },
};
use zstd::bulk::Compressor;

use super::deltas;

/// The level at which whole bytes show whether they pay: it costs next to nothing.
const TRIAL_LEVEL: i32 = 3;

/// The level at which they are written: 7 % less than at level 3, for 0.2 us a value. Higher ones
/// take off 1 % more, for twice the time.
const FINAL_LEVEL: i32 = 13;

/// Writes the rows of a batch as a file.
pub(super) fn write(batch: &RecordBatch, options: ArrowWriterOptions) -> anyhow::Result<Vec<u8>> {
    let schema = batch.schema();
    let writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
    let (mut file, columns) = writer.into_serialized_writer()?;
    let writers = columns.create_column_writers(0)?;
    let mut group = file.next_row_group()?;
    let mut whole_bytes = WholeBytes::new()?;
    for ((field, array), writer) in schema.fields().iter().zip(batch.columns()).zip(writers) {
        let usual = chunk(field, array, writer)?;
        match whole_bytes.chunk(field, array, usual.close())? {
            Some((bytes, close)) => group.append_column(&bytes, close)?,
            None => usual.append_to_row_group(&mut group)?,
        }
    }
    group.close()?;
    Ok(file.into_inner()?)
}

/// A column as the library writes it, but for what tells a reader of one page nothing: an index of
/// pages, counts of levels, and a bloom filter of no values.
fn chunk(
    field: &Field,
    array: &ArrayRef,
    mut writer: ArrowColumnWriter,
) -> anyhow::Result<ArrowColumnChunk> {
    for leaf in compute_leaves(field, array)? {
        writer.write(&leaf)?;
    }
    let mut chunk = writer.close()?;
    let close = chunk.close_mut();
    let nulls = close
        .metadata
        .statistics()
        .and_then(Statistics::null_count_opt);
    if nulls == Some(close.rows_written) {
        close.bloom_filter = None;
    }
    close.column_index = None;
    close.offset_index = None;
    let metadata = close.metadata.clone().into_builder();
    close.metadata = metadata
        .clear_page_encoding_stats()
        .set_unencoded_byte_array_data_bytes(None)
        .set_repetition_level_histogram(None)
        .set_definition_level_histogram(None)
        .build()?;
    Ok(chunk)
}

/// Writes numbers as differences in whole bytes.
struct WholeBytes {
    trial: Compressor<'static>,
    last: Compressor<'static>,
}

impl WholeBytes {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            trial: Compressor::new(TRIAL_LEVEL)?,
            last: Compressor::new(FINAL_LEVEL)?,
        })
    }

    /// A column that is otherwise written as `usual`; None where that is smaller, or where there may
    /// be nulls or no numbers.
    fn chunk(
        &mut self,
        field: &Field,
        array: &ArrayRef,
        usual: &ColumnCloseResult,
    ) -> anyhow::Result<Option<(Bytes, ColumnCloseResult)>> {
        if field.is_nullable() {
            return Ok(None);
        }
        let values = match array.data_type() {
            DataType::Int32 => deltas::encode(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => deltas::encode(array.as_primitive::<Int64Type>().values()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                deltas::encode(array.as_primitive::<TimestampMillisecondType>().values())
            }
            _ => return Ok(None),
        };
        let trial = self.trial.compress(&values)?.len();
        if trial as i64 >= usual.metadata.compressed_size() {
            return Ok(None);
        }
        let page = Page::DataPage {
            buf: self.last.compress(&values)?.into(),
            num_values: array.len() as u32,
            encoding: Encoding::DELTA_BINARY_PACKED,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let mut bytes = TrackedWrite::new(Vec::new());
        let written = SerializedPageWriter::new(&mut bytes)
            .write_page(CompressedPage::new(page, values.len()))
            .context("write a page")?;
        if written.compressed_size as i64 >= usual.metadata.compressed_size() {
            return Ok(None);
        }
        let metadata = usual.metadata.clone().into_builder();
        let metadata = metadata
            .set_total_compressed_size(written.compressed_size as i64)
            .set_total_uncompressed_size(written.uncompressed_size as i64)
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: written.bytes_written,
            rows_written: usual.rows_written,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Some((bytes.into_inner()?.into(), close)))
    }
}

#[cfg(test)]
mod tests;
