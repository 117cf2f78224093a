//! What ends or is away while vehicles publish: ingest, the broker, the stream. Nothing of what a broker
//! has acknowledged is lost, and nothing is archived twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use access::Guard;
use clap::Parser as _;
use faults::servers::Mosquitto;
use service::{Readiness, Shutdown};
use tempfile::TempDir;
use transport::{AppendError, Appended, Batch, Producer};

use super::{
    ACCEPTED, CONNECTED, PUT_OFF, count, message, messages, names, ping, start, url,
    wait_for_connections, wait_until,
};
use crate::support::{
    archive,
    program::{Program, wait},
    publisher::{Message, Publisher, Version},
    wait_for,
};

/// Waits until all that was published before has come: what is published last comes last.
fn wait_for_the_last(program: &Program, app: &Publisher) {
    let last = Message::new("hansom/pings/last", ping("last", 1).to_string());
    app.publish(vec![last]);
    wait_for("the last one", || program.live("/v1/vehicles/last"));
}

/// The names of these pings of `cab-1`, and of the last one.
fn names_and_the_last(seqs: impl Iterator<Item = u64>) -> Vec<String> {
    let mut names = names(seqs);
    names.push("last 1 1".to_owned());
    names
}

#[test]
fn what_ingest_had_received_when_it_was_killed_comes_again() {
    let test = "what_ingest_had_received_when_it_was_killed_comes_again";
    for version in Version::ALL {
        let Some(broker) = Mosquitto::start(test) else {
            return;
        };
        let data = TempDir::new().unwrap();
        let (url, app) = (
            url(&broker, version),
            Publisher::new(broker.address(), version),
        );
        // A fleet's share of one a second has room for ten: the others are received, and wait.
        let program = start(data.path(), &url, &["--fleet-rate", "1"]);
        app.publish(messages(1..=15));
        wait_until(&program, PUT_OFF, 1);
        let taken = count(&program, ACCEPTED);
        assert!((10..15).contains(&taken), "{taken}");
        program.kill();
        let program = start(data.path(), &url, &[]);
        wait_for_the_last(&program, &app);
        program.stop();
        let expected = names_and_the_last(1..=15);
        assert_eq!(archive::ping_names(data.path()), expected, "{version:?}");
    }
}

#[test]
fn kills_and_stops_lose_nothing_and_double_nothing() {
    /// So many messages are published while a round lasts, some at a time.
    const ROUND: u64 = 200;
    let test = "kills_and_stops_lose_nothing_and_double_nothing";
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    let data = TempDir::new().unwrap();
    let url = url(&broker, Version::V3);
    let app = Publisher::new(broker.address(), Version::V3);
    let mut program = start(data.path(), &url, &[]);
    for (round, end) in (0..).zip([Program::kill, Program::stop, Program::kill, Program::stop]) {
        let publishing = thread::spawn({
            let app = app.clone();
            move || {
                let seqs: Vec<_> = (round * ROUND + 1..=(round + 1) * ROUND).collect();
                for some in seqs.chunks(20) {
                    app.publish(messages(some.iter().copied()));
                }
            }
        });
        wait_until(&program, ACCEPTED, 20);
        end(program);
        program = start(data.path(), &url, &[]);
        publishing.join().unwrap();
    }
    wait_for_the_last(&program, &app);
    program.stop();
    let expected = names_and_the_last(1..=4 * ROUND);
    assert_eq!(archive::ping_names(data.path()), expected);
}

#[test]
fn what_is_published_while_ingest_is_away_waits_for_it() {
    let test = "what_is_published_while_ingest_is_away_waits_for_it";
    for version in Version::ALL {
        let Some(broker) = Mosquitto::start(test) else {
            return;
        };
        let data = TempDir::new().unwrap();
        let url = url(&broker, version);
        start(data.path(), &url, &[]).stop();
        Publisher::new(broker.address(), version).publish(messages(1..=100));
        let program = start(data.path(), &url, &[]);
        wait_until(&program, ACCEPTED, 100);
        program.stop();
        assert_eq!(
            archive::ping_names(data.path()),
            names(1..=100),
            "{version:?}"
        );
    }
}

#[test]
fn a_broker_that_comes_back_is_found_though_it_has_forgotten_us() {
    let test = "a_broker_that_comes_back_is_found_though_it_has_forgotten_us";
    for version in Version::ALL {
        let Some(mut broker) = Mosquitto::start(test) else {
            return;
        };
        let data = TempDir::new().unwrap();
        let app = Publisher::new(broker.address(), version);
        // It is away when ingest starts, too.
        broker.stop();
        let flags = ["--mqtt", &url(&broker, version)];
        let program = Program::start(data.path(), &flags);
        assert_eq!(count(&program, CONNECTED), 0);
        for (seq, end) in (1..).zip([Mosquitto::stop, Mosquitto::kill]) {
            broker.start_again();
            wait_for_connections(&program, 1);
            app.publish(vec![message(seq)]);
            wait_until(&program, ACCEPTED, seq);
            end(&mut broker);
            wait_for_connections(&program, 0);
        }
        broker.start_again();
        wait_for_connections(&program, 1);
        app.publish(vec![message(3)]);
        wait_until(&program, ACCEPTED, 3);
        program.stop();
        assert_eq!(
            archive::ping_names(data.path()),
            names(1..=3),
            "{version:?}"
        );
    }
}

/// What does not come in this time never will.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stream that is away for so many appends.
struct Refusing {
    refusals: usize,
    asked: AtomicUsize,
    taken: AtomicUsize,
}

#[async_trait::async_trait]
impl Producer for Refusing {
    async fn append(&self, batch: Batch) -> Appended {
        if self.asked.fetch_add(1, Ordering::Relaxed) < self.refusals {
            let away = |record| (record, AppendError::Unavailable("away".to_owned()));
            let failed = (0..batch.len()).map(away).collect();
            return Appended { failed };
        }
        self.taken.fetch_add(batch.len(), Ordering::Relaxed);
        Appended::default()
    }
}

/// Runs ingest on this stream until `holds`, and stops it in order.
async fn run(broker: &Mosquitto, stream: &Arc<Refusing>, holds: fn(&Refusing) -> bool) {
    /// Reads the settings as the command line does.
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: ingest::Settings,
        #[command(flatten)]
        mqtt: ingest::MqttSettings,
    }
    let url = url(broker, Version::V5);
    let line = Line::parse_from(["ingest", "--mqtt", &url]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ports = ingest::Ports {
        listener: listener.into(),
        live: stream.clone(),
        backfill: stream.clone(),
        mqtt: line.mqtt.open().unwrap(),
        guard: Guard::open().into(),
        ready: Readiness::new().condition("ingest"),
    };
    let drain = Shutdown::new();
    let running = tokio::spawn(ingest::run(line.settings, ports, drain.clone()));
    let begun = Instant::now();
    while !holds(stream) {
        let asked = stream.asked.load(Ordering::Relaxed);
        assert!(begun.elapsed() < PATIENCE, "{asked}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drain.request();
    running.await.unwrap().unwrap();
}

fn refusing(refusals: usize) -> Arc<Refusing> {
    Arc::new(Refusing {
        refusals,
        asked: AtomicUsize::new(0),
        taken: AtomicUsize::new(0),
    })
}

#[test]
fn what_the_stream_refuses_is_tried_again_and_not_acknowledged_meanwhile() {
    let test = "what_the_stream_refuses_is_tried_again_and_not_acknowledged_meanwhile";
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    // Whoever subscribes is told what is retained, but by MQTT 5 not again.
    let retained = Message {
        is_retained: true,
        ..message(1)
    };
    Publisher::new(broker.address(), Version::V5).publish(vec![retained]);
    let away = refusing(usize::MAX);
    let is_refused = |stream: &Refusing| stream.asked.load(Ordering::Relaxed) >= 3;
    wait(run(&broker, &away, is_refused));
    let back = refusing(2);
    let is_taken = |stream: &Refusing| stream.taken.load(Ordering::Relaxed) >= 1;
    wait(run(&broker, &back, is_taken));
    assert_eq!(back.asked.load(Ordering::Relaxed), 3);
    assert_eq!(back.taken.load(Ordering::Relaxed), 1);
}
