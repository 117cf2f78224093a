//! The tables of the log's file, and the errors of the storage crate sorted by what to do.
//! What is written to them, and when, stands in [`store`](super::store).

use redb::TableDefinition;

use crate::block::DamagedBlock;

/// The layout of the tables; another is refused.
pub(super) const LAYOUT: u64 = 1;

/// `layout` and `shards`, fixed when the file is made.
pub(super) const SETTINGS: TableDefinition<&str, u64> = TableDefinition::new("settings");

/// By shard: the offset that it goes on at, the bytes that its blocks take, and the latest time.
/// Kept apart from the blocks, for offsets and times must go on also when all blocks are deleted.
pub(super) const SHARDS: TableDefinition<u32, (u64, u64, i64)> = TableDefinition::new("shards");

/// By shard and offset of the first record: a block, as laid out in [`crate::block`].
pub(super) const BLOCKS: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("blocks");

/// By group and shard: the offset that the group goes on at.
pub(super) const CHECKPOINTS: TableDefinition<(&str, u32), u64> =
    TableDefinition::new("checkpoints");

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    /// It may do it later, once opened again.
    #[error("{0}")]
    Passing(String),
    /// The file is not what was written.
    #[error("{0}")]
    Damaged(String),
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Corrupted(_) => Self::Damaged(error.to_string()),
            _ => Self::Passing(error.to_string()),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::DatabaseError> for StoreError {
    fn from(error: redb::DatabaseError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<DamagedBlock> for StoreError {
    fn from(error: DamagedBlock) -> Self {
        Self::Damaged(error.to_string())
    }
}
