//! What goes wrong between a device and the stream: pings that are lost, repeated, late, or off by
//! kilometres. A draw of the seed and the ping alone.

use schemas::{Coordinate, Timestamp};

use crate::{dice::Dice, history::History, replay::RowNumber};

const LOST: f64 = 0.1;
const REPEATED: f64 = 0.05;
const LATE: f64 = 0.1;
const LATE_S: (f64, f64) = (30.0, 120.0);
/// A repeat comes within this time, as after an answer that was lost.
const REPEAT_WITHIN_S: f64 = 60.0;
const JUMPS: f64 = 0.005;
/// How far a jump goes to the north and to the east, in 1e-7 degree: 2 to 8 km.
const JUMP_E7: (f64, f64) = (200_000.0, 700_000.0);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Faults {
    /// Nothing.
    None,
    /// What the draws of this seed say.
    Drawn(u64),
}

/// What becomes of a ping.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fate {
    /// After its time; none if it is lost.
    arrives_ms: Option<i64>,
    /// After its arrival.
    repeats_ms: Option<i64>,
    /// To the north and to the east.
    jump_e7: Option<(i32, i32)>,
}

impl Faults {
    /// When which pings reach the stream. Nobody promises an order.
    pub(super) fn arrivals(self, history: &History) -> Vec<(Timestamp, RowNumber)> {
        let mut arrivals = Vec::with_capacity(history.pings.len());
        for (time, row) in history.on_time() {
            let fate = self.fate(row);
            let Some(arrives_ms) = fate.arrives_ms else {
                continue;
            };
            let arrives = Timestamp(time.0 + arrives_ms);
            arrivals.push((arrives, row));
            arrivals.extend(fate.repeats_ms.map(|ms| (Timestamp(arrives.0 + ms), row)));
        }
        arrivals
    }

    /// Where a ping says that its vehicle is.
    pub(super) fn place(self, row: RowNumber, place: Coordinate) -> Coordinate {
        let Some((north, east)) = self.fate(row).jump_e7 else {
            return place;
        };
        let (lat_e7, lng_e7) = (place.lat_e7() + north, place.lng_e7() + east);
        // At the edge of the map there is no farther.
        Coordinate::from_e7(lat_e7, lng_e7).unwrap_or(place)
    }

    fn fate(self, row: RowNumber) -> Fate {
        match self {
            Self::None => Fate {
                arrives_ms: Some(0),
                repeats_ms: None,
                jump_e7: None,
            },
            Self::Drawn(seed) => draw(&mut Dice::new(seed, u64::from(row.0))),
        }
    }
}

fn draw(dice: &mut Dice) -> Fate {
    let is_lost = dice.chance(LOST);
    let late_s = if dice.chance(LATE) {
        dice.between(LATE_S.0, LATE_S.1)
    } else {
        0.0
    };
    let is_repeated = dice.chance(REPEATED);
    let repeats_ms = (dice.between(0.0, REPEAT_WITHIN_S) * 1e3) as i64;
    let is_jump = dice.chance(JUMPS);
    let mut leap = || {
        let leap = dice.between(JUMP_E7.0, JUMP_E7.1) as i32;
        if dice.chance(0.5) { leap } else { -leap }
    };
    let jump_e7 = (leap(), leap());
    Fate {
        arrives_ms: (!is_lost).then_some((late_s * 1e3) as i64),
        repeats_ms: is_repeated.then_some(repeats_ms),
        jump_e7: is_jump.then_some(jump_e7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_follows_from_the_seed_and_the_ping_alone() {
        let fates = |seed| -> Vec<Fate> {
            (0..1_000)
                .map(|row| Faults::Drawn(seed).fate(RowNumber(row)))
                .collect()
        };
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
    }

    #[test]
    fn as_many_pings_meet_with_each_fault_as_it_says() {
        let fates: Vec<Fate> = (0..100_000)
            .map(|row| Faults::Drawn(1).fate(RowNumber(row)))
            .collect();
        let percent = |is_so: fn(&Fate) -> bool| {
            fates.iter().filter(|fate| is_so(fate)).count() as f64 / 1_000.0
        };
        let check = |actual: f64, expected: f64| {
            let error = (actual - expected).abs();
            assert!(error < 0.1 + expected * 0.03, "{actual}, not {expected}");
        };
        check(percent(|fate| fate.arrives_ms.is_none()), 10.0);
        check(percent(|fate| fate.repeats_ms.is_some()), 5.0);
        // Of those that are not lost one in ten is late.
        check(percent(|fate| fate.arrives_ms > Some(0)), 9.0);
        check(percent(|fate| fate.jump_e7.is_some()), 0.5);
        let late = fates.iter().filter_map(|fate| fate.arrives_ms);
        assert!(
            late.filter(|ms| *ms > 0)
                .all(|ms| (30_000..120_000).contains(&ms))
        );
    }

    #[test]
    fn a_jump_goes_some_kilometres() {
        let home = Coordinate::from_degrees(37.77, -122.42).unwrap();
        let faults = Faults::Drawn(1);
        let rows = (0..10_000).map(RowNumber);
        let leaps: Vec<f64> = rows
            .map(|row| faults.place(row, home).distance(home).0)
            .filter(|leap| *leap > 0.0)
            .collect();
        assert!(leaps.iter().all(|leap| (2_000.0..12_000.0).contains(leap)));
        assert!((20..100).contains(&leaps.len()), "{}", leaps.len());
    }
}
