//! The rides of a recording: from the ping where a passenger is first on board to the ping where
//! none is. A passenger who is on board at a vehicle's first ping makes no ride: nobody knows
//! where that began.

use std::collections::HashMap;

use super::recording::{Load, Recording, RowNumber};

/// Where each ride ends, by where it begins.
#[derive(Debug, Default)]
pub(super) struct Trips {
    ends: HashMap<RowNumber, End>,
}

/// The last ping of a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The vehicle is free there.
    DroppedOff(RowNumber),
    /// The recording ends there with the passenger on board.
    Unknown(RowNumber),
}

/// What has been seen of a vehicle.
#[derive(Clone, Copy)]
struct Seen {
    load: Load,
    last: RowNumber,
    pickup: Option<RowNumber>,
}

impl Trips {
    /// Finds every ride of the rows that are played.
    pub(super) fn find(recording: &Recording) -> Self {
        let mut ends = HashMap::new();
        let mut seen: Vec<Option<Seen>> = vec![None; recording.vehicles().len()];
        for number in (0..).map_while(|position| recording.played(position)) {
            let row = recording.row(number);
            let seen = &mut seen[row.vehicle as usize];
            let before = seen.map_or(Load::Occupied, |seen| seen.load);
            let open = seen.and_then(|seen| seen.pickup);
            let pickup = match (before, row.load, open) {
                (Load::Free, Load::Occupied, _) => Some(number),
                (Load::Occupied, Load::Free, Some(pickup)) => {
                    ends.insert(pickup, End::DroppedOff(number));
                    None
                }
                (_, _, open) => open,
            };
            *seen = Some(Seen {
                load: row.load,
                last: number,
                pickup,
            });
        }
        for seen in seen.into_iter().flatten() {
            if let Some(pickup) = seen.pickup {
                ends.insert(pickup, End::Unknown(seen.last));
            }
        }
        Self { ends }
    }

    /// The end of the ride that begins at this row, if one does.
    pub(super) fn end(&self, pickup: RowNumber) -> Option<End> {
        self.ends.get(&pickup).copied()
    }
}
