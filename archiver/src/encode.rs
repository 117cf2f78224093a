//! Parquet files from columns: the properties that every file has, and the bytes.
//! They are a function of the columns alone; what stands in the columns is `rows`' business.

mod deltas;
mod growing;
mod small;

use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    file::{metadata::SortingColumn, properties::WriterProperties},
    schema::types::ColumnPath,
};

use crate::{
    layout::Table,
    rows::{pings, ride_events, trips},
};

pub(crate) use growing::Growing;

/// The cheapest level: packed differences hardly compress, and level 3 takes off 1 to 2 % more.
const ZSTD_LEVEL: i32 = 1;

/// The level of small files, where a few bytes of names and dictionaries weigh.
const SMALL_ZSTD_LEVEL: i32 = 9;

/// Rows in a row group at most: some 5 MB of pings, the unit that readers work on in parallel.
const ROWS_A_GROUP: usize = 524_288;

/// Rows in a page at most: the unit that the page index lets readers skip. The writer looks at it
/// after every 1,024 rows, or only after a whole batch where all rows are alike: so it is a batch.
pub(crate) const ROWS_A_PAGE: usize = 16_384;

/// Distinct rides that the bloom filter of a row group is sized for; it is folded to what is there.
const MAX_RIDES_A_GROUP: u64 = 65_536;

/// One in a hundred row groups is read in vain for a ride.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// Bytes of the longest minimum or maximum in an index: those of the longest id.
const STATISTICS_BYTES: usize = schemas::id::MAX_ID_BYTES;

/// A number of few values without an order from row to row: a dictionary takes a fifth less than
/// differences do. Where there are too many values the writer goes over to differences.
const NOISE: &str = "accuracy_dm";

/// The application as readers tell it.
pub(crate) const CREATED_BY: &str = concat!("hansom archiver version ", env!("CARGO_PKG_VERSION"));

/// How the files of one table are written.
#[derive(Debug)]
pub(crate) struct Format {
    schema: SchemaRef,
    large: ArrowWriterOptions,
    small: ArrowWriterOptions,
}

impl Table {
    /// The table's columns.
    pub(crate) fn schema(self) -> SchemaRef {
        match self {
            Self::Pings => pings::schema(),
            Self::RideEvents => ride_events::schema(),
            Self::Trips => trips::schema(),
        }
    }

    /// The columns that the rows of a file are sorted by.
    pub(crate) fn sorted_by(self) -> &'static [&'static str] {
        match self {
            Self::Pings => pings::SORTED_BY,
            Self::RideEvents => ride_events::SORTED_BY,
            Self::Trips => trips::SORTED_BY,
        }
    }
}

impl Format {
    /// The format of a table's files.
    pub(crate) fn of(table: Table) -> anyhow::Result<Self> {
        let schema = table.schema();
        let properties = |level| properties(&schema, table.sorted_by(), level);
        // The Arrow schema is not repeated in the file: the Parquet one says all.
        let options = |properties| {
            ArrowWriterOptions::new()
                .with_properties(properties)
                .with_skip_arrow_metadata(true)
                .with_schema_root(table.as_str().to_owned())
        };
        let (large, small) = (properties(ZSTD_LEVEL)?, properties(SMALL_ZSTD_LEVEL)?);
        Ok(Self {
            large: options(large),
            small: options(without_names(&schema, small)),
            schema: Arc::clone(&schema),
        })
    }

    /// Writes a file.
    pub(crate) fn write(
        &self,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    ) -> anyhow::Result<Vec<u8>> {
        let mut batches = batches.peekable();
        let first = batches.next().transpose().context("columns of rows")?;
        if let Some(only) = &first
            && batches.peek().is_none()
            && only.num_rows() <= ROWS_A_PAGE
        {
            return small::write(only, self.small.clone()).context("write a small parquet file");
        }
        let mut writer = ArrowWriter::try_new_with_options(
            Vec::new(),
            Arc::clone(&self.schema),
            self.large.clone(),
        )
        .context("begin a parquet file")?;
        for batch in first.map(Ok).into_iter().chain(batches) {
            writer
                .write(&batch.context("columns of rows")?)
                .context("write rows as parquet")?;
        }
        writer.into_inner().context("end a parquet file")
    }
}

fn properties(
    schema: &Schema,
    sorted_by: &[&str],
    zstd_level: i32,
) -> anyhow::Result<WriterProperties> {
    let sorting_columns = sorted_by
        .iter()
        .map(|name| {
            let column_idx = schema.index_of(name).context("column to sort by")? as i32;
            Ok(SortingColumn {
                column_idx,
                descending: false,
                nulls_first: false,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(zstd_level)?))
        .set_max_row_group_row_count(Some(ROWS_A_GROUP))
        .set_data_page_row_count_limit(ROWS_A_PAGE)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_sorting_columns(Some(sorting_columns))
        .set_dictionary_enabled(false);
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        if field.name() == NOISE {
            builder = builder.set_column_dictionary_enabled(column.clone(), true);
        }
        builder = match field.data_type() {
            DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) => {
                builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Dictionary(..) => builder.set_column_dictionary_enabled(column, true),
            _ => builder,
        };
    }
    let ride = ColumnPath::from("ride_id");
    Ok(builder
        .set_column_bloom_filter_enabled(ride.clone(), true)
        .set_column_bloom_filter_fpp(ride.clone(), BLOOM_FALSE_POSITIVES)
        .set_column_bloom_filter_max_ndv(ride, MAX_RIDES_A_GROUP)
        .build())
}

/// The same without dictionaries of names: in a small file they weigh more than the names
/// themselves, of which zstd finds the repeats.
fn without_names(schema: &Schema, properties: WriterProperties) -> WriterProperties {
    let mut builder = properties.into_builder();
    for field in schema.fields() {
        if matches!(field.data_type(), DataType::Dictionary(key, _) if **key == DataType::Int32) {
            let column = ColumnPath::from(field.name().as_str());
            builder = builder.set_column_dictionary_enabled(column, false);
        }
    }
    builder.build()
}

#[cfg(test)]
mod tests;
