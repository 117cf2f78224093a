//! Who may write and who may read: credentials, and what each of them allows. It knows no pings and
//! no rides; the services hold what a [`Grant`] says against what they are asked.
//!
//! A request's way: its [`Credential`] is found in its headers; the [`Guard`] looks it up among the
//! API keys ([`keys`]) or verifies it as a token ([`tokens`]) and answers with a [`Grant`], or with a
//! [`Refusal`] that names no secret. A [`share`] is a link that shows one ride for a while. Keys and
//! the keys that tokens are verified by are read again while the process runs ([`source`]).

mod credential;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod grant;
mod guard;
pub mod keys;
mod metrics;
mod rates;
mod refusal;
mod settings;
pub mod share;
mod source;
mod tokens;

pub use credential::Credential;
pub use grant::{Grant, Right, Within};
pub use guard::Guard;
pub use rates::Rates;
pub use refusal::{Refusal, Wanted};
pub use settings::Settings;
