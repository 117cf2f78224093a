//! Files of one page a column, kept small: an hour of a few vehicles takes some kilobytes, so that
//! what a file says about itself weighs as much as its rows. This tries several ways to write a
//! column and keeps the smallest; it spends time on that, which files of that size have.

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
        properties::WriterProperties,
        statistics::Statistics,
        writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite},
    },
    schema::types::ColumnPath,
};
use zstd::bulk::Compressor;

use super::deltas;

/// The level at which whole bytes show whether they pay: it costs next to nothing.
const TRIAL_LEVEL: i32 = 3;

/// The level at which they are written: 7 % less than at level 3, for 0.2 us a value. Higher ones
/// take off 1 % more, for twice the time.
const FINAL_LEVEL: i32 = 13;

/// The two ways in which the library itself writes a column.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// With dictionaries where they mostly pay.
    usual: ArrowWriterOptions,
    /// Without any: a dictionary of a few hundred ids may weigh more than all of them in a row, as
    /// zstd finds the repeats by itself.
    plain: ArrowWriterOptions,
}

impl Options {
    /// The same as `usual` in all but what makes a small file smaller.
    pub(super) fn new(
        usual: WriterProperties,
        columns: impl Iterator<Item = ColumnPath>,
        with: impl Fn(WriterProperties) -> ArrowWriterOptions,
    ) -> Self {
        let mut plain = usual.clone().into_builder();
        for column in columns {
            plain = plain.set_column_dictionary_enabled(column, false);
        }
        Self {
            plain: with(plain.build()),
            usual: with(usual),
        }
    }
}

/// A column as it would stand in the file.
enum Chunk {
    Library(ArrowColumnChunk),
    Ours(Bytes, ColumnCloseResult),
}

impl Chunk {
    fn append_to(self, group: &mut SerializedRowGroupWriter<'_, Vec<u8>>) -> anyhow::Result<()> {
        match self {
            Self::Library(chunk) => chunk.append_to_row_group(group)?,
            Self::Ours(bytes, close) => group.append_column(&bytes, close)?,
        }
        Ok(())
    }
}

/// Writes the rows of a batch as a file.
pub(super) fn write(batch: &RecordBatch, options: Options) -> anyhow::Result<Vec<u8>> {
    let schema = batch.schema();
    let begin = |options| {
        let writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
        writer.into_serialized_writer()
    };
    let (mut file, usual) = begin(options.usual)?;
    let (_, plain) = begin(options.plain)?;
    let writers = usual.create_column_writers(0)?.into_iter();
    let writers = writers.zip(plain.create_column_writers(0)?);
    let mut group = file.next_row_group()?;
    let mut whole_bytes = WholeBytes::new()?;
    for ((field, array), (usual, plain)) in schema.fields().iter().zip(batch.columns()).zip(writers)
    {
        let usual = chunk(field, array, usual)?;
        let metadata = &usual.close().metadata;
        let chunk = if metadata.dictionary_page_offset().is_some() {
            let plain = chunk(field, array, plain)?;
            let is_smaller = plain.close().metadata.compressed_size() < metadata.compressed_size();
            Chunk::Library(if is_smaller { plain } else { usual })
        } else {
            match whole_bytes.chunk(field, array, usual.close())? {
                Some((bytes, close)) => Chunk::Ours(bytes, close),
                None => Chunk::Library(usual),
            }
        };
        chunk.append_to(&mut group)?;
    }
    group.close()?;
    Ok(file.into_inner()?)
}

/// A column as the library writes it, but for what tells a reader of one page nothing: an index of
/// the page, counts of levels, and a bloom filter of no values.
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
