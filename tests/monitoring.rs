//! deploy/prometheus and deploy/grafana, as far as that is told without a service that runs: their
//! settings are right, each alert rings when it must, and what they ask for is what the code counts.
//! That a running system answers them is seen in `compose`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    architecture::sources,
    support::{
        composition::Composition,
        dashboard,
        tools::{Tools, at_root, has_prometheus, passes},
    },
};

const PROMETHEUS: &str = "deploy/prometheus/prometheus.yml";
pub(crate) const ALERTS: &str = "deploy/prometheus/alerts.yml";
/// Grafana's grid.
const COLUMNS: u64 = 24;

/// A file of the project.
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn prometheus_takes_its_settings_and_each_alert_rings_when_it_must() {
    if !has_prometheus("prometheus_takes_its_settings_and_each_alert_rings_when_it_must") {
        return;
    }
    passes(at_root("promtool").args(["check", "config", "--lint-fatal", PROMETHEUS]));
    passes(at_root("promtool").args(["check", "rules", "--lint-fatal", ALERTS]));
    let tests = "deploy/prometheus/alerts.test.yml";
    passes(at_root("promtool").args(["test", "rules", tests]));
    let tests = read(tests);
    for alert in read(ALERTS)
        .lines()
        .filter_map(|line| line.split_once("alert: "))
    {
        assert!(tests.contains(alert.1), "no test rings {}", alert.1);
    }
}

/// All names of metrics of ours in a text.
pub(crate) fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split(|letter| !is_part(letter))
        .filter(|word| word.starts_with("hansom_"))
        .collect()
}

#[test]
fn what_dashboard_and_alerts_ask_for_is_counted() {
    let counted: String = sources()
        .into_iter()
        .filter(|(path, _)| path.ends_with("metrics.rs"))
        .map(|(_, text)| text)
        .collect();
    let dashboard = dashboard::read();
    let shown: Vec<_> = dashboard::panels(&dashboard)
        .into_iter()
        .flat_map(|(_, panel)| dashboard::expressions(panel))
        .collect();
    let asked = [read(ALERTS), shown.join("\n")].join("\n");
    let asked = named(&asked);
    assert!(asked.len() > 20, "{asked:?}");
    for name in asked {
        // What a histogram is made of.
        let name = name.strip_suffix("_bucket").unwrap_or(name);
        assert!(
            counted.contains(&format!("\"{name}\"")),
            "nobody counts {name}"
        );
    }
}

#[test]
fn panels_lie_side_by_side_and_ask_the_source_that_is_there() {
    let source = read("deploy/grafana/provisioning/datasources/prometheus.yml");
    assert!(source.contains("uid: prometheus\n"));
    let dashboard = dashboard::read();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for (name, panel) in dashboard::panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64()), "{name}: two of one id");
        assert!(panel["description"].is_string(), "{name}: what is it?");
        let targets = panel["targets"].as_array().unwrap().iter();
        for asks in targets.chain([panel]) {
            assert_eq!(asks["datasource"]["uid"], "prometheus", "{name}");
        }
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= COLUMNS, "{name}: too wide");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{name} lies on another");
            }
        }
    }
}

/// Where a container finds a file of ours, by the volumes of its service.
fn mounted(composition: &Composition, service: &str, file: &str) -> Option<PathBuf> {
    let service = composition.service(service);
    service.words("volumes").into_iter().find_map(|volume| {
        let (from, to) = volume.strip_suffix(":ro")?.split_once(':')?;
        let inside = Path::new(file)
            .strip_prefix(from.strip_prefix("./")?)
            .ok()?;
        Some(Path::new(to).join(inside))
    })
}

#[test]
fn containers_find_their_settings_and_read_each_service() {
    let Some(tools) = Tools::find("containers_find_their_settings_and_read_each_service") else {
        return;
    };
    let composition = Composition::read(&tools);
    let inside = mounted(&composition, "prometheus", PROMETHEUS).unwrap();
    let told = format!("--config.file={}", inside.display());
    assert!(
        composition
            .service("prometheus")
            .words("command")
            .contains(&told.as_str())
    );
    for service in ["ingest", "processor", "archiver"] {
        assert!(
            read(PROMETHEUS).contains(&format!("[\"{service}:8082\"]")),
            "{service}"
        );
        assert!(composition.service(service).is_ours());
    }
    let file = "deploy/grafana/dashboards/hansom.json";
    let inside = mounted(&composition, "grafana", file).unwrap();
    let home = &composition.service("grafana").is["environment"];
    let home = &home["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(*home, Value::from(inside.to_str().unwrap()));
    let provider = "deploy/grafana/provisioning/dashboards/hansom.yml";
    let folder = inside.parent().unwrap().display();
    assert!(read(provider).contains(&format!("path: {folder}\n")));
    let inside = mounted(&composition, "grafana", provider).unwrap();
    // Where Grafana looks for it.
    assert!(inside.starts_with("/etc/grafana/provisioning/dashboards"));
}
