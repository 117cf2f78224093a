//! What happens in a history, one thing after the other.

use schemas::Timestamp;

use super::{History, RideNumber};
use crate::replay::RowNumber;

/// One thing of a history. At one time they happen in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A rider is picked up.
    Begins(RideNumber),
    /// A ping reaches the stream.
    Arrives(RowNumber),
    /// The moment of a ping, whenever it reaches the stream, if it does.
    Passes(RowNumber),
    /// A rider is dropped off.
    Ends(RideNumber),
}

impl History {
    /// All that happens where pings reach the stream at `arrivals`, and pass at `passes`.
    pub(crate) fn steps(
        &self,
        arrivals: impl IntoIterator<Item = (Timestamp, RowNumber)>,
        passes: impl IntoIterator<Item = (Timestamp, RowNumber)>,
    ) -> Vec<(Timestamp, Step)> {
        let rides = || (0..).map(RideNumber).zip(&self.rides);
        let begins = rides().map(|(number, ride)| (ride.picked_up, Step::Begins(number)));
        let ends = rides().map(|(number, ride)| (ride.dropped_off, Step::Ends(number)));
        let arrives = arrivals
            .into_iter()
            .map(|(time, row)| (time, Step::Arrives(row)));
        let passes = passes
            .into_iter()
            .map(|(time, row)| (time, Step::Passes(row)));
        let mut steps: Vec<_> = begins.chain(arrives).chain(passes).chain(ends).collect();
        // Stable: what is of one time and kind keeps its order.
        steps.sort_by_key(|(time, step)| (*time, step.rank()));
        steps
    }

    /// Every ping at its own time.
    pub(crate) fn on_time(&self) -> impl Iterator<Item = (Timestamp, RowNumber)> {
        let rows = (0..).map_while(|position| self.pings.played(position));
        rows.map(|row| (self.pings.row(row).time, row))
    }
}

impl Step {
    fn rank(self) -> u8 {
        match self {
            Self::Begins(_) => 0,
            Self::Arrives(_) => 1,
            Self::Passes(_) => 2,
            Self::Ends(_) => 3,
        }
    }
}
