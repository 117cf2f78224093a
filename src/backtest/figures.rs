//! Figures of samples: how far off predictions were, and how often intervals held.

use std::collections::HashSet;

use processor::eta::Share;
use serde::Serialize;

use super::sample::Sample;

/// A percentage of less than a minute says more of the ping's second than of the prediction.
const LEAST_OF_PERCENT_S: f32 = 60.0;
/// Bounds of what is left, s, by which pings are told apart.
const BOUNDS_S: [f64; 5] = [60.0, 120.0, 300.0, 600.0, 1_200.0];
const FIVE_MINUTES_S: f32 = 300.0;
/// A ping counts as five minutes before the end if it is this near to it, s.
const NEAR_FIVE_MINUTES_S: f32 = 45.0;

/// Figures of some samples; none where there is nothing to tell them from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    pub pings: usize,
    pub trips: usize,
    pub without_eta_pct: Option<f64>,
    pub mae_s: Option<f64>,
    pub mape_pct: Option<f64>,
    pub median_s: Option<f64>,
    pub p90_s: Option<f64>,
    pub bias_s: Option<f64>,
    pub coverage_50: Option<f64>,
    pub coverage_80: Option<f64>,
    pub coverage_90: Option<f64>,
    pub width_50_s: Option<f64>,
    pub width_80_s: Option<f64>,
    pub width_90_s: Option<f64>,
}

/// Figures of the pings with so much left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Bucket {
    pub from_s: f64,
    /// None for no end.
    pub to_s: Option<f64>,
    #[serde(flatten)]
    pub figures: Figures,
}

/// How many drives had ended when a share of them was to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Calibration {
    pub share: f64,
    pub actual: Option<f64>,
}

impl Figures {
    pub(super) fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let samples: Vec<&Sample> = samples.into_iter().collect();
        let rides: HashSet<_> = samples.iter().map(|sample| sample.ride).collect();
        let errors = || samples.iter().filter_map(|sample| sample.error_s());
        let percents = samples.iter().filter_map(|sample| {
            let counts = sample.left_s >= LEAST_OF_PERCENT_S;
            let error = sample.error_s().filter(|_| counts)?;
            Some(error.abs() / f64::from(sample.left_s) * 100.0)
        });
        let mut sorted: Vec<f64> = errors().map(f64::abs).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let within = |low, high| {
            let hits = samples.iter().filter_map(|sample| {
                let interval = sample.shown_at(low)?..=sample.shown_at(high)?;
                Some(f64::from(u8::from(interval.contains(&f64::from(sample.left_s)))) * 100.0)
            });
            mean(hits)
        };
        let width = |low, high| {
            let samples = samples.iter();
            mean(samples.filter_map(|sample| Some(sample.shown_at(high)? - sample.shown_at(low)?)))
        };
        let missing = samples.len() - sorted.len();
        Self {
            pings: samples.len(),
            trips: rides.len(),
            without_eta_pct: share_of(missing, samples.len()).map(|share| share * 100.0),
            mae_s: mean(sorted.iter().copied()),
            mape_pct: mean(percents),
            median_s: quantile(&sorted, 0.5),
            p90_s: quantile(&sorted, 0.9),
            bias_s: mean(errors()),
            coverage_50: within(Share::P25, Share::P75),
            coverage_80: within(Share::P10, Share::P90),
            coverage_90: within(Share::P05, Share::P95),
            width_50_s: width(Share::P25, Share::P75),
            width_80_s: width(Share::P10, Share::P90),
            width_90_s: width(Share::P05, Share::P95),
        }
    }
}

/// Figures by what `left_s` says is left.
pub(super) fn buckets(samples: &[Sample], left_s: impl Fn(&Sample) -> Option<f64>) -> Vec<Bucket> {
    let mut sorted: Vec<Vec<&Sample>> = vec![Vec::new(); BOUNDS_S.len() + 1];
    for sample in samples {
        if let Some(left_s) = left_s(sample) {
            sorted[BOUNDS_S.partition_point(|bound| *bound <= left_s)].push(sample);
        }
    }
    let bucket = |(at, samples): (usize, Vec<&Sample>)| Bucket {
        from_s: at.checked_sub(1).map_or(0.0, |before| BOUNDS_S[before]),
        to_s: BOUNDS_S.get(at).copied(),
        figures: Figures::of(samples),
    };
    sorted.into_iter().enumerate().map(bucket).collect()
}

/// The first sample of each ride. Samples of a ride are in the order of time.
pub(super) fn at_pickup(samples: &[Sample]) -> Figures {
    let mut rides = HashSet::new();
    Figures::of(samples.iter().filter(|sample| rides.insert(sample.ride)))
}

/// The sample of each ride that is nearest to five minutes before its end, if one is near.
pub(super) fn five_minutes_out(samples: &[Sample]) -> Figures {
    let distance = |sample: &Sample| (sample.left_s - FIVE_MINUTES_S).abs();
    let mut near: Vec<&Sample> = samples
        .iter()
        .filter(|sample| distance(sample) <= NEAR_FIVE_MINUTES_S)
        .collect();
    near.sort_by(|one, other| {
        let by_distance = distance(one).total_cmp(&distance(other));
        one.ride.cmp(&other.ride).then(by_distance)
    });
    near.dedup_by_key(|sample| sample.ride);
    Figures::of(near)
}

/// How far the shown time of arrival moves from one sample of a ride to its next: mean, s.
pub(super) fn stability_s(samples: &[Sample]) -> Option<f64> {
    let mut by_ride: Vec<&Sample> = samples.iter().collect();
    by_ride.sort_by_key(|sample| sample.ride);
    let arrival = |sample: &Sample| Some(f64::from(sample.after_s) + sample.promised_s()?);
    let pairs = by_ride
        .windows(2)
        .filter(|pair| pair[0].ride == pair[1].ride);
    mean(pairs.filter_map(|pair| Some((arrival(pair[1])? - arrival(pair[0])?).abs())))
}

/// How many drives had ended by each of the shown times.
pub(super) fn calibration(samples: &[Sample]) -> Vec<Calibration> {
    let calibration = |share: Share| {
        let shown = samples.iter().filter_map(|sample| {
            let shown_s = sample.shown_at(share)?;
            Some(f64::from(u8::from(f64::from(sample.left_s) <= shown_s)))
        });
        Calibration {
            share: share.number(),
            actual: mean(shown),
        }
    };
    Share::ALL.map(calibration).into()
}

/// To the thousandth: more digits would be noise.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn share_of(count: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| rounded(count as f64 / all as f64))
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for number in numbers {
        sum += number;
        count += 1;
    }
    (count > 0).then(|| rounded(sum / count as f64))
}

/// The smallest number that `share` of them do not exceed.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().map(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::RideNumber;

    /// Of a ride: seconds since its begin, left, and shown as left at the median.
    fn sample(ride: u32, after_s: f32, left_s: f32, promised_s: f32) -> Sample {
        let factors = [0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0];
        Sample {
            ride: RideNumber(ride),
            after_s,
            left_s,
            shown_s: Some(factors.map(|factor| factor * promised_s)),
        }
    }

    fn nothing_shown(ride: u32) -> Sample {
        Sample {
            shown_s: None,
            ..sample(ride, 0.0, 100.0, 0.0)
        }
    }

    fn check(actual: Option<f64>, expected: f64) {
        assert_eq!(actual, Some(expected));
    }

    #[test]
    fn errors_are_those_of_pings_at_which_something_was_shown() {
        // Errors of +20, -50, -10 and +5 s; the last with less than a minute left.
        let samples = [
            sample(0, 0.0, 100.0, 120.0),
            sample(0, 60.0, 200.0, 150.0),
            sample(1, 0.0, 100.0, 90.0),
            sample(1, 60.0, 40.0, 45.0),
            nothing_shown(2),
        ];
        let figures = Figures::of(&samples);
        assert_eq!((figures.pings, figures.trips), (5, 3));
        check(figures.without_eta_pct, 20.0);
        check(figures.mae_s, 21.25);
        check(figures.bias_s, -8.75);
        // 20, 25 and 10 %.
        check(figures.mape_pct, 18.333);
        check(figures.median_s, 10.0);
        check(figures.p90_s, 50.0);
    }

    #[test]
    fn an_interval_covers_what_lies_within_its_ends() {
        // Of 100 s: 50 % is 80 to 120 s, 80 % 60 to 150 s, 90 % 50 to 200 s.
        let left = [79.0, 80.0, 120.0, 150.5];
        let samples = left.map(|left_s| sample(0, 0.0, left_s, 100.0));
        let figures = Figures::of(&samples);
        check(figures.coverage_50, 50.0);
        check(figures.coverage_80, 75.0);
        check(figures.coverage_90, 100.0);
        check(figures.width_50_s, 40.0);
        check(figures.width_80_s, 90.0);
        check(figures.width_90_s, 150.0);
        let calibration = calibration(&samples);
        let actual: Vec<f64> = calibration
            .iter()
            .filter_map(|share| share.actual)
            .collect();
        assert_eq!(actual, [0.0, 0.0, 0.5, 0.5, 0.75, 0.75, 1.0]);
    }

    #[test]
    fn of_no_samples_there_are_no_figures() {
        let figures = Figures::of(&[]);
        assert_eq!(
            (figures.pings, figures.mae_s, figures.p90_s),
            (0, None, None)
        );
        assert_eq!(figures.coverage_80, None);
    }

    #[test]
    fn every_ping_is_in_the_bucket_of_what_is_left_from_its_bound_on() {
        let shown = [0.0, 59.9, 60.0, 299.0, 1_199.0, 1_200.0, 9_000.0];
        let samples = shown.map(|promised_s| sample(0, 0.0, 1.0, promised_s));
        let buckets = buckets(&samples, Sample::promised_s);
        let pings: Vec<_> = buckets.iter().map(|bucket| bucket.figures.pings).collect();
        assert_eq!(pings, [2, 1, 1, 0, 1, 2]);
        assert_eq!((buckets[0].from_s, buckets[0].to_s), (0.0, Some(60.0)));
        assert_eq!((buckets[5].from_s, buckets[5].to_s), (1_200.0, None));
    }

    #[test]
    fn a_ride_counts_once_at_its_pickup_and_once_five_minutes_before_its_end() {
        let samples = [
            sample(0, 0.0, 400.0, 410.0),
            sample(1, 0.0, 230.0, 1_230.0),
            sample(0, 70.0, 330.0, 360.0),
            sample(0, 110.0, 290.0, 295.0),
        ];
        assert_eq!(at_pickup(&samples).pings, 2);
        check(at_pickup(&samples).mae_s, 505.0);
        let out = five_minutes_out(&samples);
        assert_eq!((out.pings, out.trips), (1, 1));
        check(out.mae_s, 5.0);
    }

    #[test]
    fn stability_is_how_far_the_arrival_moves_within_a_ride() {
        // Of ride 0 it is shown at 100, 100 and 130 s; of ride 1 at 900 and 890 s.
        let samples = [
            sample(0, 0.0, 1.0, 100.0),
            sample(1, 0.0, 1.0, 900.0),
            sample(0, 50.0, 1.0, 50.0),
            sample(1, 50.0, 1.0, 840.0),
            sample(0, 60.0, 1.0, 70.0),
        ];
        check(stability_s(&samples), 13.333);
        assert_eq!(stability_s(&samples[..2]), None);
    }
}
