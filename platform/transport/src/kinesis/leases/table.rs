//! A table of leases, whatever keeps it. It knows no shards and decides nothing.

use async_trait::async_trait;

use super::{
    lease::Lease,
    write::{Refused, Write},
};
use crate::{ShardId, StreamError};

/// Keeps leases.
#[async_trait]
pub(crate) trait LeaseTable: Send + Sync {
    /// All leases. Each one is as it was at some time during the call, not all at the same time.
    ///
    /// # Errors
    /// [`StreamError`] if they could not be read now; asking again may do.
    async fn scan(&self) -> Result<Vec<Lease>, StreamError>;

    /// Does exactly what `Write::apply` does to the lease of `shard`, at one moment, and returns
    /// the lease as it is then.
    ///
    /// # Errors
    /// [`WriteError::Refused`] where the lease is not as expected: nothing was written, and nothing
    /// of this write ever will be, unless the lease comes to be as expected. After
    /// [`WriteError::Failed`] it may have been written, or may be later.
    async fn write(&self, shard: &ShardId, write: &Write) -> Result<Lease, WriteError>;

    /// Deletes the lease, if its counter and its checkpoint are as given; a lease that is not there
    /// is deleted.
    ///
    /// # Errors
    /// As [`LeaseTable::write`].
    async fn delete(&self, lease: &Lease) -> Result<(), WriteError>;
}

/// Why a lease was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The lease is not as expected.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Whether it was written is not known.
    #[error("lease table: {0}")]
    Failed(String),
}

#[cfg(test)]
pub(super) mod conformance;
