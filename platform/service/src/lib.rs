//! What every service of Hansom does alike: logs, signals with a grace period, an admin port with
//! `/metrics`, `/live` and `/ready`. It knows nothing of what the services do.
//!
//! A process calls [`start_logs`], binds its [`Admin`] port (which starts the metrics), hands a
//! [`Shutdown`] to [`on_signal`], takes a [`Condition`] of its [`Readiness`] for each service it
//! runs, and serves the admin port until the last of them has ended.

mod admin;
mod duration;
mod http;
mod limits;
mod logs;
mod metrics;
mod process;
mod readiness;
mod recorder;
mod shutdown;

pub use admin::Admin;
pub use duration::parse_duration;
pub use http::{serve, serve_within};
pub use limits::{use_all_files, use_small_pages};
pub use logs::{LogFormat, start_logs};
pub use readiness::{Condition, Readiness};
pub use shutdown::{Shutdown, on_signal};
