//! What deploy/grafana shows: its panels and their expressions. It draws nothing.

use std::{fs, path::Path};

use serde_json::Value;

/// What Grafana puts in the place of its variables, as it would for a short while.
const VARIABLES: [(&str, &str); 2] = [("$__rate_interval", "20s"), ("$__range", "5m")];

/// The dashboard as it is written.
pub(crate) fn read() -> Value {
    let path = "deploy/grafana/dashboards/hansom.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The panels that show something, with their names.
pub(crate) fn panels(dashboard: &Value) -> Vec<(&str, &Value)> {
    let all = dashboard["panels"].as_array().unwrap().iter();
    all.filter(|panel| panel["type"] != "row")
        .map(|panel| (panel["title"].as_str().unwrap(), panel))
        .collect()
}

/// The expressions of a panel, for Prometheus.
pub(crate) fn expressions(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().unwrap().iter();
    targets
        .map(|target| {
            let expression = target["expr"].as_str().unwrap().to_owned();
            VARIABLES
                .iter()
                .fold(expression, |text, (variable, value)| {
                    text.replace(variable, value)
                })
        })
        .collect()
}
