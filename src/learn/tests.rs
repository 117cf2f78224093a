//! A small history is learned, once and again, and what is asked for wrongly is refused.

use super::*;
use crate::history::testing;

const RIDES: usize = testing::CABS * testing::RIDES_OF_A_CAB;

fn learned(more: &[&str]) -> anyhow::Result<Summary> {
    let directory = tempfile::tempdir().unwrap();
    let flags = testing::write(directory.path());
    let out = directory.path().join("a.model");
    let more = [&["--out", out.to_str().unwrap()], more].concat();
    run(&testing::parsed(&flags, &more), Visibility::Hidden)
}

#[test]
fn every_ride_that_ended_teaches_once() {
    let summary = learned(&[]).unwrap();
    assert_eq!((summary.taken.rides, summary.drives), (RIDES as u64, RIDES));
    assert_eq!(summary.taken.lessons, RIDES as u64);
    assert_eq!(summary.taken.elsewhere, 0);
}

#[test]
fn who_learns_the_same_again_knows_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let flags = testing::write(directory.path());
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("first.model"), path("second.model"));
    let learn = |more: &[&str]| run(&testing::parsed(&flags, more), Visibility::Hidden).unwrap();
    learn(&["--out", &first, "--fold", "0/2"]);
    let part = load(first.as_ref()).unwrap().memory().len();
    learn(&["--out", &second, "--from", &first]);
    let all = load(second.as_ref()).unwrap();
    assert!(part < RIDES);
    assert_eq!(all.memory().len(), RIDES);
    learn(&["--out", &first]);
    assert_eq!(load(first.as_ref()).unwrap().memory(), all.memory());
}

#[test]
fn drives_of_elsewhere_are_not_learned() {
    let far = "paris=48.86,2.35,40,Europe/Paris";
    let error = learned(&["--city", far]).unwrap_err();
    assert!(
        format!("{error:#}").contains("nothing can be learned"),
        "{error:#}"
    );
    let summary = learned(&["--city", "sf=37.77,-122.42,80,America/Los_Angeles"]).unwrap();
    assert_eq!((summary.drives, summary.taken.elsewhere), (RIDES, 0));
}

#[test]
fn a_file_that_is_no_model_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("no.model");
    std::fs::write(&path, "hello").unwrap();
    let error = learned(&["--from", path.to_str().unwrap()]).unwrap_err();
    assert!(format!("{error:#}").contains("no.model"), "{error:#}");
}
