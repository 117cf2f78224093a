//! One Parquet file of the archive, read over ranges: a row group's columns at a time, a few thousand
//! rows at a time of those. What the rows are is not known here.

use std::{ops::Range, sync::Arc};

use anyhow::Context as _;
use arrow_array::RecordBatch;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use objects::Key;
use parquet::{
    arrow::{
        arrow_reader::ArrowReaderOptions,
        async_reader::{
            AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
        },
    },
    errors::{ParquetError, Result as ParquetResult},
    file::{
        FOOTER_SIZE,
        metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader},
    },
};

use crate::storage::Storage;

/// Rows of a batch: few enough that the batches of all files of an hour fit into memory.
const ROWS_A_BATCH: usize = 2_048;
/// Columns that are fetched at once.
const FETCHES: usize = 4;
/// The largest footer that is read: one of a thousand row groups has some MB.
const MAX_FOOTER_BYTES: u64 = 64 << 20;

/// The batches of a file.
pub(super) type Batches = ParquetRecordBatchStream<Ranges>;

/// Opens a file.
///
/// # Errors
/// An error for one that is gone, cut off, or no Parquet.
pub(super) async fn open(storage: &Storage, key: &Key, bytes: u64) -> anyhow::Result<Batches> {
    let batches = builder(storage, key, bytes).await?.build();
    batches.with_context(|| format!("read {key}"))
}

/// The same, to choose of it what is read.
pub(super) async fn builder(
    storage: &Storage,
    key: &Key,
    bytes: u64,
) -> anyhow::Result<ParquetRecordBatchStreamBuilder<Ranges>> {
    let ranges = Ranges {
        storage: storage.clone(),
        key: key.clone(),
        bytes,
    };
    // The batches are read in the order of the file: no index is of use.
    let builder =
        ParquetRecordBatchStreamBuilder::new_with_options(ranges, ArrowReaderOptions::new())
            .await
            .with_context(|| format!("read {key}"))?;
    Ok(builder.with_batch_size(ROWS_A_BATCH))
}

/// The next rows of a file; None after the last.
pub(super) async fn next(batches: &mut Batches, key: &Key) -> anyhow::Result<Option<RecordBatch>> {
    batches
        .try_next()
        .await
        .with_context(|| format!("read {key}"))
}

/// The bytes of an object, as the Parquet reader asks for them.
pub(super) struct Ranges {
    storage: Storage,
    key: Key,
    /// Its size.
    bytes: u64,
}

impl Ranges {
    async fn get(&self, range: Range<u64>) -> ParquetResult<Bytes> {
        let wanted = range.end - range.start;
        let found = self.storage.get_range(&self.key, range).await;
        let found = found.map_err(|error| ParquetError::External(Box::new(error)))?;
        let Some(bytes) = found else {
            return Err(ParquetError::General("the file is gone".to_owned()));
        };
        if bytes.len() as u64 != wanted {
            let there = bytes.len();
            let error = format!("it is cut off: {wanted} bytes are to be there and {there} are");
            return Err(ParquetError::EOF(error));
        }
        Ok(bytes)
    }

    async fn footer(&self) -> ParquetResult<ParquetMetaData> {
        let tail_bytes = FOOTER_SIZE as u64;
        let start = self.bytes.checked_sub(tail_bytes).ok_or_else(|| {
            ParquetError::EOF(format!("{} bytes are too few for a file", self.bytes))
        })?;
        let tail = self.get(start..self.bytes).await?;
        let tail = FooterTail::try_from(tail.as_ref())?;
        let length = tail.metadata_length() as u64;
        let begin = start.checked_sub(length);
        let Some(begin) = begin.filter(|_| length <= MAX_FOOTER_BYTES) else {
            return Err(ParquetError::General(format!(
                "its footer is to have {length} bytes"
            )));
        };
        let footer = self.get(begin..start).await?;
        ParquetMetaDataReader::decode_metadata(&footer)
    }
}

impl AsyncFileReader for Ranges {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.get(range).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let gets: Vec<_> = ranges.into_iter().map(|range| self.get(range)).collect();
        stream::iter(gets).buffered(FETCHES).try_collect().boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move { self.footer().await.map(Arc::new) }.boxed()
    }
}
