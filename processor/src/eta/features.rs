//! What a prediction looks at: a drive at a moment as numbers, and the bins in which trees compare
//! them. Which numbers matter is the trees' to say.

use schemas::{Coordinate, Meters, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    City, Stage, formula,
    lesson::{Glimpse, Lesson, Pace, crow},
    model::View,
};

/// Numbers of a moment.
pub(crate) const FEATURES: usize = 20;
/// Bins of a number, which fit a byte; none lies behind the last.
pub(super) const BINS: usize = 256;

/// A drive at a moment, as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Features(pub(crate) [f32; FEATURES]);

/// The same in bins. The room behind the last makes a step in a tree free of checks.
pub(crate) type Binned = [u8; 32];

/// Where the bins of each number end: [`BINS`] edges in rising order, the last of which are infinite.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bins(Vec<f32>);

/// What numbers are made of.
struct Moment {
    stage: Stage,
    now: Timestamp,
    here: Coordinate,
    to: Coordinate,
    /// From here to there.
    east: Meters,
    north: Meters,
    /// To there, as it counts: along a route that may be longer than usual.
    left: Meters,
    elapsed_s: f64,
    first: Meters,
    pace: Pace,
}

impl Features {
    /// Of a drive under way.
    pub(crate) fn of(view: &View, left: Meters, city: &City) -> Self {
        let here = view.here.position;
        let to = view.goal.place;
        let (east, north) = here.offset_to(to);
        Self::from(
            &Moment {
                stage: view.stage,
                now: view.here.time,
                here,
                to,
                east,
                north,
                left,
                elapsed_s: view.here.time.seconds_since(view.began).max(0.0),
                first: view.from.distance(to),
                pace: view.motion.into(),
            },
            city,
        )
    }

    /// Of a drive that has ended, when it was at a glimpse; None if that was at no place.
    pub(crate) fn at(lesson: &Lesson, glimpse: &Glimpse, city: &City) -> Option<Self> {
        let to = lesson.to.coordinate()?;
        let (east, north) = glimpse.to_goal();
        let here = to.offset_by(Meters(-east.0), Meters(-north.0));
        let elapsed_s = f64::from(glimpse.after_s);
        let moment = Moment {
            stage: lesson.stage,
            now: Timestamp(lesson.began.0 + i64::from(glimpse.after_s) * 1_000),
            here: here.ok()?,
            to,
            east,
            north,
            left: crow(east, north),
            elapsed_s,
            first: lesson.place()?.distance(to),
            pace: glimpse.motion,
        };
        Some(Self::from(&moment, city))
    }

    fn from(moment: &Moment, city: &City) -> Self {
        let [quick, slow, pace_east, pace_north] = moment.pace.mps();
        let local = city.local(moment.now, moment.here);
        let (east, north) = (moment.east.0 as f32, moment.north.0 as f32);
        let crow = (east * east + north * north).sqrt().max(1.0);
        let (here, to) = (moment.here, moment.to);
        // Degrees of longitude get shorter to the poles; streets that run askew are cut askew.
        let narrow = city.parallel(to);
        let askew =
            |place: Coordinate, sign: f64| (place.lat() + sign * place.lng() * narrow) as f32;
        Self([
            moment.left.0 as f32,
            quick,
            slow,
            local.hour,
            f32::from(local.weekday),
            here.lat() as f32,
            here.lng() as f32,
            to.lat() as f32,
            to.lng() as f32,
            north.atan2(east),
            moment.elapsed_s as f32,
            moment.first.0 as f32,
            (pace_east * east + pace_north * north) / crow,
            pace_east,
            pace_north,
            askew(here, 1.0),
            askew(here, -1.0),
            askew(to, 1.0),
            askew(to, -1.0),
            match moment.stage {
                Stage::Approach => 0.0,
                Stage::Trip => 1.0,
            },
        ])
    }

    /// What the formula says of it, as a logarithm of seconds: where learning begins.
    pub(crate) fn prior(&self) -> f32 {
        let drive = formula::time_to_drive(Meters(f64::from(self.0[0])));
        drive.as_secs_f32().ln()
    }

    /// Speed over about a minute, m/s.
    pub(crate) fn quick(&self) -> f32 {
        self.0[1]
    }
}

impl Bins {
    /// Bins that each hold about as many of the samples.
    pub(crate) fn of(samples: &[Features]) -> Self {
        let edges = |feature: usize| {
            let mut values: Vec<f32> = samples.iter().map(|sample| sample.0[feature]).collect();
            values.sort_unstable_by(f32::total_cmp);
            let mut edges: Vec<f32> = (1..BINS)
                .filter_map(|bin| values.get(values.len() * bin / BINS).copied())
                .collect();
            edges.dedup();
            edges.resize(BINS, f32::INFINITY);
            edges
        };
        Self((0..FEATURES).flat_map(edges).collect())
    }

    /// The bins of a moment: how many edges lie below each of its numbers. All are sought side by
    /// side, halving what is left of each with every step.
    pub(crate) fn place(&self, features: &Features) -> Binned {
        let mut binned = Binned::default();
        let (edges, _) = self.0.as_chunks::<BINS>();
        let mut half = BINS / 2;
        while half > 0 {
            for ((bin, edges), value) in binned.iter_mut().zip(edges).zip(features.0) {
                let further = usize::from(*bin) + half;
                if edges[(further - 1) % BINS] < value {
                    *bin = further as u8;
                }
            }
            half /= 2;
        }
        binned
    }

    /// Whether it has edges for all numbers, or for none as nothing was learned.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_empty() || self.0.len() == BINS * FEATURES
    }
}
