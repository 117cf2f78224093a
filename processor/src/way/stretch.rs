//! The facts of a stretch of a way: what was driven between two times, and how well it is known.
//! Which times are asked for is others' business.

use schemas::{Coordinate, Meters, Timestamp};

/// The facts of a stretch of a way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) driven: Meters,
    pub(crate) pings: u32,
    pub(crate) largest_gap_s: u32,
    pub(crate) points: Vec<Coordinate>,
}

/// What lies between two points, or the last and the newest ping.
pub(super) struct Leg {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Where it ends.
    pub(super) position: Coordinate,
    pub(super) driven: Meters,
    pub(super) gap_s: u16,
    /// With the one at its end.
    pub(super) pings: u16,
}

impl Stretch {
    /// The facts of legs after `from` and until `to`, of a way that was at `start` then.
    ///
    /// Of a leg that lies across an end counts the share of its time. The time from `from` to the
    /// first ping, and that from the last ping to `to`, are gaps like any other.
    pub(super) fn of(
        legs: impl Iterator<Item = Leg>,
        start: Option<Coordinate>,
        (from, to): (Timestamp, Timestamp),
    ) -> Self {
        let mut stretch = Self::default();
        stretch.points.extend(start);
        let mut heard = from;
        for leg in legs.filter(|leg| leg.touches(from, to)) {
            let (begin, end) = (leg.from.max(from), leg.to.min(to));
            stretch.note_gap(seconds_between(heard, begin));
            heard = end;
            stretch.add(&leg, leg.share(begin, end), seconds_between(begin, end));
            if leg.to <= to {
                stretch.points.push(leg.position);
                stretch.pings += 1;
            }
        }
        stretch.note_gap(seconds_between(heard, to));
        stretch.points.dedup();
        stretch
    }

    /// Adds the share of a leg, which took so many seconds, without the ping at its end.
    fn add(&mut self, leg: &Leg, share: f64, seconds: u32) {
        self.driven.0 += leg.driven.0 * share;
        self.pings += (f64::from(leg.pings.saturating_sub(1)) * share).round() as u32;
        self.note_gap(seconds.min(u32::from(leg.gap_s)));
    }

    fn note_gap(&mut self, seconds: u32) {
        self.largest_gap_s = self.largest_gap_s.max(seconds);
    }
}

impl Leg {
    /// Whether a part of it lies after `from` and until `to`.
    fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        from < to && from < self.to && (self.to <= to || self.from < to)
    }

    /// The part of its time that lies between two times within it; all of one that took none.
    fn share(&self, begin: Timestamp, end: Timestamp) -> f64 {
        let whole = self.to.seconds_since(self.from);
        if whole > 0.0 {
            end.seconds_since(begin) / whole
        } else {
            1.0
        }
    }
}

/// Whole seconds from one time to a later one.
fn seconds_between(from: Timestamp, to: Timestamp) -> u32 {
    to.seconds_since(from) as u32
}
