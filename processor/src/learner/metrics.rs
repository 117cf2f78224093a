//! The metrics of what is promised and learned, one function each. Cities are labels: an operator
//! names a few.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::Counts;
use crate::{eta::Kept, shard_state::Effects};

/// By how much was promised to remain: the label, and what is less, s.
const REMAINING: [(&str, u64); 6] = [
    ("under_1m", 60),
    ("1m_to_2m", 120),
    ("2m_to_5m", 300),
    ("5m_to_10m", 600),
    ("10m_to_20m", 1_200),
    ("over_20m", u64::MAX),
];

/// Describes the metrics, and shows those that an alert waits for while they are zero.
pub(crate) fn describe() {
    describe_histogram!(
        "hansom_processor_eta_error_seconds",
        Unit::Seconds,
        "How far arrivals lay from what was promised, by how much was promised to remain"
    );
    describe_counter!(
        "hansom_processor_eta_promises_total",
        "Promises whose drives have ended, by whether that was within the 10th to the 90th percentile"
    );
    describe_counter!(
        "hansom_processor_eta_unfit_drives_total",
        "Drives that ended and teach nothing: too short, too long, or with a gap"
    );
    describe_counter!(
        "hansom_processor_eta_lost_lessons_total",
        "Lessons let go before a model had them, for too many waited"
    );
    describe_counter!(
        "hansom_processor_eta_lessons_total",
        "Lessons by what became of them: new or known to a model, left out of its sample, of nowhere"
    );
    describe_counter!(
        "hansom_processor_models_total",
        "Models learned, by what became of them: stored, lost to another's, or failed"
    );
    describe_histogram!(
        "hansom_processor_model_fit_seconds",
        Unit::Seconds,
        "How long it took to fit a model to what it remembers"
    );
    describe_gauge!(
        "hansom_processor_model_drives",
        "Drives that the model of a city remembers"
    );
    describe_gauge!(
        "hansom_processor_model_age_seconds",
        Unit::Seconds,
        "For how long the model of a city was not known to be the last one"
    );
    for (remaining, _) in REMAINING {
        for within in ["yes", "no"] {
            promises(remaining, within).increment(0);
        }
    }
    for outcome in ["stored", "lost", "failed"] {
        counter!("hansom_processor_models_total", "outcome" => outcome).increment(0);
    }
    counter!("hansom_processor_eta_lost_lessons_total").increment(0);
}

/// What drives that ended say of promises, and what they teach.
pub(crate) fn drives(effects: &Effects) {
    for kept in &effects.kept {
        promise_kept(kept);
    }
    counter!("hansom_processor_eta_unfit_drives_total").increment(effects.unfit_drives);
    counter!("hansom_processor_eta_lost_lessons_total").increment(effects.lost_lessons);
}

fn promise_kept(kept: &Kept) {
    let remaining = remaining(kept.promised);
    histogram!("hansom_processor_eta_error_seconds", "remaining" => remaining)
        .record(kept.error().as_secs_f64());
    let within = if kept.is_within { "yes" } else { "no" };
    promises(remaining, within).increment(1);
}

fn promises(remaining: &'static str, within: &'static str) -> metrics::Counter {
    counter!(
        "hansom_processor_eta_promises_total",
        "remaining" => remaining,
        "within" => within
    )
}

fn remaining(promised: Duration) -> &'static str {
    let [.., (longest, _)] = REMAINING;
    let mut shares = REMAINING.iter();
    let share = shares.find(|(_, below_s)| promised.as_secs() < *below_s);
    share.map_or(longest, |(label, _)| label)
}

/// Lessons that a model has now.
pub(super) fn lessons(counts: Counts) {
    let Counts {
        new,
        known,
        left_out,
    } = counts;
    for (outcome, count) in [("new", new), ("known", known), ("left_out", left_out)] {
        counter!("hansom_processor_eta_lessons_total", "outcome" => outcome).increment(count);
    }
}

/// A lesson tells of no place, so that no city learns it.
pub(super) fn lesson_nowhere() {
    counter!("hansom_processor_eta_lessons_total", "outcome" => "nowhere").increment(1);
}

pub(super) fn model_stored() {
    counter!("hansom_processor_models_total", "outcome" => "stored").increment(1);
}

/// Another process stored its model first.
pub(super) fn model_lost() {
    counter!("hansom_processor_models_total", "outcome" => "lost").increment(1);
}

/// A model could not be read, or not be stored.
pub(super) fn model_failed() {
    counter!("hansom_processor_models_total", "outcome" => "failed").increment(1);
}

pub(super) fn model_fitted(took: Duration) {
    histogram!("hansom_processor_model_fit_seconds").record(took.as_secs_f64());
}

/// So many drives are known in a city, by a model that was the last one so long ago.
pub(super) fn model(city: &str, drives: Option<usize>, age: Duration) {
    let city = city.to_owned();
    gauge!("hansom_processor_model_age_seconds", "city" => city.clone()).set(age.as_secs_f64());
    if let Some(drives) = drives {
        gauge!("hansom_processor_model_drives", "city" => city).set(drives as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_told_in_the_share_that_begins_with_it() {
        for (seconds, expected) in [
            (0, "under_1m"),
            (59, "under_1m"),
            (60, "1m_to_2m"),
            (299, "2m_to_5m"),
            (1_199, "10m_to_20m"),
            (1_200, "over_20m"),
            (u64::MAX, "over_20m"),
        ] {
            assert_eq!(remaining(Duration::from_secs(seconds)), expected);
        }
    }
}
