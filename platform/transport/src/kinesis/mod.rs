//! The parts of the Kinesis backend that need no service: the aggregated record format, hash keys,
//! sequence numbers, the map of shards and a shard's allowance. Built for tests alone until the
//! backend stands on them.

mod aggregate;
mod allowance;
mod shard_map;
