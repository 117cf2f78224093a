//! The way that a vehicle drove for a ride: a bounded, thinned path with times, from which the
//! facts of any stretch follow. It does not know what the stretches mean.

mod stretch;

use schemas::{Coordinate, Meters, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fix::{Spot, Step};
use stretch::Leg;

pub(crate) use stretch::Stretch;

/// Points kept at most, 20 bytes each: 12 km at the first spacing. A longer way is thinned to
/// half of its points and goes on with twice the spacing; lengths stay what was driven.
const MAX_POINTS: usize = 512;
/// Points are this far apart at first.
const FIRST_SPACING_M: f32 = 25.0;

/// The way driven for a ride.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Way {
    begin: Timestamp,
    points: Vec<Point>,
    /// What came after the last point kept.
    pending: Pending,
    spacing_m: f32,
}

/// A point kept, and what lies between it and the one before: nothing, for the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Point {
    /// Since the way's begin: 49 days at most.
    at_ms: u32,
    position: Coordinate,
    /// Driven from the point before; less by the crow after thinning.
    leg_m: f32,
    /// The largest gap between two pings on the leg.
    gap_s: u16,
    /// Pings on the leg, with this one.
    pings: u16,
}

/// Pings that moved too little to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Pending {
    newest: Option<Spot>,
    gap_s: u16,
    pings: u16,
}

/// What a way did with a late ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It belongs to the way and changed it.
    Changed,
    /// It lies too far off.
    Ignored,
}

impl Way {
    /// Begins a way, at the vehicle's last fix where there is one.
    pub(crate) fn beginning_at(spot: Option<Spot>) -> Self {
        let mut way = Self {
            begin: Timestamp::default(),
            points: Vec::new(),
            pending: Pending {
                newest: spot,
                gap_s: 0,
                pings: u16::from(spot.is_some()),
            },
            spacing_m: FIRST_SPACING_M,
        };
        way.keep(Meters(0.0));
        way
    }

    /// Adds a ping that is newer than all before; returns what the way grew by.
    ///
    /// Another vehicle that goes on with the way may begin with older ones: they are late.
    pub(crate) fn push(&mut self, spot: Spot, least_move: Meters, step: Step) -> Meters {
        if self
            .pending
            .newest
            .is_some_and(|newest| spot.time <= newest.time)
        {
            self.insert(spot);
            return Meters(0.0);
        }
        let since = self
            .pending
            .newest
            .map_or(0.0, |newest| spot.time.seconds_since(newest.time));
        self.pending.gap_s = self.pending.gap_s.max(since as u16);
        self.pending.pings = self.pending.pings.saturating_add(1);
        self.pending.newest = Some(spot);
        let leg = match (step, self.points.last()) {
            (Step::Drove(_), Some(last)) => last.position.distance(spot.position),
            (Step::Jumped, _) | (_, None) => return self.keep(Meters(0.0)),
        };
        if leg.0 < least_move.0.max(f64::from(self.spacing_m)) {
            return Meters(0.0);
        }
        self.keep(leg)
    }

    /// Keeps the newest ping whatever its distance, so that a stretch may end and begin here.
    pub(crate) fn seal(&mut self) {
        if let (Some(last), Some(newest)) = (self.points.last(), self.pending.newest)
            && self.pending.pings > 0
        {
            self.keep(last.position.distance(newest.position));
        }
    }

    /// Adds a ping that may be older than others.
    ///
    /// Between two points that no ping was thinned from it becomes a point of its own if it lies
    /// far enough from both; elsewhere it only counts, and the gap that it lies in stays. Before
    /// the first point it becomes the first.
    pub(crate) fn insert(&mut self, spot: Spot) -> Inserted {
        let Some(newest) = self.pending.newest else {
            self.push(spot, Meters(0.0), Step::Jumped);
            return Inserted::Changed;
        };
        if spot.time > newest.time {
            if !spot.agrees_with(newest) {
                return Inserted::Ignored;
            }
            self.push(spot, Meters(0.0), Step::Drove(Meters(0.0)));
            return Inserted::Changed;
        }
        if spot.time < self.begin {
            return self.prepend(spot);
        }
        let Ok(at_ms) = u32::try_from(spot.time.0 - self.begin.0) else {
            return Inserted::Ignored;
        };
        let index = self.points.partition_point(|point| point.at_ms <= at_ms);
        let Some(before) = index.checked_sub(1).map(|before| self.points[before]) else {
            return Inserted::Ignored;
        };
        if !spot.agrees_with(self.spot(before)) {
            return Inserted::Ignored;
        }
        let Some(&after) = self.points.get(index) else {
            self.pending.pings = self.pending.pings.saturating_add(1);
            return Inserted::Changed;
        };
        if !spot.agrees_with(self.spot(after)) {
            return Inserted::Ignored;
        }
        self.split(
            index,
            before,
            after,
            Point {
                at_ms,
                position: spot.position,
                ..after
            },
        );
        Inserted::Changed
    }

    /// Begins the way earlier, at a spot before its first.
    fn prepend(&mut self, spot: Spot) -> Inserted {
        let (Some(&first), Some(&last)) = (self.points.first(), self.points.last()) else {
            return Inserted::Ignored;
        };
        let Ok(earlier_ms) = u32::try_from(self.begin.0 - spot.time.0) else {
            return Inserted::Ignored;
        };
        let is_too_long = last.at_ms.checked_add(earlier_ms).is_none();
        if is_too_long || !spot.agrees_with(self.spot(first)) {
            return Inserted::Ignored;
        }
        self.begin = spot.time;
        for point in &mut self.points {
            point.at_ms += earlier_ms;
        }
        self.points[0].leg_m = spot.position.distance(first.position).0 as f32;
        self.points[0].gap_s = whole_seconds(earlier_ms);
        let point = Point {
            at_ms: 0,
            position: spot.position,
            leg_m: 0.0,
            gap_s: 0,
            pings: 1,
        };
        self.points.insert(0, point);
        self.thin();
        Inserted::Changed
    }

    /// Puts `late` between two points, the second of which stands at `index`.
    fn split(&mut self, index: usize, before: Point, after: Point, mut late: Point) {
        let next = &mut self.points[index];
        if after.pings > 1 {
            next.pings = next.pings.saturating_add(1);
            return;
        }
        late.gap_s = whole_seconds(late.at_ms - before.at_ms);
        let gap_after = whole_seconds(after.at_ms - late.at_ms);
        let to = before.position.distance(late.position).0 as f32;
        let from = late.position.distance(after.position).0 as f32;
        if to < self.spacing_m || from < self.spacing_m {
            next.pings += 1;
            next.gap_s = gap_after.max(late.gap_s);
            return;
        }
        next.leg_m = from;
        next.gap_s = gap_after;
        late.leg_m = to;
        late.pings = 1;
        self.points.insert(index, late);
        self.thin();
    }

    /// The facts of what was driven after `from` and until `to`.
    pub(crate) fn stretch(&self, from: Timestamp, to: Timestamp) -> Stretch {
        Stretch::of(self.legs(), self.position_at(from), (from, to))
    }

    /// What was driven from point to point, and to the newest ping.
    fn legs(&self) -> impl Iterator<Item = Leg> {
        let mut before = self.begin;
        let kept = self.points.iter().map(move |point| {
            let to = self.time(*point);
            Leg {
                from: std::mem::replace(&mut before, to),
                to,
                position: point.position,
                driven: Meters(f64::from(point.leg_m)),
                gap_s: point.gap_s,
                pings: point.pings,
            }
        });
        let pending = self.pending.newest.filter(|_| self.pending.pings > 0);
        let pending = pending.zip(self.points.last()).map(|(newest, last)| Leg {
            from: self.time(*last),
            to: newest.time,
            position: newest.position,
            driven: last.position.distance(newest.position),
            gap_s: self.pending.gap_s,
            pings: self.pending.pings,
        });
        kept.chain(pending)
    }

    /// Where the vehicle was: at its last fix until `time`, else at its first.
    pub(crate) fn position_at(&self, time: Timestamp) -> Option<Coordinate> {
        let newest = self.pending.newest?;
        if newest.time <= time {
            return Some(newest.position);
        }
        let until = self
            .points
            .partition_point(|point| self.time(*point) <= time);
        self.points
            .get(until.saturating_sub(1))
            .map(|point| point.position)
    }

    /// Gives back the room for points to come, when none are expected.
    pub(crate) fn shrink(&mut self) {
        self.points.shrink_to_fit();
    }

    /// Makes a point of what is pending; returns `leg`.
    fn keep(&mut self, leg: Meters) -> Meters {
        let Some(newest) = self.pending.newest else {
            return leg;
        };
        if self.points.is_empty() {
            self.begin = newest.time;
        }
        self.points.push(Point {
            at_ms: u32::try_from(newest.time.0.saturating_sub(self.begin.0)).unwrap_or(u32::MAX),
            position: newest.position,
            leg_m: leg.0 as f32,
            gap_s: self.pending.gap_s,
            pings: self.pending.pings,
        });
        self.pending = Pending {
            newest: Some(newest),
            ..Pending::default()
        };
        self.thin();
        leg
    }

    /// Merges every second point into the next, where there are too many.
    fn thin(&mut self) {
        if self.points.len() <= MAX_POINTS {
            return;
        }
        let last = self.points.len() - 1;
        let mut thinned = Vec::with_capacity(MAX_POINTS);
        let mut merged: Option<Point> = None;
        for (index, mut point) in self.points.drain(..).enumerate() {
            if let Some(before) = merged.take() {
                point.leg_m += before.leg_m;
                point.gap_s = point.gap_s.max(before.gap_s);
                point.pings = point.pings.saturating_add(before.pings);
            }
            if index % 2 == 0 || index == last {
                thinned.push(point);
            } else {
                merged = Some(point);
            }
        }
        self.points = thinned;
        self.spacing_m *= 2.0;
    }

    fn time(&self, point: Point) -> Timestamp {
        Timestamp(self.begin.0 + i64::from(point.at_ms))
    }

    fn spot(&self, point: Point) -> Spot {
        Spot {
            time: self.time(point),
            position: point.position,
        }
    }
}

fn whole_seconds(ms: u32) -> u16 {
    u16::try_from(ms / 1_000).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
