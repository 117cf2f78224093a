//! What is due when, by the stream's clock: the newest append time among the records seen.
//! No other clock decides anything, so that a replay decides the same.

use std::collections::BTreeSet;

use schemas::{FleetId, RideId};
use serde::{Deserialize, Serialize};

use crate::vehicle::Tracked;

/// A trip that changed waits so long for further changes until its next version is written.
const REVISION_DELAY_MS: i64 = 30_000;

/// The stream's clock and the trips that wait for it. What they wait for is stored with the rides.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Agenda {
    clock_ms: i64,
    #[serde(skip)]
    revisions: BTreeSet<(i64, FleetId, RideId)>,
}

impl Agenda {
    /// The newest append time seen, Unix ms.
    pub(crate) fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// Takes a record's append time; the clock never goes back.
    pub(crate) fn advance(&mut self, appended_ms: i64) {
        self.clock_ms = self.clock_ms.max(appended_ms);
    }

    /// Plans a trip's next version, unless one is planned.
    pub(crate) fn plan(&mut self, fleet: FleetId, tracked: &mut Tracked) {
        let due_ms = *tracked
            .due_ms
            .get_or_insert(self.clock_ms + REVISION_DELAY_MS);
        self.revisions.insert((due_ms, fleet, tracked.ride.id()));
    }

    /// Takes back what was planned.
    pub(crate) fn cancel(&mut self, fleet: FleetId, tracked: &mut Tracked) {
        if let Some(due_ms) = tracked.due_ms.take() {
            self.revisions.remove(&(due_ms, fleet, tracked.ride.id()));
        }
    }

    /// The next trip whose time has come.
    pub(crate) fn next_due(&mut self) -> Option<(FleetId, RideId)> {
        let (due_ms, fleet, ride) = *self.revisions.first()?;
        if due_ms > self.clock_ms {
            return None;
        }
        self.revisions.pop_first();
        Some((fleet, ride))
    }
}
