//! Senders against a real server in all its moods: order, retries, lost answers, patience.
//! What is sent is a script; the simulated fleet has tests of its own.

use std::{collections::HashSet, num::NonZeroUsize, path::PathBuf, time::Duration};

use schemas::{PingName, RideEvent, RideEventKind, RideId, Timestamp, VehicleId, VehicleState};
use service::Shutdown;

use super::{
    stub::{Mood, StubIngest, Taken},
    *,
};

const VEHICLES: u32 = 5;

/// Vehicles that take turns: `steps` pings in all, and every seventh time a ride event before it.
struct Script {
    steps: u32,
    step: u32,
    start: i64,
    expected: Expectation,
    events: Events,
}

/// Whether a script has ride events.
#[derive(Debug, PartialEq, Eq)]
enum Events {
    EverySeventhStep,
    None,
}

impl Script {
    fn new(steps: u32) -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let start = now.as_millis() as i64 - 3_600_000;
        Self {
            steps,
            step: 0,
            start,
            expected: Expectation::Accepted,
            events: Events::EverySeventhStep,
        }
    }
}

impl Source for Script {
    fn vehicles(&self) -> Vec<String> {
        (0..VEHICLES)
            .map(|vehicle| format!("cab-{vehicle}"))
            .collect()
    }

    fn due(&self) -> Option<Timestamp> {
        (self.step < self.steps).then_some(Timestamp(self.start + i64::from(self.step)))
    }

    fn step(&mut self, outbox: &mut Outbox) -> anyhow::Result<()> {
        let index = VehicleIndex(self.step % VEHICLES);
        let vehicle = format!("cab-{}", index.0);
        let time = Timestamp(self.start + i64::from(self.step));
        if self.events == Events::EverySeventhStep && self.step.is_multiple_of(7) {
            let event = RideEvent {
                fleet: schemas::FleetId::default(),
                ride: RideId::new(&format!("{vehicle}-{}", self.step))?,
                vehicle: VehicleId::new(&vehicle)?,
                driver: None,
                time,
                received_at: time,
                kind: RideEventKind::Arrived,
            };
            outbox.event(index, &event)?;
        }
        let reading = Reading {
            fleet: None,
            vehicle: &vehicle,
            driver: None,
            ride: None,
            name: PingName {
                epoch: 1,
                seq: u64::from(self.step),
            },
            time,
            lat_e7: 377_000_000,
            lng_e7: -1_224_000_000,
            speed_cm_s: None,
            heading_cdeg: None,
            accuracy_dm: None,
            altitude_dm: None,
            state: VehicleState::Available,
        };
        outbox.ping(index, self.expected, &reading);
        self.step += 1;
        Ok(())
    }

    fn take_leave(&mut self, _: &mut Outbox) -> anyhow::Result<()> {
        Ok(())
    }
}

fn settings(server: &StubIngest) -> Settings {
    Settings {
        to: server.url.clone(),
        key: None,
        fleet: None,
        connections: NonZeroUsize::new(1).unwrap(),
        batch: NonZeroUsize::new(20).unwrap(),
        format: Format::Ndjson,
        patience: Duration::from_mins(1),
        acked: None,
    }
}

async fn send(
    script: Script,
    settings: &Settings,
    lossy_by: Option<u64>,
) -> anyhow::Result<Report> {
    send_until(script, settings, lossy_by, Shutdown::new()).await
}

async fn send_until(
    script: Script,
    settings: &Settings,
    lossy_by: Option<u64>,
    shutdown: Shutdown,
) -> anyhow::Result<Report> {
    let delivery = Delivery {
        pace: Pace::AsFastAsPossible,
        deadline: None,
        lossy_by,
        progress: Progress::start(None, Visibility::Hidden),
    };
    send_all(vec![script], settings, delivery, shutdown).await
}

/// What the server took of each vehicle, each thing at its first time.
fn first_times(server: &StubIngest) -> Vec<Vec<(Timestamp, &'static str)>> {
    let mut vehicles = vec![Vec::new(); VEHICLES as usize];
    let mut seen = HashSet::new();
    for taken in server.taken() {
        let (vehicle, thing) = match taken {
            Taken::Ping(ping) => (ping.vehicle, (ping.time, "ping")),
            Taken::Event(event) => (event.vehicle, (event.time, "event")),
        };
        let vehicle: usize = vehicle.as_str()[4..].parse().unwrap();
        if seen.insert((vehicle, thing)) {
            vehicles[vehicle].push(thing);
        }
    }
    vehicles
}

/// What the script made for each vehicle, in its order.
fn made(script: &Script) -> Vec<Vec<(Timestamp, &'static str)>> {
    let mut vehicles = vec![Vec::new(); VEHICLES as usize];
    for step in 0..script.steps {
        let time = Timestamp(script.start + i64::from(step));
        let vehicle = &mut vehicles[(step % VEHICLES) as usize];
        if step.is_multiple_of(7) {
            vehicle.push((time, "event"));
        }
        vehicle.push((time, "ping"));
    }
    vehicles
}

#[tokio::test]
async fn a_vehicle_never_overtakes_itself_whatever_the_server_does() {
    let moods = [
        Mood::Works,
        Mood::IsBusy,
        Mood::LosesTheAnswer,
        Mood::Works,
        Mood::IsFlooded,
        Mood::Works,
        Mood::IsHasty,
    ];
    let server = StubIngest::start(&moods).await;
    let script = Script::new(300);
    let made = made(&script);
    let report = send(script, &settings(&server), None).await.unwrap();
    assert!(report.is_as_expected(), "{report}");
    assert_eq!((report.accepted(), report.events_accepted()), (300, 43));
    assert!(report.resent() > 10, "{report}");
    assert_eq!(first_times(&server), made);
}

#[tokio::test]
async fn what_lost_its_answer_is_sent_again_and_acked_once() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let directory = tempfile::tempdir().unwrap();
    let acked: PathBuf = directory.path().join("acked");
    let settings = Settings {
        acked: Some(acked.clone()),
        ..settings(&server)
    };
    let report = send(Script::new(3_000), &settings, Some(1)).await.unwrap();
    assert!(report.is_as_expected(), "{report}");
    assert!(report.resent() > 0, "{report}");
    assert!(server.pings().len() > 3_000, "nothing came twice");
    let lines = std::fs::read_to_string(acked).unwrap();
    let names: HashSet<_> = lines.lines().collect();
    assert_eq!((lines.lines().count(), names.len()), (3_000, 3_000));
    assert!(names.contains("cab-2 1 7"));
}

#[tokio::test]
async fn what_came_too_frequently_is_sent_again_and_the_rest_is_not() {
    let server = StubIngest::start(&[Mood::IsHasty]).await;
    let script = Script::new(6);
    let made = made(&script);
    let report = send(script, &settings(&server), None).await.unwrap();
    assert!(report.is_as_expected(), "{report}");
    assert_eq!(first_times(&server), made);
    assert_eq!(server.pings().len(), 6, "something was sent twice");
}

#[tokio::test]
async fn a_batch_over_the_fleets_rate_gets_through() {
    /// Reads the settings as the command line does.
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: ingest::Settings,
    }
    // A burst is a thousand pings; of the batch 300 are too many, and 200 of them are not listed.
    let line: Line = clap::Parser::parse_from(["ingest", "--fleet-rate", "100"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}", listener.local_addr().unwrap());
    let stream = transport::open("memory:").await.unwrap();
    let (ready, drain) = (
        service::Readiness::new().condition("ingest"),
        Shutdown::new(),
    );
    let ports = ingest::Ports {
        listener: listener.into(),
        live: stream.producer(),
        backfill: stream.producer(),
        mqtt: None,
        guard: access::Guard::open().into(),
        ready,
    };
    let serving = ingest::run(line.settings, ports, drain.clone());
    let serving = tokio::spawn(serving);
    let directory = tempfile::tempdir().unwrap();
    let acked = directory.path().join("acked");
    let settings = Settings {
        to: to.parse().unwrap(),
        batch: NonZeroUsize::new(10_000).unwrap(),
        acked: Some(acked.clone()),
        ..settings(&StubIngest::start(&[Mood::Works]).await)
    };
    let script = Script {
        events: Events::None,
        ..Script::new(1_300)
    };
    let report = send(script, &settings, None).await.unwrap();
    assert!(report.is_as_expected(), "{report}");
    assert_eq!(report.accepted(), 1_300);
    let lines = std::fs::read_to_string(acked).unwrap();
    let names: HashSet<_> = lines.lines().collect();
    assert_eq!((lines.lines().count(), names.len()), (1_300, 1_300));
    drain.request();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_when_the_run_is_stopped_is_neither_given_up_nor_a_surprise() {
    let server = StubIngest::start(&[Mood::IsBusy]).await;
    let shutdown = Shutdown::new();
    let settings = settings(&server);
    let sending = send_until(Script::new(100), &settings, None, shutdown.clone());
    let stop = async {
        while server.requests() == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.request();
    };
    let (report, ()) = tokio::join!(sending, stop);
    let report = report.unwrap();
    assert!(report.is_as_expected(), "{report}");
    assert_eq!(report.accepted(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_expected_spoils_the_report() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let mut script = Script::new(10);
    script.expected = Expectation::Rejected(schemas::Rejection::TooOld);
    let report = send(script, &settings(&server), None).await.unwrap();
    assert!(!report.is_as_expected());
    assert!(
        report
            .to_string()
            .contains("expected too_old, got accepted"),
        "{report}"
    );
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_run() {
    let server = StubIngest::start(&[Mood::Refuses]).await;
    let error = send(Script::new(10), &settings(&server), None)
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("415"), "{error:#}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn patience_ends() {
    let server = StubIngest::start(&[Mood::IsBusy]).await;
    let settings = Settings {
        patience: Duration::from_millis(1),
        ..settings(&server)
    };
    let report = send(Script::new(100), &settings, None).await.unwrap();
    assert!(!report.is_as_expected());
    assert_eq!(report.accepted(), 0);
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn every_format_says_the_same() {
    let mut taken = Vec::new();
    for format in [Format::Ndjson, Format::Json, Format::Protobuf] {
        let server = StubIngest::start(&[Mood::Works]).await;
        let settings = Settings {
            format,
            ..settings(&server)
        };
        let script = Script {
            start: Script::new(0).start / 60_000 * 60_000,
            ..Script::new(100)
        };
        let report = send(script, &settings, None).await.unwrap();
        assert!(report.is_as_expected(), "{format:?}: {report}");
        let pings = server.pings().into_iter();
        let plain = pings.map(|ping| (ping.vehicle, ping.name, ping.position, ping.state));
        taken.push(plain.collect::<Vec<_>>());
    }
    assert_eq!(taken[0].len(), 100);
    assert_eq!(taken[0], taken[1]);
    assert_eq!(taken[0], taken[2]);
}
