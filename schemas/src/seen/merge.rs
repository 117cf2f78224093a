//! Two sets of names become one: where two shards are merged, what either has seen was seen.

use std::collections::VecDeque;

use super::{MAX_RUNS, Older, Run, Seen};

impl Seen {
    /// Adds what another set knows: what either holds is held, what either forgot is forgotten.
    pub fn merge(&mut self, other: Self) {
        let floors = [&*self, &other].map(|seen| seen.older.as_ref().and_then(|older| older.floor));
        let mut all: Vec<Run> = Vec::with_capacity(self.runs() + other.runs());
        for seen in [std::mem::take(self), other] {
            all.extend(seen.older.into_iter().flat_map(|older| older.runs));
            all.extend(seen.newest);
        }
        all.sort_unstable_by_key(Run::begin);
        let mut runs = VecDeque::with_capacity(all.len());
        for run in all {
            match runs.back_mut() {
                Some(before) if run.goes_on(before) => before.last = before.last.max(run.last),
                _ => runs.push_back(run),
            }
        }
        self.newest = runs.pop_back();
        let [one, another] = floors;
        let older = Older {
            runs,
            floor: one.max(another),
        };
        self.older = (!older.is_empty()).then(|| Box::new(older));
        self.shrink_to(MAX_RUNS);
    }
}

impl Run {
    /// Whether it overlaps or touches one that does not begin after it.
    fn goes_on(&self, before: &Self) -> bool {
        self.epoch == before.epoch && self.first <= before.last.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{PingName, seen::Sighting};

    fn seen() -> impl Strategy<Value = Seen> {
        let names = proptest::collection::vec((0_u64..2, 0_u64..40), 0..60);
        (names, 1_usize..9).prop_map(|(names, max_runs)| {
            let mut seen = Seen::default();
            for (epoch, seq) in names {
                let _ = seen.insert_within(PingName { epoch, seq }, max_runs);
            }
            seen
        })
    }

    fn merged(one: &Seen, another: &Seen) -> Seen {
        let mut all = one.clone();
        all.merge(another.clone());
        all
    }

    fn sighting(seen: &Seen, name: PingName) -> Sighting {
        seen.clone().insert(name)
    }

    #[test]
    fn a_merged_set_holds_as_many_runs_as_any_other() {
        let of = |first: u64| {
            let mut seen = Seen::default();
            for seq in 0..MAX_RUNS as u64 {
                let _ = seen.insert(PingName {
                    epoch: 1,
                    seq: first + seq * 4,
                });
            }
            seen
        };
        let all = merged(&of(0), &of(2));
        assert_eq!(all.runs(), MAX_RUNS);
        let lowest = PingName { epoch: 1, seq: 0 };
        assert_eq!(sighting(&all, lowest), Sighting::BeyondMemory);
    }

    proptest! {
        #[test]
        fn what_either_set_says_of_a_name_both_say_together(one in seen(), another in seen()) {
            let all = merged(&one, &another);
            for (epoch, seq) in (0..2).flat_map(|epoch| (0..41).map(move |seq| (epoch, seq))) {
                let name = PingName { epoch, seq };
                let each = [sighting(&one, name), sighting(&another, name)];
                let expected = [Sighting::Repeat, Sighting::BeyondMemory]
                    .into_iter()
                    .find(|one| each.contains(one))
                    .unwrap_or(Sighting::New);
                prop_assert_eq!(sighting(&all, name), expected, "{:?}", name);
            }
        }

        #[test]
        fn the_order_of_merging_makes_no_difference(
            one in seen(), another in seen(), third in seen(),
        ) {
            prop_assert_eq!(merged(&one, &another), merged(&another, &one));
            let (left, right) = (merged(&one, &another), merged(&another, &third));
            prop_assert_eq!(merged(&left, &third), merged(&one, &right));
            prop_assert_eq!(merged(&one, &one), one.clone());
            prop_assert_eq!(merged(&one, &Seen::default()), one);
        }

        #[test]
        fn a_merged_set_goes_on_as_a_set(
            one in seen(), another in seen(),
            names in proptest::collection::vec((0_u64..2, 0_u64..40), 0..60),
            max_runs in 1_usize..9,
        ) {
            let mut all = merged(&one, &another);
            for (epoch, seq) in names {
                let name = PingName { epoch, seq };
                let _ = all.insert_within(name, max_runs);
                prop_assert_ne!(sighting(&all, name), Sighting::New, "{:?}", name);
            }
        }
    }
}
