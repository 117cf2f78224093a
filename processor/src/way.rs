//! The way that a vehicle drove for a ride: a bounded, thinned path with times, from which the
//! facts of any stretch follow. It does not know what the stretches mean.

use schemas::{Coordinate, Meters, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fix::{Spot, Step};

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

/// A point kept, and what lies between it and the one before.
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
    /// It lies before the way's begin, or too far off.
    Ignored,
}

/// The facts of a stretch of a way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) driven: Meters,
    pub(crate) pings: u32,
    pub(crate) largest_gap_s: u32,
    pub(crate) points: Vec<Coordinate>,
}

impl Way {
    /// Begins a way, at the vehicle's last fix where there is one.
    pub(crate) fn beginning_at(spot: Option<Spot>) -> Self {
        let mut way = Self {
            begin: Timestamp::default(),
            points: Vec::new(),
            pending: Pending {
                newest: spot,
                ..Pending::default()
            },
            spacing_m: FIRST_SPACING_M,
        };
        way.keep(Meters(0.0));
        way
    }

    /// Adds a ping that is newer than all before; returns what the way grew by.
    pub(crate) fn push(&mut self, spot: Spot, least_move: Meters, step: Step) -> Meters {
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
    /// far enough from both; elsewhere it only counts, and the gap that it lies in stays.
    pub(crate) fn insert(&mut self, spot: Spot) -> Inserted {
        let Some(newest) = self.pending.newest else {
            return Inserted::Ignored;
        };
        if spot.time > newest.time {
            if !spot.agrees_with(newest) {
                return Inserted::Ignored;
            }
            self.push(spot, Meters(0.0), Step::Drove(Meters(0.0)));
            return Inserted::Changed;
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
        let mut stretch = Stretch::default();
        let within = |time: Timestamp| from < time && time <= to;
        stretch.points.extend(self.position_at(from));
        for point in &self.points {
            let time = self.time(*point);
            if within(time) {
                let gap_s = match stretch.pings {
                    0 if point.pings <= 1 => 0,
                    0 => point.gap_s.min(time.seconds_since(from) as u16),
                    _ => point.gap_s,
                };
                stretch.add(Meters(f64::from(point.leg_m)), point.pings, gap_s);
                stretch.points.push(point.position);
            }
        }
        if let Some(newest) = self.pending.newest.filter(|newest| within(newest.time))
            && self.pending.pings > 0
        {
            let leg = self
                .points
                .last()
                .map_or(0.0, |last| last.position.distance(newest.position).0);
            stretch.add(Meters(leg), self.pending.pings, self.pending.gap_s);
            stretch.points.push(newest.position);
        }
        stretch.points.dedup();
        stretch
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

impl Stretch {
    fn add(&mut self, leg: Meters, pings: u16, gap_s: u16) {
        self.driven.0 += leg.0;
        self.pings += u32::from(pings);
        self.largest_gap_s = self.largest_gap_s.max(u32::from(gap_s));
    }
}

fn whole_seconds(ms: u32) -> u16 {
    u16::try_from(ms / 1_000).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
