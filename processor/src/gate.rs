//! The gate of a vehicle: which pings move it. Repeats, late pings and jumps do not.
//! What a late ping does to a trip is the trip's business.

use schemas::{
    PingName,
    seen::{Seen, Sighting},
};
use serde::{Deserialize, Serialize};

use crate::fix::{Leg, Spot};

/// Runs of ping names remembered for a vehicle. A counter needs a few; a device that names its
/// pings by time needs one each, and 64 of them are five minutes at a ping in 5 s and 1.5 KB.
const MAX_RUNS: usize = 64;

/// Decides which pings of one vehicle move it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    seen: Seen,
    held: Option<Spot>,
}

/// What a gate says of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is the newest and moves the vehicle.
    Accepted,
    /// It is the newest and agrees with the one that was held: the vehicle is really there.
    JumpConfirmed,
    /// It is too far to have been driven: held until the next one agrees with it.
    Held,
    /// Its fix is not newer than the newest accepted.
    Late,
    /// It came before.
    Repeat,
    /// It is late, and so old that nobody knows whether it came before.
    Forgotten,
}

impl Gate {
    /// Judges a ping that is a leg from the newest accepted, and remembers it.
    pub(crate) fn judge(&mut self, name: PingName, spot: Spot, leg: Option<Leg>) -> Verdict {
        let sighting = self.seen.insert_within(name, MAX_RUNS);
        if sighting == Sighting::Repeat {
            return Verdict::Repeat;
        }
        if leg.is_some_and(|leg| leg.seconds <= 0.0) {
            return match sighting {
                Sighting::BeyondMemory => Verdict::Forgotten,
                Sighting::New | Sighting::Repeat => Verdict::Late,
            };
        }
        if leg.is_none_or(|leg| leg.is_possible()) {
            self.held = None;
            return Verdict::Accepted;
        }
        if self.held.is_some_and(|held| spot.agrees_with(held)) {
            self.held = None;
            return Verdict::JumpConfirmed;
        }
        self.held = Some(spot);
        Verdict::Held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::spot;

    fn name(seq: u64) -> PingName {
        PingName { epoch: 1, seq }
    }

    /// A gate with the newest spot that it accepted, as a vehicle has it.
    #[derive(Default, Clone, PartialEq, Debug)]
    struct Vehicle {
        gate: Gate,
        newest: Option<Spot>,
    }

    impl Vehicle {
        fn judge(&mut self, name: PingName, spot: Spot) -> Verdict {
            let leg = self.newest.map(|newest| spot.leg_from(newest));
            let verdict = self.gate.judge(name, spot, leg);
            if matches!(verdict, Verdict::Accepted | Verdict::JumpConfirmed) {
                self.newest = Some(spot);
            }
            verdict
        }
    }

    /// Judges spots given as (second, metres east), named in their order.
    fn check(spots: &[(i64, f64)], expected: &[Verdict]) {
        let mut vehicle = Vehicle::default();
        let verdicts: Vec<_> = (0..)
            .zip(spots)
            .map(|(seq, &(second, east))| vehicle.judge(name(seq), spot(second, east, 0.0)))
            .collect();
        assert_eq!(verdicts, expected, "{spots:?}");
    }

    #[test]
    fn a_jump_is_accepted_only_if_the_next_ping_agrees_with_it() {
        use Verdict::{Accepted, Held, JumpConfirmed};
        check(&[(0, 0.0), (1, 190.0)], &[Accepted, Accepted]);
        check(&[(0, 0.0), (1, 200.0)], &[Accepted, Held]);
        check(
            &[(0, 0.0), (1, 900.0), (2, 10.0)],
            &[Accepted, Held, Accepted],
        );
        check(
            &[(0, 0.0), (1, 900.0), (2, 920.0)],
            &[Accepted, Held, JumpConfirmed],
        );
        check(
            &[(0, 0.0), (1, 900.0), (2, -900.0), (3, 901.0), (4, 902.0)],
            &[Accepted, Held, Held, Held, JumpConfirmed],
        );
    }

    #[test]
    fn a_long_silence_makes_a_long_way_plausible() {
        check(
            &[(0, 0.0), (100, 4_600.0)],
            &[Verdict::Accepted, Verdict::Accepted],
        );
    }

    #[test]
    fn a_fix_not_newer_than_the_newest_is_late() {
        use Verdict::{Accepted, Late};
        check(
            &[(5, 0.0), (5, 1.0), (4, 1.0), (6, 1.0)],
            &[Accepted, Late, Late, Accepted],
        );
    }

    #[test]
    fn a_late_ping_older_than_the_memory_is_not_taken_for_new() {
        let mut vehicle = Vehicle::default();
        for second in 0..=2 * MAX_RUNS as i64 {
            let verdict = vehicle.judge(name(second as u64 * 1_000), spot(second, 0.0, 0.0));
            assert_eq!(verdict, Verdict::Accepted);
        }
        assert_eq!(
            vehicle.judge(name(1_000), spot(1, 0.0, 0.0)),
            Verdict::Forgotten
        );
    }

    proptest! {
        #[test]
        fn a_ping_that_came_before_changes_nothing_but_the_answer(
            pings in proptest::collection::vec((0_u64..40, -400.0..400.0), 1..80),
        ) {
            let mut vehicle = Vehicle::default();
            for (seq, east) in pings {
                let _ = vehicle.judge(name(seq), spot(seq as i64, east, 0.0));
                let before = vehicle.clone();
                prop_assert_eq!(vehicle.judge(name(seq), spot(seq as i64, east, 0.0)), Verdict::Repeat);
                prop_assert_eq!(&vehicle, &before);
            }
        }
    }
}
