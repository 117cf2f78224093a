//! A small history is played: what is scored, what the report says, and what faults change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::{backtest::settings::Learning, history::testing};

const RIDES: usize = testing::CABS * testing::RIDES_OF_A_CAB;

fn played(more: &[&str]) -> Report {
    let directory = tempfile::tempdir().unwrap();
    let flags = testing::write(directory.path());
    run(&testing::parsed(&flags, more), Visibility::Hidden).unwrap()
}

#[test]
fn every_ping_with_a_rider_on_board_is_scored() {
    let score = played(&["--no-learn"]).score;
    assert_eq!(score.all.pings, RIDES * testing::PINGS_OF_A_RIDE);
    assert_eq!((score.all.trips, score.at_pickup.pings), (RIDES, RIDES));
    assert_eq!(score.all.without_eta_pct, Some(0.0));
    // Pings are 30 s apart: of each ride one is within 15 s of five minutes before its end.
    assert_eq!(score.five_minutes_out.pings, RIDES);
    let in_buckets = |buckets: &[figures::Bucket]| -> usize {
        buckets.iter().map(|bucket| bucket.figures.pings).sum()
    };
    assert_eq!(in_buckets(&score.by_remaining), score.all.pings);
    assert_eq!(in_buckets(&score.by_actual_remaining), score.all.pings);
}

#[test]
fn a_ride_is_scored_where_it_begins_since_then_and_ends_until_then() {
    let moment = (testing::START_S + testing::CYCLE_S - 1).to_string();
    let before = played(&["--until", &moment]).score.all.trips;
    let after = played(&["--since", &moment]).score.all.trips;
    assert_eq!((before, after), (testing::CABS, RIDES - testing::CABS));
}

#[test]
fn faults_change_what_is_shown_but_not_how_rides_end() {
    let report = played(&["--no-learn", "--faults"]);
    let faulty = report.faulty.unwrap();
    assert!(faulty.same_ride_states);
    // Some are lost, and those that came twice count twice.
    assert_ne!(faulty.score.all.pings, report.score.all.pings);
    assert_ne!(faulty.score.all.mae_s, report.score.all.mae_s);
    assert_ne!(faulty.same_moments_mae_s, report.score.all.mae_s);
    let again = played(&["--no-learn", "--faults"]).faulty.unwrap();
    assert_eq!(again, faulty);
    let otherwise = played(&["--no-learn", "--faults", "--seed", "2"]).faulty;
    assert_ne!(otherwise.unwrap().score, faulty.score);
}

#[test]
fn it_learns_unless_it_is_given_a_model_or_told_not_to() {
    let check = |more: &[&str], expected| {
        let settings: Settings = testing::parsed(&[], more);
        assert_eq!(settings.learning(), expected, "{more:?}");
    };
    check(&[], Learning::Goes);
    check(&["--no-learn"], Learning::Rests);
    check(&["--model", "a.model"], Learning::Rests);
    check(&["--model", "a.model", "--learn"], Learning::Goes);
}

#[test]
fn the_names_in_the_json_are_those_that_others_read() {
    let directory = tempfile::tempdir().unwrap();
    let (json, plots) = (
        directory.path().join("b.json"),
        directory.path().join("plots"),
    );
    played(&[
        "--faults",
        "--json",
        json.to_str().unwrap(),
        "--plots",
        plots.to_str().unwrap(),
    ]);
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let figures = "pings trips without_eta_pct mae_s mape_pct median_s p90_s bias_s coverage_50 \
                   coverage_80 coverage_90 width_50_s width_80_s width_90_s";
    let score = "stability_s at_pickup five_minutes_out by_remaining by_actual_remaining \
                 calibration";
    let check = |value: &Value, parts: &[&str]| {
        let expected: BTreeSet<String> = parts
            .iter()
            .flat_map(|part| part.split_whitespace())
            .map(str::to_owned)
            .collect();
        assert_eq!(names(value), expected);
    };
    check(&report, &[figures, score, "faulty seconds us_per_ping"]);
    check(
        &report["faulty"],
        &[
            figures,
            score,
            "mae_cost_pct same_moments_mae_s same_moments_cost_pct same_ride_states",
        ],
    );
    check(&report["at_pickup"], &[figures]);
    check(&report["by_remaining"][0], &[figures, "from_s to_s"]);
    check(&report["calibration"][0], &["share actual"]);
    assert_eq!(report["calibration"].as_array().unwrap().len(), 7);
    for picture in ["calibration.svg", "error.svg"] {
        let text = fs::read_to_string(plots.join(picture)).unwrap();
        assert!(
            text.starts_with("<svg") && text.contains("circle"),
            "{picture}"
        );
    }
}

#[test]
fn the_table_says_what_the_json_says() {
    let report = played(&["--no-learn", "--faults"]);
    let table = report.to_string();
    for words in [
        "at the pickup",
        "5 min before",
        "1200- s",
        "with faults",
        "us a ping",
    ] {
        assert!(table.contains(words), "{words} is not in\n{table}");
    }
}
