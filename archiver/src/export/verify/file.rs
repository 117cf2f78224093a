//! Verifies one file as it streams by: its size, its SHA-256, and its rows.

use objects::{Key, ObjectError};
use parquet::file::metadata::ParquetMetaDataReader;
use sha2::{Digest as _, Sha256};

use super::{
    super::{Store, manifest::File, rows::RowCounter},
    finding::Fault,
};
use crate::dead_letters::Hex;

/// What is read at once of a file.
pub(super) const BLOCK_BYTES: u64 = 4 << 20;

/// Files of one export that are read at once.
pub(super) const FILES_AT_ONCE: usize = 2;

/// The end of a Parquet file: the length of its footer in four bytes, and a mark of four.
const PARQUET_END_BYTES: u64 = 8;
const PARQUET_MARK: &[u8] = b"PAR1";

/// The largest footer that is read.
const MAX_FOOTER_BYTES: u64 = 64 << 20;

/// Holds a file against what its manifest says; the first thing that is wrong.
///
/// # Errors
/// An error from the storage.
pub(super) async fn check_file(
    store: &Store,
    key: &Key,
    expected: &File,
) -> Result<Option<Fault>, ObjectError> {
    let mut digest = Sha256::new();
    let mut counter = RowCounter::of(key.as_str());
    let mut found = 0;
    // A byte more than there may be: a file that goes on is told without reading it all.
    let end = expected.bytes.saturating_add(1);
    while found < end {
        let block_end = end.min(found + BLOCK_BYTES);
        let Some(block) = store.get_range(key, found..block_end).await? else {
            return Ok(Some(Fault::Missing));
        };
        digest.update(&block);
        counter.feed(&block);
        let is_last = (block.len() as u64) < block_end - found;
        found += block.len() as u64;
        if is_last {
            break;
        }
    }
    let expected_bytes = expected.bytes;
    if found > expected_bytes {
        return Ok(Some(Fault::Longer(expected_bytes)));
    }
    if found < expected_bytes {
        return Ok(Some(Fault::Shorter {
            found,
            expected: expected_bytes,
        }));
    }
    let digest = Hex(&digest.finalize()).to_string();
    if digest != expected.sha256 {
        return Ok(Some(Fault::Changed {
            found: digest,
            expected: expected.sha256.clone(),
        }));
    }
    let rows = match counter {
        RowCounter::Parquet => match parquet_rows(store, key, found).await? {
            Ok(rows) => Some(rows),
            Err(fault) => return Ok(Some(fault)),
        },
        counter => counter.rows(),
    };
    let wrong = rows.filter(|rows| *rows != expected.rows);
    Ok(wrong.map(|rows| Fault::Rows {
        found: rows,
        expected: expected.rows,
    }))
}

/// The rows that the footer of a Parquet file of this size says.
async fn parquet_rows(
    store: &Store,
    key: &Key,
    bytes: u64,
) -> Result<Result<u64, Fault>, ObjectError> {
    let wrong = |words: &str| Ok(Err(Fault::NotParquet(words.to_owned())));
    let Some(end_at) = bytes.checked_sub(PARQUET_END_BYTES) else {
        return wrong("it is too short");
    };
    let Some(end) = store.get_range(key, end_at..bytes).await? else {
        return Ok(Err(Fault::Missing));
    };
    let Some((length, PARQUET_MARK)) = end.split_first_chunk() else {
        return wrong("it has no footer");
    };
    let length = u64::from(u32::from_le_bytes(*length));
    let footer_at = end_at.checked_sub(length);
    let Some(footer_at) = footer_at.filter(|_| length <= MAX_FOOTER_BYTES) else {
        return wrong("its footer has no length that can be");
    };
    let Some(footer) = store.get_range(key, footer_at..end_at).await? else {
        return Ok(Err(Fault::Missing));
    };
    Ok(match ParquetMetaDataReader::decode_metadata(&footer) {
        Ok(footer) => Ok(footer.file_metadata().num_rows().unsigned_abs()),
        Err(error) => Err(Fault::NotParquet(error.to_string())),
    })
}
