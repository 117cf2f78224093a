//! A history of its own files: what is read of it, in which order, and how it is divided.

use super::{testing, *};

#[derive(Debug, clap::Args)]
struct Flags {
    #[command(flatten)]
    history: Settings,
}

fn read(more: &[&str]) -> anyhow::Result<History> {
    let directory = tempfile::tempdir().unwrap();
    let flags = testing::write(directory.path());
    let Flags { history } = testing::parsed(&flags, more);
    History::read(&history, history.until)
}

#[test]
fn a_part_and_all_but_it_are_the_whole() {
    let counts = |more: &[&str]| {
        let history = read(more).unwrap();
        (history.pings.len(), history.rides.len())
    };
    let all = counts(&[]);
    assert_eq!(all.1, testing::CABS * testing::RIDES_OF_A_CAB);
    let (part, rest) = (counts(&["--fold", "0/2"]), counts(&["--not-fold", "0/2"]));
    assert_eq!((part.0 + rest.0, part.1 + rest.1), all);
    assert!(part.1 > 0 && rest.1 > 0);
    assert_eq!(counts(&["--fold", "1/2"]), rest);
}

#[test]
fn a_history_ends_with_the_last_ride_that_ended_until_then() {
    // In the middle of the second ride of the first cab.
    let until = testing::START_S + testing::CYCLE_S + 300;
    let history = read(&["--until", &until.to_string()]).unwrap();
    assert_eq!(history.rides.len(), testing::CABS);
    assert_eq!(history.pings.last_time(), Some(Timestamp(until * 1_000)));
}

#[test]
fn at_one_time_a_ride_begins_then_comes_the_ping_then_the_end() {
    let history = read(&[]).unwrap();
    let steps = history.steps(history.on_time(), history.on_time());
    assert!(steps.is_sorted_by_key(|(time, _)| *time));
    let first = history.rides[0];
    let name = |step: &Step| match step {
        Step::Begins(_) => "begins",
        Step::Arrives(_) => "arrives",
        Step::Passes(_) => "passes",
        Step::Ends(_) => "ends",
    };
    let at = |time: Timestamp| -> Vec<&str> {
        let steps = steps.iter().filter(|(at, _)| *at == time);
        steps.map(|(_, step)| name(step)).collect()
    };
    assert_eq!(at(first.picked_up), ["begins", "arrives", "passes"]);
    assert_eq!(at(first.dropped_off), ["arrives", "passes", "ends"]);
}

#[test]
fn a_history_of_nothing_is_refused() {
    let error = read(&["--until", "2008-01-01"]).unwrap_err();
    assert!(
        format!("{error:#}").contains("no pings are left"),
        "{error:#}"
    );
}

#[test]
fn a_ride_without_a_length_is_counted_and_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let flags = testing::write(directory.path());
    let trips = directory.path().join("trips.csv");
    let mut text = std::fs::read_to_string(&trips).unwrap();
    text += "1,1212000000,1212000000,3770000,-12240000,3770000,-12240000\n";
    text += "1,1212000000,1212000600,9770000,-12240000,3770000,-12240000\n";
    std::fs::write(&trips, text).unwrap();
    let Flags { history } = testing::parsed(&flags, &[]);
    let history = History::read(&history, None).unwrap();
    assert_eq!(history.unfit, 2);
    assert_eq!(history.rides.len(), testing::CABS * testing::RIDES_OF_A_CAB);
}
