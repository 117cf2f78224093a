//! A drive under way: what was seen of it and what was promised, to become a lesson and a verdict
//! on the promises when it ends. When that is, is the ride's to say.

use std::{ops::RangeInclusive, time::Duration};

use schemas::{Coordinate, FleetId, Meters, RideId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Lesson, Models, Promise, Share, Stage,
    lesson::{Glimpse, Pace},
    model::View,
    motion::Motion,
    tempo::Tempo,
};
use crate::fix::Spot;

/// Glimpses are this far apart at first, so that a second's ping teaches no more than a minute's.
const SPACING_MS: i64 = 20_000;
/// So many glimpses of one drive at most; a longer drive has them farther apart.
const MAX_GLIMPSES: usize = 128;
/// What a lesson's drive takes, s. What is shorter was a mistake, what is longer an outing.
const LESSON_S: RangeInclusive<f64> = 60.0..=10_800.0;
/// A drive that nobody heard of for longer is no lesson, s.
const MAX_GAP_S: f64 = 300.0;
/// One that came nearer to where it ended by less than this, in m/s, waited or went round.
const LEAST_PACE_MPS: f64 = 0.4;

/// A drive to a pickup or a drop-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drive {
    stage: Stage,
    began: Timestamp,
    from: Coordinate,
    spacing_ms: i64,
    seen: Vec<Seen>,
    promise: Option<Promise>,
    /// By which logarithm its vehicle's drives took longer when it began.
    longer: f32,
}

/// What was seen of a drive, and promised then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Seen {
    spot: Spot,
    pace: Pace,
    /// The 10th, 50th and 90th percentile of what was still to drive, s.
    promised: [u16; 3],
}

/// When and where a drive ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    pub(crate) time: Timestamp,
    pub(crate) place: Coordinate,
    /// How long the whole was to take, by a plan that stood from its begin to its end.
    pub(crate) planned: Option<Duration>,
}

/// Where a drive goes, and what is known of its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Goal {
    pub(crate) place: Coordinate,
    /// Left along the planned route, while the vehicle is on it.
    pub(crate) route: Option<RouteLeft>,
}

/// What is left of a planned route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RouteLeft {
    pub(crate) length: Meters,
    /// By the plan, if it said how long the whole takes.
    pub(crate) planned: Option<Duration>,
}

/// How a promise was kept, known when its drive ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    /// What was still to drive, as it was promised.
    pub promised: Duration,
    /// What it took.
    pub took: Duration,
    /// Whether it lay between the 10th and the 90th percentile.
    pub is_within: bool,
}

impl Kept {
    /// How far the arrival lay from what was promised.
    pub fn error(&self) -> Duration {
        self.promised.abs_diff(self.took)
    }
}

impl Drive {
    /// Begins where a vehicle is.
    pub(crate) fn begin(stage: Stage, here: Spot, tempo: Tempo) -> Self {
        Self {
            stage,
            began: here.time,
            from: here.position,
            spacing_ms: SPACING_MS,
            seen: Vec::new(),
            promise: None,
            longer: tempo.longer(here.time),
        }
    }

    /// What riders are told.
    pub(crate) fn promise(&self) -> Option<&Promise> {
        self.promise.as_ref()
    }

    /// Has the next estimate become the promise, however near it is.
    pub(crate) fn forget_promise(&mut self) {
        self.promise = None;
    }

    /// Takes where the vehicle is now, and renews the promise.
    pub(crate) fn advance(&mut self, here: Spot, motion: Motion, goal: Goal, models: &Models) {
        let estimate = models.estimate(&View {
            stage: self.stage,
            began: self.began,
            from: self.from,
            here,
            motion,
            longer: self.longer,
            goal,
        });
        let promise = match self.promise {
            Some(promise) => promise.renewed(estimate, here.time),
            None => Promise::new(estimate, here.time),
        };
        self.promise = Some(promise);
        self.see(here, motion, promise);
    }

    fn see(&mut self, spot: Spot, motion: Motion, promise: Promise) {
        let is_due = match self.seen.last() {
            Some(last) => spot.time.0 - last.spot.time.0 >= self.spacing_ms,
            None => spot.time >= self.began,
        };
        if !is_due {
            return;
        }
        if self.seen.len() >= MAX_GLIMPSES {
            let mut is_kept = false;
            self.seen.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.spacing_ms *= 2;
        }
        let left = |share| {
            let arrival = promise.arrival_at(share, spot.time);
            arrival.seconds_since(spot.time).round() as u16
        };
        self.seen.push(Seen {
            spot,
            pace: motion.into(),
            promised: [Share::P10, Share::P50, Share::P90].map(left),
        });
    }

    /// How the promises were kept, of a drive that arrived at `ended`.
    pub(crate) fn kept(&self, ended: Timestamp) -> impl Iterator<Item = Kept> {
        let before = self.seen.iter().filter(move |seen| seen.spot.time < ended);
        before.map(move |seen| {
            let [p10, p50, p90] = seen.promised.map(f64::from);
            let left = ended.seconds_since(seen.spot.time);
            Kept {
                promised: Duration::from_secs_f64(p50),
                took: Duration::from_secs_f64(left),
                is_within: (p10..=p90).contains(&left),
            }
        })
    }

    /// By which logarithm it took longer than is predicted of any vehicle; None if nothing was.
    pub(crate) fn took_longer(&self, ended: Timestamp) -> Option<f32> {
        let mut longer: Vec<f32> = self
            .kept(ended)
            .map(|kept| (kept.took.as_secs_f32() / kept.promised.as_secs_f32()).ln())
            .filter(|longer| longer.is_finite())
            .collect();
        let middle = longer.len() / 2;
        longer.sort_unstable_by(f32::total_cmp);
        longer.get(middle).map(|median| median + self.longer)
    }

    /// What the drive of a ride teaches that ended so; None if it was none that others will be like.
    pub(crate) fn lesson(&self, fleet: FleetId, ride: RideId, end: End) -> Option<Lesson> {
        let End {
            time: ended,
            place: to,
            planned,
        } = end;
        let took_s = ended.seconds_since(self.began);
        let closed = self.from.distance(to).0 / took_s;
        if !LESSON_S.contains(&took_s) || closed < LEAST_PACE_MPS {
            return None;
        }
        let mut last = self.began;
        let mut glimpses = Vec::with_capacity(self.seen.len());
        for seen in self.seen.iter().filter(|seen| seen.spot.time < ended) {
            if seen.spot.time.seconds_since(last) > MAX_GAP_S {
                return None;
            }
            last = seen.spot.time;
            glimpses.extend(Glimpse::of(
                seen.spot.time.seconds_since(self.began),
                seen.spot.position.offset_to(to),
                seen.pace,
            ));
        }
        if glimpses.is_empty() || ended.seconds_since(last) > MAX_GAP_S {
            return None;
        }
        Some(Lesson {
            ended,
            name: Lesson::name(fleet, ride, self.stage),
            stage: self.stage,
            began: self.began,
            from: self.from.into(),
            to: to.into(),
            planned_s: planned.map(|planned| planned.as_secs() as u32),
            glimpses: glimpses.into(),
        })
    }
}
