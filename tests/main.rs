//! The integration tests, as one binary: the rules of the house, the contracts, and the whole way
//! of a ping through the real program.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod agency;
mod analysts;
mod apps;
mod architecture;
mod archive_on_s3;
mod attacks;
mod aws;
mod backtest;
mod bad_input;
mod calls;
mod commands;
mod compaction;
mod compose;
mod conservation;
mod contracts;
mod exports;
mod exports_in_a_bucket;
mod kafka;
mod kcl;
mod learning;
mod mds;
mod monitoring;
mod mqtt;
mod redis;
mod replay;
mod reports_of_san_francisco;
mod secured;
mod services;
mod shutdown;
mod sockets;
mod support;
mod verify;
