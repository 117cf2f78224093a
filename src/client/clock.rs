//! The wall clock of the machine, read where a run begins and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use schemas::Timestamp;

/// What time it is.
///
/// # Errors
/// An error if the clock stands before 1970.
pub(crate) fn now() -> anyhow::Result<Timestamp> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?;
    Ok(Timestamp(since.as_millis() as i64))
}
