//! Leases on shards, in a table of DynamoDB that the Kinesis Client Library can share: who reads
//! which shard, and how far the group has come. What is in a shard is not known here.
//!
//! A lease is a row ([`lease`]). It is changed by conditional writes alone ([`mod@write`]), each of which
//! moves a counter. Whoever sees a counter stand still for long takes the lease ([`plan`]); whoever
//! could not move it in time regards its own as lost ([`holding`]). Rows come and go with the shards
//! that are listed ([`sync`]). A [`keeper`] does all that for one worker.

mod departures;
mod dynamo;
mod expression;
mod grip;
mod held;
mod holding;
mod item;
mod keeper;
mod lease;
#[cfg(test)]
mod memory;
mod metrics;
#[cfg(test)]
mod model;
mod observer;
mod plan;
mod sync;
mod table;
mod worker;
mod write;

pub(crate) use self::{
    departures::Departures,
    dynamo::DynamoTable,
    held::Held,
    keeper::{Keeper, Timing},
    table::LeaseTable,
    worker::WorkerId,
};
