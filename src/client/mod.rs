//! What a driver app does towards ingest, for many vehicles at once: batches, retries, order.
//! It does not make up what is sent; a [`Source`] does: a simulated fleet, or a recorded one.
//!
//! A [`Source`] writes [`Reading`]s and ride events into its [`Outbox`]; a sender takes them out
//! round by round and posts them in order; what the answers say is judged against what the source
//! expected, and ends in the [`Report`].

mod acked;
mod answer;
mod backoff;
mod batch;
mod clock;
mod command;
mod courier;
mod decimal;
mod endpoint;
mod event;
mod format;
mod json;
mod outbox;
mod pace;
mod progress;
mod protobuf;
mod reading;
mod report;
mod sender;
mod settings;
mod source;
mod tally;
mod verdict;

#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;

pub(crate) use clock::now;
pub(crate) use command::end_with;
pub(crate) use format::Format;
pub(crate) use outbox::{Expectation, Outbox, VehicleIndex};
pub(crate) use pace::Pace;
pub(crate) use progress::{Progress, Visibility};
pub(crate) use reading::Reading;
pub(crate) use report::Report;
pub(crate) use sender::{Delivery, send_all};
pub(crate) use settings::Settings;
pub(crate) use source::Source;
