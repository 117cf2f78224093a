//! The report of a backtest: the object that is written as JSON, whose names are stable.

use serde::Serialize;

use super::{
    figures::{self, Bucket, Calibration, Figures},
    play::Played,
};

/// How good predictions were.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub score: Score,
    /// Playing took so long, s.
    pub seconds: f64,
    pub us_per_ping: Option<f64>,
}

/// All figures of one play.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Score {
    #[serde(flatten)]
    pub all: Figures,
    pub stability_s: Option<f64>,
    pub at_pickup: Figures,
    pub five_minutes_out: Figures,
    pub by_remaining: Vec<Bucket>,
    pub by_actual_remaining: Vec<Bucket>,
    pub calibration: Vec<Calibration>,
}

impl Report {
    pub(super) fn of(played: &Played) -> Self {
        let seconds = played.took.as_secs_f64();
        Self {
            score: Score::of(played),
            seconds: figures::rounded(seconds),
            us_per_ping: (played.pings > 0)
                .then(|| figures::rounded(seconds * 1e6 / played.pings as f64)),
        }
    }
}

impl Score {
    fn of(played: &Played) -> Self {
        let samples = &played.samples;
        Self {
            all: Figures::of(samples),
            stability_s: figures::stability_s(samples),
            at_pickup: figures::at_pickup(samples),
            five_minutes_out: figures::five_minutes_out(samples),
            by_remaining: figures::buckets(samples, |sample| sample.promised_s()),
            by_actual_remaining: figures::buckets(samples, |sample| {
                Some(f64::from(sample.left_s)).filter(|_| sample.shown_s.is_some())
            }),
            calibration: figures::calibration(samples),
        }
    }
}
