//! What is still to be let go of: leases whose readers have dropped them, and workers that have left.
//! Whoever ends the process waits for it, or else others wait until the leases run out. What is held
//! is not counted.

use tokio::sync::watch;

/// All that is being let go of. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Departures(watch::Sender<()>);

/// One thing that is being let go of, for as long as this lives.
#[derive(Debug)]
pub(super) struct Departure {
    _counted: watch::Receiver<()>,
}

impl Default for Departures {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Departures {
    /// One more begins.
    pub(super) fn begin(&self) -> Departure {
        Departure {
            _counted: self.0.subscribe(),
        }
    }

    /// Waits until there is none under way.
    pub(crate) async fn over(&self) {
        self.0.closed().await;
    }
}
