//! The services of docker-compose.yml as processes, told what it tells them, on servers of tests in
//! the place of its emulators; and what its Prometheus and its dashboard make of them.

use std::{
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use faults::{Plan, servers::Redis};
use serde_json::{Value, json};

use crate::{
    monitoring,
    support::{
        cloud::Cloud,
        composition::{Composition, Places, Service},
        dashboard,
        process::Process,
        program::{command, get, post},
        prometheus::{Prometheus, Running},
        tools::{Tools, has_prometheus, passes},
        wait_for,
    },
};

/// What a laptop shows after a minute is to be seen at once, and by fewer cabs.
const SMALLER: [(&str, &str); 3] = [("1m", "2s"), ("200", "20"), ("10m", "20m")];

/// A service under way on ports that are free.
fn start(service: Service, ports: &[&str], places: &Places) -> Process {
    let mut command = smaller(&service.command(places));
    command.args(["--admin", "127.0.0.1:0"]);
    for port in ports {
        command.args([port, "127.0.0.1:0"]);
    }
    Process::start(&mut command)
}

/// The same command on a smaller scale.
fn smaller(command: &Command) -> Command {
    let mut smaller = Command::new(command.get_program());
    for word in command.get_args() {
        let other = SMALLER.iter().find(|(large, _)| word == *large);
        smaller.arg(other.map_or(word, |(_, small)| small.as_ref()));
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => smaller.env(name, value),
            None => smaller.env_remove(name),
        };
    }
    smaller
}

/// Asks a service as its container would be asked.
fn is_well(service: Service, process: &Process) -> bool {
    let words = service.health();
    let page = format!("http://{}/ready", process.address("admin"));
    assert_eq!(
        words[1..],
        ["hansom", "check", "http://127.0.0.1:8082/ready"]
    );
    let mut check = command(&["check", &page]);
    check.status().unwrap().success()
}

#[test]
fn the_composition_takes_pings_shows_rides_archives_rows_and_tells_prometheus() {
    let test = "the_composition_takes_pings_shows_rides_archives_rows_and_tells_prometheus";
    let Some(tools) = Tools::find(test) else {
        return;
    };
    let Some(cloud) = Cloud::start(test, 1, Plan::CALM) else {
        return;
    };
    let Some(redis) = Redis::start(test) else {
        return;
    };
    if !has_prometheus(test) {
        return;
    }
    let composition = Composition::read(&tools);
    let places = [
        ("kinesis:4568", cloud.kinesis()),
        ("aws:4566", cloud.dynamodb()),
        ("redis:6379", redis.address()),
    ];
    // Also after it was done before.
    for _ in 0..2 {
        let mut init = composition.service("aws-init").command(&places);
        passes(init.env("PATH", tools.search_path()));
    }

    let [ingest, processor, archiver] =
        ["ingest", "processor", "archiver"].map(|name| composition.service(name));
    let taking = start(ingest, &["--listen"], &places);
    let following = start(processor, &["--live"], &places);
    let keeping = start(archiver, &[], &places);
    let all = [
        (ingest, &taking),
        (processor, &following),
        (archiver, &keeping),
    ];
    for (service, process) in all {
        wait_for("a service that is well", || {
            is_well(service, process).then_some(())
        });
    }
    let at = |name: &str, process: &Process| process.address(name);
    let upload = format!("http://{}/v1/pings", at("ingest", &taking));
    let fleet_places = [("ingest:8080", at("ingest", &taking))];
    let mut fleet = smaller(&composition.service("fleet").command(&fleet_places));
    let fleet = Running(fleet.stderr(Stdio::null()).spawn().unwrap());

    let prometheus = Prometheus::start(&[
        ("ingest:8082", at("admin", &taking)),
        ("processor:8082", at("admin", &following)),
        ("archiver:8082", at("admin", &keeping)),
    ]);
    let live = format!("http://{}/v1/rides?limit=1", at("live", &following));
    wait_for("a ride in the live API", || {
        // What is wrong is counted as well.
        assert!(post(&upload, &wrong()).is_none());
        let page: Value = get(&live)?.parse().unwrap();
        page["rides"]
            .as_array()
            .filter(|rides| !rides.is_empty())
            .map(drop)
    });
    wait_for("three services that answer Prometheus", || {
        (prometheus.number("sum(up)") == Some(3.0)).then_some(())
    });
    wait_for("rows in the archive", || {
        let rows = prometheus.number("sum(hansom_archiver_rows_total{table='pings'})");
        rows.filter(|rows| *rows > 0.0)
    });
    check_dashboard(&prometheus);
    check_alerts(&prometheus);

    drop(fleet);
    for process in [taking, following, keeping] {
        process.stop();
    }
}

/// A ping from where none comes from.
fn wrong() -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time_ms = (now + Duration::from_secs(1)).as_millis() as u64;
    json!({"vehicle_id": "cab", "time_ms": time_ms, "lat": 137.7, "lng": -122.4})
}

/// Each panel shows something, and each of its expressions can be evaluated.
fn check_dashboard(prometheus: &Prometheus) {
    let dashboard = dashboard::read();
    for (name, panel) in dashboard::panels(&dashboard) {
        wait_for(&format!("something in the panel {name:?}"), || {
            let expressions = dashboard::expressions(panel);
            let shown = expressions
                .iter()
                .map(|expression| prometheus.ask(expression));
            // All are asked, also where one shows something.
            let shown: usize = shown.map(|samples| samples.len()).sum();
            (shown > 0).then_some(())
        });
    }
}

/// Metrics of what the composition does not have: a broker and a spool. Their own tests look for them.
const NOT_COMPOSED: [&str; 2] = ["hansom_ingest_mqtt_", "hansom_transport_spool_"];

/// Each alert can be evaluated, and while all is well none rings, though all that they watch is there:
/// of a counter that begins with its first count nobody sees that it has grown.
fn check_alerts(prometheus: &Prometheus) {
    for name in monitoring::named(&monitoring::read(monitoring::ALERTS)) {
        if NOT_COMPOSED.iter().any(|absent| name.starts_with(absent)) {
            continue;
        }
        wait_for(&format!("{name}, while all is well"), || {
            (!prometheus.ask(name).is_empty()).then_some(())
        });
    }
    let rules = wait_for("alerts that are evaluated", || {
        let rules = prometheus.rules();
        let is_done = rules.iter().all(|rule| rule["health"] != "unknown");
        is_done.then_some(rules)
    });
    assert!(!rules.is_empty());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
        assert_ne!(rule["state"], "firing", "{rule:#}");
    }
}
