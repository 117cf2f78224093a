//! What every service of Hansom does alike: logs, signals with a grace period, an admin port with
//! `/metrics`, `/live` and `/ready`. It knows nothing of what the services do.
//!
//! A process that serves is one call of [`run()`]: it starts the logs and the metrics, watches the
//! signals, and serves the admin port until its work has ended. The work binds its ports, opens its
//! backends, starts a [`Stage`] for each service, says through its [`Condition`] when it is ready,
//! and ends the stages in order once a stop is requested.

mod admin;
mod drain;
mod duration;
mod http;
mod limits;
mod logs;
mod metrics;
mod process;
mod readiness;
mod recorder;
mod run;
mod settings;
mod shutdown;
mod stage;
mod told;

pub use admin::Admin;
pub use drain::Drain;
pub use duration::parse_duration;
pub use http::{listen, serve, serve_within};
pub use limits::{use_all_files, use_small_pages};
pub use logs::{LogFormat, start_logs};
pub use readiness::{Condition, Readiness};
pub use run::{Process, run};
pub use settings::Settings;
pub use shutdown::{Shutdown, on_signal};
pub use stage::Stage;
pub use told::{Failure, both};
