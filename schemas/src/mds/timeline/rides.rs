//! The rides of one vehicle: the open one, those that wait for it to end, and the last that are over.
//! What a word on one of them does to the vehicle's state is `timeline`'s.

use serde::{Deserialize, Serialize};

use crate::{CancelledBy, RideId, id, kept::KeptId};

/// How many rides that are over a vehicle remembers, to know a word on them for a late one. A cab
/// drives some three an hour.
const OVER_KEPT: usize = 8;
/// How many rides wait for the open one to end; apps assign the next one ahead, rarely two.
const MAX_WAITING: usize = 4;

/// What is told of a ride, as far as it moves its vehicle's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mds) enum Word {
    Assigned,
    Arrived,
    PickedUp,
    DroppedOff,
    Cancelled(CancelledBy),
}

/// How far the open ride has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    ToPickup,
    Waiting,
    OnBoard,
}

/// Whether there may be another word on a ride that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    Final,
    /// It was called off because nothing more was heard of it; it goes on if a rider gets in or out.
    GivenUp,
}

/// What a word is to the vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It changes the vehicle's state now.
    News,
    /// It is noted, and told when the open ride is over, or not at all.
    Noted,
    /// It is known, or contradicts what was said first.
    Nothing,
}

/// The rides of one vehicle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rides {
    open: Option<Open>,
    waiting: Vec<KeptId<id::Ride>>,
    over: Vec<Over>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Open {
    ride: KeptId<id::Ride>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Over {
    ride: KeptId<id::Ride>,
    ending: Ending,
}

impl Rides {
    /// The open ride.
    pub(super) fn open(&self) -> Option<RideId> {
        self.open.as_ref().map(|open| open.ride.id())
    }

    /// How far the open ride has come.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.open.as_ref().map(|open| open.stage)
    }

    /// Judges a word, and notes what is to be told later.
    pub(super) fn take(&mut self, ride: RideId, word: Word) -> Verdict {
        match self.ending(ride) {
            Some(Ending::Final) => return Verdict::Nothing,
            Some(Ending::GivenUp) if matches!(word, Word::Assigned | Word::Arrived) => {
                return Verdict::Nothing;
            }
            Some(Ending::GivenUp) | None => {}
        }
        match self.stage().filter(|_| self.open() == Some(ride)) {
            Some(stage) => of_the_open(stage, word),
            None => self.of_another(ride, word),
        }
    }

    /// Opens a ride, whatever was known of it; none must be open.
    pub(super) fn begin(&mut self, ride: RideId) {
        self.over.retain(|over| over.ride.as_str() != ride.as_str());
        self.waiting.retain(|waits| waits.as_str() != ride.as_str());
        self.open = Some(Open {
            ride: ride.into(),
            stage: Stage::ToPickup,
        });
    }

    /// Notes how far the open ride has come.
    pub(super) fn reach(&mut self, stage: Stage) {
        if let Some(open) = &mut self.open {
            open.stage = stage;
        }
    }

    /// Closes the open ride.
    pub(super) fn end(&mut self, ending: Ending) {
        if let Some(open) = self.open.take() {
            self.remember(open.ride, ending);
        }
    }

    /// The ride that has waited longest; it waits no more.
    pub(super) fn next(&mut self) -> Option<RideId> {
        if self.waiting.is_empty() {
            return None;
        }
        Some(self.waiting.remove(0).id())
    }

    fn of_another(&mut self, ride: RideId, word: Word) -> Verdict {
        match word {
            Word::Arrived | Word::PickedUp | Word::DroppedOff => Verdict::News,
            Word::Assigned if self.open.is_none() => Verdict::News,
            Word::Assigned => {
                let mut waiting = self.waiting.iter();
                let waits = waiting.any(|waits| waits.as_str() == ride.as_str());
                // One too many is told when its rider is met.
                if !waits && self.waiting.len() < MAX_WAITING {
                    self.waiting.push(ride.into());
                }
                Verdict::Noted
            }
            // An agency was not told that it began, and need not be told that it is off.
            Word::Cancelled(_) => {
                self.waiting.retain(|waits| waits.as_str() != ride.as_str());
                self.remember(ride.into(), Ending::Final);
                Verdict::Noted
            }
        }
    }

    fn ending(&self, ride: RideId) -> Option<Ending> {
        let mut over = self.over.iter();
        let over = over.find(|over| over.ride.as_str() == ride.as_str());
        over.map(|over| over.ending)
    }

    fn remember(&mut self, ride: KeptId<id::Ride>, ending: Ending) {
        self.over.retain(|over| over.ride.as_str() != ride.as_str());
        if self.over.len() == OVER_KEPT {
            self.over.remove(0);
        }
        self.over.push(Over { ride, ending });
    }
}

fn of_the_open(stage: Stage, word: Word) -> Verdict {
    match (word, stage) {
        (Word::Arrived, Stage::ToPickup)
        | (Word::PickedUp, Stage::ToPickup | Stage::Waiting)
        | (Word::DroppedOff | Word::Cancelled(_), _) => Verdict::News,
        (Word::Assigned, _)
        | (Word::Arrived, Stage::Waiting | Stage::OnBoard)
        | (Word::PickedUp, Stage::OnBoard) => Verdict::Nothing,
    }
}
