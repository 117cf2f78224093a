//! Which pings of one vehicle were seen: a bounded set of ping names, as runs of sequence numbers.
//! It does not keep the pings, and does not decide what a repeat means.

mod merge;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::PingName;

/// A device that counts by one needs a run for each hole in what arrived; one that counts by time
/// needs one for each ping. 1,024 runs hold a quarter of an hour of it at a ping a second.
const MAX_RUNS: usize = 1_024;

/// The names seen of one vehicle. When full it forgets the lowest names first, and says so.
///
/// A device that counts by one and misses nothing takes 40 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The highest run.
    newest: Option<Run>,
    /// None where there would be nothing in it, so that equal sets are equal bytes.
    older: Option<Box<Older>>,
}

/// What is known below the highest run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Older {
    /// Runs of one epoch each, sorted, without overlap or touch. Most come and go at the ends.
    runs: VecDeque<Run>,
    /// Names below this were forgotten: whether they were seen is not known, but for those in runs
    /// that came from another set.
    floor: Option<PingName>,
}

/// The sequence numbers `first..=last` of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    epoch: u64,
    first: u64,
    last: u64,
}

/// What a set says of a name that was put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Sighting {
    /// It was not in the set.
    New,
    /// It was in the set.
    Repeat,
    /// It lies below what the set remembers: it may be either, and is treated as new.
    BeyondMemory,
}

impl Seen {
    /// Puts a name into the set and says whether it was there.
    pub fn insert(&mut self, name: PingName) -> Sighting {
        self.insert_within(name, MAX_RUNS)
    }

    /// Puts a name into a set that is to hold at most `max_runs` runs: for who has less room.
    pub fn insert_within(&mut self, name: PingName, max_runs: usize) -> Sighting {
        let Some(newest) = &mut self.newest else {
            self.newest = Some(Run::of(name));
            return Sighting::New;
        };
        if newest.ends_before(name) {
            newest.last = name.seq;
            return Sighting::New;
        }
        if newest.holds(name) {
            return Sighting::Repeat;
        }
        if newest.begins_after(name) {
            if self
                .older
                .as_ref()
                .is_some_and(|older| older.lies_beyond(name))
            {
                return Sighting::BeyondMemory;
            }
            newest.first = name.seq;
            self.join_older();
            return Sighting::New;
        }
        if newest.is_above(name) {
            return self.insert_older(name, max_runs);
        }
        let before = std::mem::replace(newest, Run::of(name));
        let older = self.older.get_or_insert_default();
        older.push(before);
        older.forget_surplus(max_runs);
        Sighting::New
    }

    /// Forgets the lowest names until at most `max_runs` runs are held, but never the highest run.
    pub fn shrink_to(&mut self, max_runs: usize) {
        if let Some(older) = &mut self.older {
            older.forget_surplus(max_runs);
            older.runs.shrink_to_fit();
        }
    }

    /// Number of runs held.
    pub fn runs(&self) -> usize {
        let older = self.older.as_ref().map_or(0, |older| older.runs.len());
        older + usize::from(self.newest.is_some())
    }

    /// Joins the newest run with the one before it, if they touch now.
    fn join_older(&mut self) {
        let (Some(newest), Some(older)) = (&mut self.newest, &mut self.older) else {
            return;
        };
        let touches = |run: &mut Run| run.ends_before(newest.begin());
        if let Some(before) = older.runs.pop_back_if(touches) {
            newest.first = before.first;
            if older.is_empty() {
                self.older = None;
            }
        }
    }

    /// Puts a name below the newest run that does not touch it.
    fn insert_older(&mut self, name: PingName, max_runs: usize) -> Sighting {
        let older = self.older.get_or_insert_default();
        let sighting = older.insert(name);
        older.forget_surplus(max_runs);
        sighting
    }
}

impl Older {
    /// Whether the name was forgotten, if it was ever there.
    fn lies_beyond(&self, name: PingName) -> bool {
        self.floor.is_some_and(|floor| name < floor)
    }

    fn insert(&mut self, name: PingName) -> Sighting {
        let after = self.runs.partition_point(|run| run.begin() <= name);
        if after > 0 && self.runs[after - 1].holds(name) {
            return Sighting::Repeat;
        }
        if self.lies_beyond(name) {
            return Sighting::BeyondMemory;
        }
        let touches_left = after > 0 && self.runs[after - 1].ends_before(name);
        let touches_right = self
            .runs
            .get(after)
            .is_some_and(|run| run.begins_after(name));
        match (touches_left, touches_right) {
            (true, true) => {
                self.runs[after - 1].last = self.runs[after].last;
                self.runs.remove(after);
            }
            (true, false) => self.runs[after - 1].last = name.seq,
            (false, true) => self.runs[after].first = name.seq,
            (false, false) => {
                self.make_room();
                self.runs.insert(after, Run::of(name));
            }
        }
        Sighting::New
    }

    /// Adds a run above all others.
    fn push(&mut self, run: Run) {
        self.make_room();
        self.runs.push_back(run);
    }

    /// Room for one more run: most sets have none or one of these for ever.
    fn make_room(&mut self) {
        if self.runs.len() == self.runs.capacity() {
            self.runs.reserve_exact(1 + self.runs.len() / 4);
        }
    }

    /// Forgets the lowest runs where there are too many, the newest among them.
    fn forget_surplus(&mut self, max_runs: usize) {
        while self.runs.len() + 1 > max_runs
            && let Some(lowest) = self.runs.pop_front()
        {
            let above = PingName {
                epoch: lowest.epoch,
                seq: lowest.last.saturating_add(1),
            };
            self.floor = self.floor.max(Some(above));
        }
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.floor.is_none()
    }
}

impl Run {
    fn of(name: PingName) -> Self {
        Self {
            epoch: name.epoch,
            first: name.seq,
            last: name.seq,
        }
    }

    fn begin(&self) -> PingName {
        PingName {
            epoch: self.epoch,
            seq: self.first,
        }
    }

    fn is_above(&self, name: PingName) -> bool {
        self.begin() > name
    }

    fn holds(&self, name: PingName) -> bool {
        self.epoch == name.epoch && (self.first..=self.last).contains(&name.seq)
    }

    fn ends_before(&self, name: PingName) -> bool {
        self.epoch == name.epoch && self.last.checked_add(1) == Some(name.seq)
    }

    fn begins_after(&self, name: PingName) -> bool {
        self.epoch == name.epoch && name.seq.checked_add(1) == Some(self.first)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn name(epoch: u64, seq: u64) -> PingName {
        PingName { epoch, seq }
    }

    #[test]
    fn a_counter_without_holes_takes_one_run_an_epoch() {
        let mut seen = Seen::default();
        for epoch in 1..=3 {
            for seq in 0..10_000 {
                assert_eq!(seen.insert(name(epoch, seq)), Sighting::New);
            }
        }
        assert_eq!(seen.runs(), 3);
        assert_eq!(seen.insert(name(2, 77)), Sighting::Repeat);
    }

    #[test]
    fn a_full_set_forgets_the_lowest_and_says_so() {
        let mut seen = Seen::default();
        for seq in 0..=MAX_RUNS as u64 {
            assert_eq!(seen.insert(name(0, seq * 1_000)), Sighting::New);
        }
        assert_eq!(seen.runs(), MAX_RUNS);
        assert_eq!(seen.insert(name(0, 0)), Sighting::BeyondMemory);
        assert_eq!(seen.insert(name(0, 1_000)), Sighting::Repeat);
        assert_eq!(seen.insert(name(0, 1)), Sighting::New);
    }

    #[test]
    fn a_set_that_shrinks_forgets_the_lowest_and_keeps_the_highest() {
        let mut seen = Seen::default();
        for seq in 0..10 {
            let _ = seen.insert(name(0, seq * 2));
        }
        seen.shrink_to(3);
        assert_eq!(seen.runs(), 3);
        assert_eq!(seen.insert(name(0, 12)), Sighting::BeyondMemory);
        assert_eq!(seen.insert(name(0, 14)), Sighting::Repeat);
        seen.shrink_to(0);
        assert_eq!(seen.runs(), 1);
        assert_eq!(seen.insert(name(0, 18)), Sighting::Repeat);
    }

    #[test]
    fn a_forgotten_name_that_touches_the_highest_run_stays_forgotten() {
        let mut seen = Seen::default();
        for seq in [57, 59, 58] {
            assert_eq!(seen.insert_within(name(0, seq), 1), Sighting::New);
        }
        assert_eq!(seen.insert_within(name(0, 57), 1), Sighting::BeyondMemory);
    }

    #[test]
    fn a_hole_that_is_filled_takes_no_room() {
        let (mut seen, mut whole) = (Seen::default(), Seen::default());
        for seq in [0, 1, 5, 2, 4, 3] {
            assert_eq!(seen.insert(name(1, seq)), Sighting::New);
        }
        for seq in 0..6 {
            assert_eq!(whole.insert(name(1, seq)), Sighting::New);
        }
        assert_eq!(seen, whole);
    }

    proptest! {
        #[test]
        fn it_is_a_set(names in proptest::collection::vec((0_u64..3, 0_u64..60), 0..300)) {
            let (mut seen, mut model) = (Seen::default(), BTreeSet::new());
            for (epoch, seq) in names {
                let expected =
                    if model.insert((epoch, seq)) { Sighting::New } else { Sighting::Repeat };
                prop_assert_eq!(seen.insert(name(epoch, seq)), expected);
            }
            let separate = model.iter().filter(|(epoch, seq)| {
                seq.checked_sub(1).is_none_or(|before| !model.contains(&(*epoch, before)))
            });
            prop_assert_eq!(seen.runs(), separate.count());
        }

        #[test]
        fn a_full_set_never_takes_a_new_name_for_a_repeat_nor_a_repeat_for_new(
            names in proptest::collection::vec((0_u64..3, 0_u64..60), 0..300),
            max_runs in 1_usize..6,
            shrinks in proptest::collection::vec(0_usize..300, 0..4),
        ) {
            let (mut seen, mut model) = (Seen::default(), BTreeSet::new());
            for (at, (epoch, seq)) in names.into_iter().enumerate() {
                if shrinks.contains(&at) {
                    seen.shrink_to(max_runs / 2);
                }
                let wrong = if model.insert((epoch, seq)) { Sighting::Repeat } else { Sighting::New };
                prop_assert_ne!(seen.insert_within(name(epoch, seq), max_runs), wrong);
                prop_assert!(seen.runs() <= max_runs);
            }
        }

        #[test]
        fn the_ends_of_the_numbers_do_not_overflow(seqs in proptest::collection::vec(prop_oneof![0_u64..3, u64::MAX - 2..=u64::MAX], 1..20)) {
            let mut seen = Seen::default();
            for seq in seqs {
                let _ = seen.insert(name(u64::MAX, seq));
                prop_assert_eq!(seen.insert(name(u64::MAX, seq)), Sighting::Repeat);
            }
        }
    }
}
