//! Real rides: a model is learned from some cabs of San Francisco, and tells the arrivals of others.
//! Skipped, loudly, where the data is absent.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{replay::data, support::program::command};

/// The last week of the recording.
const SINCE: &str = "2008-06-03T07:00:00Z";

fn run(name: &str, files: &[&str], more: &[&str]) {
    let output = command(&[name]).args(files).args(more).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {more:?}: {errors}");
}

fn figures(path: &Path, files: &[&str], more: &[&str]) -> Value {
    let json = path.to_str().unwrap();
    let which = ["--fold", "1/12", "--since", SINCE, "--no-learn"];
    run(
        "backtest",
        files,
        &[&which, more, &["--json", json]].concat(),
    );
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn what_some_cabs_teach_tells_the_arrivals_of_others_better_than_the_formula() {
    let test = "what_some_cabs_teach_tells_the_arrivals_of_others_better_than_the_formula";
    let Some(pings) = data("sf_cabs_2008.parquet", test) else {
        return;
    };
    let Some(trips) = data("sf_trips_2008.parquet", test) else {
        return;
    };
    let pings = pings.to_str().unwrap();
    let files = ["--pings", pings, "--trips", trips.to_str().unwrap()];
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("sf.model");
    let model = model.to_str().unwrap();
    run(
        "learn",
        &files,
        &["--fold", "0/12", "--until", SINCE, "--out", model],
    );
    let learned = figures(
        &scratch.path().join("learned.json"),
        &files,
        &["--model", model],
    );
    let formula = figures(&scratch.path().join("formula.json"), &files, &[]);
    let count = |figures: &Value, name: &str| figures[name].as_u64().unwrap();
    for name in ["pings", "trips"] {
        assert_eq!(count(&learned, name), count(&formula, name));
    }
    assert!(count(&learned, "trips") > 1_000);
    let error = |figures: &Value| figures["mae_s"].as_f64().unwrap();
    let (learned, formula) = (error(&learned), error(&formula));
    eprintln!("mean error: {learned} s learned, {formula} s by the formula");
    assert!(learned < formula * 0.95, "{learned} s, formula {formula} s");
}
