//! The fleet as a server sees it: the same again for the same settings, faults at their rates.
//! How one cab drives is tested beside it.

use std::{
    collections::{BTreeMap, HashSet},
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use schemas::{Ping, Rejection, RideEventKind, VehicleState};
use service::Shutdown;

use crate::{
    client::{
        self, Format, Report,
        stub::{Mood, StubIngest, Taken},
    },
    simulate::{Settings, run},
};

fn settings(server: &StubIngest, pings: u64) -> Settings {
    Settings {
        sending: client::Settings {
            to: server.url.clone(),
            key: None,
            fleet: None,
            connections: NonZeroUsize::new(3).unwrap(),
            batch: NonZeroUsize::new(200).unwrap(),
            format: Format::Ndjson,
            patience: Duration::from_mins(1),
            acked: None,
        },
        vehicles: NonZeroU32::new(20).unwrap(),
        rate: 0.0,
        interval: Duration::from_secs(1),
        duration: None,
        pings: Some(pings),
        faults: false,
        head_start: Duration::ZERO,
        seed: 1,
        start: None,
    }
}

async fn simulate(settings: Settings) -> Report {
    run(settings, Shutdown::new()).await.unwrap()
}

/// What came of each vehicle, in order, without what the server added.
fn by_vehicle(server: &StubIngest) -> BTreeMap<String, Vec<Taken>> {
    let mut vehicles: BTreeMap<String, Vec<Taken>> = BTreeMap::new();
    for taken in server.taken() {
        let vehicle = match &taken {
            Taken::Ping(ping) => ping.vehicle,
            Taken::Event(event) => event.vehicle,
        };
        vehicles.entry(vehicle.to_string()).or_default().push(taken);
    }
    vehicles
}

/// Without what a server took twice because its answer was lost.
fn first_times(items: &[Taken]) -> Vec<&Taken> {
    let mut names = HashSet::new();
    let is_new = |taken: &&Taken| {
        names.insert(match taken {
            Taken::Ping(ping) => (ping.name.epoch, ping.name.seq, ""),
            Taken::Event(event) => (event.time.0 as u64, 0, event.kind.as_str()),
        })
    };
    items.iter().filter(is_new).collect()
}

#[tokio::test]
async fn a_fleet_without_faults_sends_every_fix_once_from_within_its_town() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let report = simulate(settings(&server, 20_010)).await;
    assert!(report.is_as_expected(), "{report}");
    let pings = server.pings();
    assert_eq!((pings.len(), report.accepted()), (20_010, 20_010));
    for Ping {
        position, speed, ..
    } in &pings
    {
        assert!((37.70..37.82).contains(&position.lat()), "{position:?}");
        assert!((-122.52..-122.37).contains(&position.lng()), "{position:?}");
        assert!(speed.unwrap().mps() < 30.0);
    }
    let states: HashSet<_> = pings.iter().map(|ping| ping.state).collect();
    for state in [
        VehicleState::Available,
        VehicleState::Reserved,
        VehicleState::OnTrip,
    ] {
        assert!(states.contains(&state), "{state:?}");
    }
}

#[tokio::test]
async fn the_same_settings_send_the_same_to_whatever_server() {
    let calm = StubIngest::start(&[Mood::Works]).await;
    let moody =
        StubIngest::start(&[Mood::Works, Mood::LosesTheAnswer, Mood::IsBusy, Mood::Works]).await;
    let start = Some(start_for_today());
    let first = Settings {
        faults: true,
        start,
        ..settings(&calm, 6_000)
    };
    let mut second = Settings {
        faults: true,
        start,
        ..settings(&moody, 6_000)
    };
    second.sending.batch = NonZeroUsize::new(77).unwrap();
    second.sending.connections = NonZeroUsize::new(5).unwrap();
    assert!(simulate(first).await.is_as_expected());
    assert!(simulate(second).await.is_as_expected());
    let (calm, moody) = (by_vehicle(&calm), by_vehicle(&moody));
    assert_eq!(calm.len(), 20);
    assert_eq!(
        calm.keys().collect::<Vec<_>>(),
        moody.keys().collect::<Vec<_>>()
    );
    for (vehicle, items) in &calm {
        assert_eq!(
            first_times(items),
            first_times(&moody[vehicle]),
            "{vehicle}"
        );
    }
}

#[tokio::test]
async fn faults_come_at_about_their_rates_and_are_answered_as_they_must() {
    let server = StubIngest::start(&[Mood::Works]).await;
    let report = simulate(Settings {
        faults: true,
        ..settings(&server, 40_000)
    })
    .await;
    assert!(report.is_as_expected(), "{report}");
    let invalid: u64 = Rejection::ALL
        .into_iter()
        .map(|reason| report.rejected(reason))
        .sum();
    assert!(
        (120..300).contains(&invalid),
        "{invalid} of 40000 were invalid"
    );
    for reason in [
        Rejection::NullIsland,
        Rejection::InvalidId,
        Rejection::TooOld,
    ] {
        assert!(report.rejected(reason) > 0, "{reason:?}");
    }
    let (mut restarts, mut late, mut jumps) = (0, 0, 0);
    for items in by_vehicle(&server).values() {
        let pings: Vec<_> = first_times(items)
            .into_iter()
            .filter_map(|taken| match taken {
                Taken::Ping(ping) => Some(ping),
                Taken::Event(_) => None,
            })
            .collect();
        for pair in pings.windows(2) {
            restarts += u32::from(pair[1].name.epoch > pair[0].name.epoch);
            late += u32::from(pair[1].time < pair[0].time);
            jumps += u32::from(pair[0].position.distance(pair[1].position).0 > 250.0);
        }
    }
    assert!((5..60).contains(&restarts), "{restarts} restarts");
    assert!((150..900).contains(&late), "{late} late pings");
    assert!((60..400).contains(&jumps), "{jumps} jumps");
}

#[tokio::test]
async fn a_fleet_that_is_stopped_leaves_no_ride_open() {
    for faults in [false, true] {
        let server = StubIngest::start(&[Mood::Works]).await;
        let shutdown = Shutdown::new();
        let settings = Settings {
            faults,
            ..settings(&server, 1_000_000)
        };
        let running = tokio::spawn(run(settings, shutdown.clone()));
        while server.requests() < 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shutdown.request();
        let report = running.await.unwrap().unwrap();
        assert!(report.is_as_expected(), "{report}");
        let mut open = HashSet::new();
        let mut assigned = 0;
        for taken in server.taken() {
            let Taken::Event(event) = taken else { continue };
            match event.kind {
                RideEventKind::Assigned { .. } => {
                    assigned += 1;
                    open.insert(event.ride);
                }
                RideEventKind::DroppedOff { .. } | RideEventKind::Cancelled { .. } => {
                    open.remove(&event.ride);
                }
                RideEventKind::Arrived
                | RideEventKind::PickedUp
                | RideEventKind::Rerouted { .. } => {}
            }
        }
        assert!(assigned > 10, "only {assigned} rides");
        assert!(open.is_empty(), "{open:?}");
    }
}

/// An hour ago, to the second.
fn start_for_today() -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    (now.as_secs() as i64 - 3_600) * 1_000
}
