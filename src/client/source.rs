//! Where pings and ride events come from.

use schemas::Timestamp;

use super::{Outbox, VehicleIndex};

/// Makes what a set of vehicles sends, in the order of its time.
///
/// A function of its own settings alone: what it makes depends neither on when it is asked nor on
/// what becomes of it, so that two runs send the same.
pub(crate) trait Source: Send + 'static {
    /// Every vehicle's name; a [`VehicleIndex`] counts along it.
    fn vehicles(&self) -> Vec<String>;

    /// The time of what comes next; None at the end.
    fn due(&self) -> Option<Timestamp>;

    /// Writes what comes next: the pings and events of one vehicle at one time.
    ///
    /// # Errors
    /// An error if something cannot be written in the wire's format.
    fn step(&mut self, outbox: &mut Outbox) -> anyhow::Result<()>;

    /// Writes what must still be said when the run is stopped before its end.
    ///
    /// # Errors
    /// As [`Source::step`].
    fn take_leave(&mut self, outbox: &mut Outbox) -> anyhow::Result<()>;
}

impl VehicleIndex {
    /// The position in a list of vehicles.
    pub(super) fn position(self) -> usize {
        self.0 as usize
    }
}
