//! Hands the lessons of a shard to a model, as a service does.

use std::ops::AddAssign;

use processor::{ShardState, eta::Model};

/// What became of lessons and drives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Rides that were played.
    pub rides: u64,
    /// Rides of which an end is no place, or that end before they begin.
    pub unfit_rides: u64,
    /// Drives that the model learned from.
    pub lessons: u64,
    /// Drives that began outside of its city.
    pub elsewhere: u64,
    /// Drives that teach nothing: too short, too long, or with a gap.
    pub unfit: u64,
}

/// Takes all lessons out of a shard's state. Trips it would write go nowhere.
pub(crate) fn take_lessons(state: &mut ShardState, model: &mut Model) -> Taken {
    let mut taken = Taken::default();
    let count = state.lessons().len();
    for lesson in state.lessons() {
        if lesson.place().is_some_and(|place| model.city().has(place)) {
            model.learn(lesson.clone());
            taken.lessons += 1;
        } else {
            taken.elsewhere += 1;
        }
    }
    state.forget_lessons(count);
    state.forget_trips();
    taken
}

impl AddAssign for Taken {
    fn add_assign(&mut self, more: Self) {
        self.rides += more.rides;
        self.unfit_rides += more.unfit_rides;
        self.lessons += more.lessons;
        self.elsewhere += more.elsewhere;
        self.unfit += more.unfit;
    }
}
