//! The processor: it follows every vehicle and ride on the stream, and tells where they are and
//! when they arrive. It writes no files of rows and takes no uploads.
//!
//! The path of one ping: [`run()`] acquires its shard, the shard's worker hands the record to
//! [`ShardState::apply`]; there the vehicle's gate judges it ([`Verdict`]), the vehicle moves, and
//! its open rides with it: the way driven, the place on the planned route, the time of arrival.
//! Every 100 ms what changed goes to the [`Cache`], each thing once, as it is then; trips that are due
//! wait in the state's outbox until the stream has them. Neither stops the reading. Now and then a
//! snapshot of the state, outbox and all, is stored with its position. The [`live`] API answers
//! riders and dispatchers from the cache alone, which [`rebuild()`] can fill from snapshots. Drives
//! that end teach the models of [`eta`], which the [`learner`] keeps beside the snapshots.

mod agenda;
mod fix;
mod follow;
mod forgotten;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
mod learner;
mod metrics;
mod outbox;
mod owners;
mod progress;
mod rebuild;
mod ride;
mod route;
mod run;
mod settings;
mod shard_state;
mod snapshot;
mod stall;
mod trip;
mod trips;
mod vehicle;
mod vehicles;
mod version;
mod way;
mod worker;

pub mod cache;
pub mod eta;
pub mod live;

#[cfg(test)]
mod testing;

pub use cache::Cache;
pub use gate::Verdict;
pub use learner::{Cities, Learning, Settings as LearningSettings};
pub use rebuild::{Rebuilt, rebuild};
pub use ride::EventOutcome;
pub use run::{Ports, run};
pub use settings::Settings;
pub use shard_state::{Effects, Outcome, ShardState};
