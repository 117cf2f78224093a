//! A table of leases in memory, for tests: it is gone when it is dropped.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;

use super::{
    lease::Lease,
    table::{LeaseTable, WriteError},
    write::{Refused, Write},
};
use crate::{ShardId, StreamError, lock::locked};

/// A table in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryTable(Mutex<BTreeMap<ShardId, Lease>>);

#[async_trait]
impl LeaseTable for MemoryTable {
    async fn scan(&self) -> Result<Vec<Lease>, StreamError> {
        Ok(locked(&self.0).values().cloned().collect())
    }

    async fn write(&self, shard: &ShardId, write: &Write) -> Result<Lease, WriteError> {
        let mut leases = locked(&self.0);
        let lease = write.apply(leases.get(shard))?;
        leases.insert(shard.clone(), lease.clone());
        Ok(lease)
    }

    async fn delete(&self, lease: &Lease) -> Result<(), WriteError> {
        let mut leases = locked(&self.0);
        if let Some(there) = leases.get(&lease.shard) {
            if there.counter != lease.counter || there.checkpoint != lease.checkpoint {
                let there = Some(Box::new(there.clone()));
                return Err(Refused { there }.into());
            }
            leases.remove(&lease.shard);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_table_in_memory_does_what_the_writes_say() {
    super::table::conformance::check(&MemoryTable::default()).await;
}
