//! What every service of Hansom does alike: logs, signals with a grace period, an admin port with
//! `/metrics`, `/live` and `/ready`. It knows nothing of what the services do.
//!
//! A process that serves is one call of [`run()`]: it starts the logs and the metrics, watches the
//! signals, and serves the admin port until its work has ended. The work binds its ports, opens its
//! backends, starts a [`Stage`] for each service, says through its [`Condition`] when it is ready,
//! and ends the stages in order once a stop is requested.
//!
//! What takes connections is a [`Listener`], on [`Terms`] that the settings name: by TLS or plain,
//! and so many connections and requests of one address. [`serve()`] serves it, in HTTP/1.1 and HTTP/2.

mod activity;
mod admin;
mod advice;
mod client;
mod connection;
mod drain;
mod duration;
mod http;
mod limits;
mod listener;
mod logs;
mod metrics;
mod places;
mod process;
mod readiness;
mod recorder;
mod request;
mod run;
mod settings;
mod shutdown;
mod socket;
mod stage;
#[cfg(test)]
mod testing;
mod tls;
mod told;

pub use admin::Admin;
pub use advice::advise;
pub use client::Client;
pub use drain::Drain;
pub use duration::parse_duration;
pub use http::{serve, serve_within};
pub use limits::{give_memory_back, use_all_files, use_small_pages};
pub use listener::{Listener, Terms, listen};
pub use logs::{LogFormat, start_logs};
pub use readiness::{Condition, Readiness};
pub use request::RequestId;
pub use run::{Process, run};
pub use settings::{ListenerSettings, Settings, TlsSettings};
pub use shutdown::{Shutdown, on_signal};
pub use stage::Stage;
pub use told::{Failure, both};
