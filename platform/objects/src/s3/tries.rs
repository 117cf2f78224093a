//! How often a call is tried, and what its tries leave open.

use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

use super::Failure;
use crate::{ObjectError, metrics};

/// A request is tried so often; whoever wants more repeats the call.
pub(super) const TRIES: u32 = 4;
/// Waits between tries: from the first, doubled.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The tries of one call so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failed: u32,
    /// Whether one of them may have happened.
    pub(super) is_unknown: bool,
}

impl Tries {
    /// Waits before the next try.
    ///
    /// # Errors
    /// What the call's error is, if there is no further try.
    pub(super) async fn again(
        &mut self,
        call: &'static str,
        key: impl ToString,
        failure: Failure,
    ) -> Result<(), ObjectError> {
        self.failed += 1;
        self.is_unknown |= matches!(failure, Failure::Unknown(_));
        let is_hopeless = matches!(failure, Failure::Refused(_));
        if is_hopeless || self.failed == TRIES {
            return Err(failure.error(&key));
        }
        metrics::retried(call);
        let (key, reason) = (key.to_string(), failure.reason());
        debug!(call, key, reason, "trying again");
        let jitter = 0.5 + rand::random::<f64>();
        sleep(FIRST_WAIT.mul_f64(jitter) * 2_u32.pow(self.failed)).await;
        Ok(())
    }
}
