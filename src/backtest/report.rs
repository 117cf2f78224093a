//! The report of a backtest: the object that is written as JSON, whose names are stable.

use serde::Serialize;

use super::{
    figures::{self, Bucket, Calibration, Figures},
    play::Played,
    sample::Sample,
};

/// How good predictions were.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub score: Score,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faulty: Option<Faulty>,
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

/// How good they were when much went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Faulty {
    #[serde(flatten)]
    pub score: Score,
    /// By how much the mean error grew, at every ping that came.
    pub mae_cost_pct: Option<f64>,
    /// The mean error at the times of all pings, those too that were late or lost, and by how much it
    /// grew.
    pub same_moments_mae_s: Option<f64>,
    pub same_moments_cost_pct: Option<f64>,
    /// Whether all rides ended in the same phases at the same times.
    pub same_ride_states: bool,
}

impl Report {
    pub(super) fn of(played: &Played, faulty: Option<&Played>) -> Self {
        let seconds = played.took.as_secs_f64();
        Self {
            score: Score::of(&played.samples),
            faulty: faulty.map(|faulty| Faulty::of(faulty, played)),
            seconds: figures::rounded(seconds),
            us_per_ping: (played.pings > 0)
                .then(|| figures::rounded(seconds * 1e6 / played.pings as f64)),
        }
    }
}

impl Faulty {
    fn of(faulty: &Played, clean: &Played) -> Self {
        let score = Score::of(&faulty.samples_at_arrivals);
        let all = Figures::of(&clean.samples).mae_s;
        // Where something was shown in both: what was not shown has no error.
        let pairs = faulty.samples.iter().zip(&clean.samples);
        let shown = pairs.filter(|(one, other)| one.shown_s.is_some() && other.shown_s.is_some());
        let (of_faulty, of_clean): (Vec<&Sample>, Vec<&Sample>) = shown.unzip();
        let growth = |before: Option<f64>, after: Option<f64>| {
            let before = before.filter(|before| *before > 0.0)?;
            Some(figures::rounded((after? / before - 1.0) * 100.0))
        };
        let after = Figures::of(of_faulty).mae_s;
        Self {
            mae_cost_pct: growth(all, score.all.mae_s),
            score,
            same_moments_mae_s: after,
            same_moments_cost_pct: growth(Figures::of(of_clean).mae_s, after),
            same_ride_states: faulty.ended_like(clean),
        }
    }
}

impl Score {
    fn of(samples: &[Sample]) -> Self {
        Self {
            all: Figures::of(samples),
            stability_s: figures::stability_s(samples),
            at_pickup: figures::at_pickup(samples),
            five_minutes_out: figures::five_minutes_out(samples),
            by_remaining: figures::buckets(samples, Sample::promised_s),
            by_actual_remaining: figures::buckets(samples, |sample| {
                Some(f64::from(sample.left_s)).filter(|_| sample.shown_s.is_some())
            }),
            calibration: figures::calibration(samples),
        }
    }
}
