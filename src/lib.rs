//! Hansom on one machine: the commands of the program `hansom`.
//!
//! The path of one ping: [`simulate`], [`replay`] or a real app posts it to the `ingest` that
//! [`run`] started; there it goes to the embedded stream, from the stream to the `processor`,
//! whose cache the live API reads, and to the `archiver`, which writes it to Parquet. The services
//! are crates of their own; nothing here handles a ping on its way.
//!
//! What has been driven teaches when drives end: [`learn`] makes a model of it, and [`backtest`]
//! says how good one is.

mod backtest;
mod check;
pub mod cli;
mod client;
mod dice;
mod history;
mod key;
mod learn;
mod replay;
mod run;
mod simulate;
mod table;
