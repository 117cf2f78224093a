//! The bytes of every wire version, kept for ever: what was written once must always decode.
//! Also the laws of the codec. Compiled for tests only.

use std::time::Duration;

use buffa::Enumeration;
use proptest::prelude::*;

use crate::{
    Accuracy, Altitude, CancelledBy, Coordinate, DriverId, FleetId, Heading, Money, Ping, PingName,
    PlannedRoute, Protocol, Record, RideEvent, RideEventKind, RideId, Speed, Timestamp, Trip,
    TripOutcome, VehicleId, VehicleState, proto, ride_event::Currency,
};

fn at(lat: f64, lng: f64) -> Coordinate {
    Coordinate::from_degrees(lat, lng).unwrap()
}

fn full_ping() -> Ping {
    Ping {
        fleet: FleetId::new("sf").unwrap(),
        vehicle: VehicleId::new("cab-7").unwrap(),
        driver: Some(DriverId::new("d.1").unwrap()),
        ride: Some(RideId::new("r:9").unwrap()),
        name: PingName { epoch: 3, seq: 300 },
        time: Timestamp(1_800_000_000_000),
        position: at(37.774_9, -122.419_4),
        speed: Speed::from_mps(12.34),
        heading: Heading::from_degrees(271.5),
        accuracy: Accuracy::from_meters(4.5),
        altitude: Altitude::from_meters(-3.2),
        state: VehicleState::OnTrip,
        received_at: Timestamp(1_800_000_000_250),
        protocol: Protocol::HttpNdjson,
    }
}

fn bare_ping() -> Ping {
    Ping {
        fleet: FleetId::default(),
        driver: None,
        ride: None,
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        state: VehicleState::Unspecified,
        ..full_ping()
    }
}

fn event(kind: RideEventKind) -> Record {
    Record::RideEvent(Box::new(RideEvent {
        fleet: FleetId::new("sf").unwrap(),
        ride: RideId::new("r:9").unwrap(),
        vehicle: VehicleId::new("cab-7").unwrap(),
        driver: None,
        time: Timestamp(1_800_000_000_000),
        received_at: Timestamp(1_800_000_000_250),
        kind,
    }))
}

fn fare() -> Money {
    Money {
        minor_units: 1_850,
        currency: Currency::new("USD").unwrap(),
    }
}

fn trip() -> Record {
    Record::Trip(Box::new(Trip {
        fleet: FleetId::new("sf").unwrap(),
        ride: RideId::new("r:9").unwrap(),
        vehicle: VehicleId::new("cab-7").unwrap(),
        driver: DriverId::new("d.1").ok(),
        version: 2,
        outcome: TripOutcome::Completed,
        cancelled_by: CancelledBy::Unspecified,
        assigned: Some(Timestamp(1_799_999_000_000)),
        arrived: Some(Timestamp(1_799_999_300_000)),
        picked_up: Some(Timestamp(1_799_999_400_000)),
        ended: Timestamp(1_800_000_000_000),
        pickup: Some(at(37.78, -122.41)),
        dropoff: Some(at(37.76, -122.45)),
        distance_m: 5_120,
        to_pickup_m: 900,
        duration_s: 600,
        waiting_s: 100,
        route: "_p~iF~ps|U_ulLnnqC".to_owned(),
        fare: Some(fare()),
        pings: 120,
        largest_gap_s: 31,
    }))
}

/// Every record of wire version 1, with its bytes in hex.
fn version_1() -> Vec<(Record, &'static str)> {
    vec![
        (Record::Ping(full_ping()), FULL_PING),
        (Record::Ping(bare_ping()), BARE_PING),
        (
            event(RideEventKind::Assigned {
                pickup: at(37.78, -122.41),
                dropoff: at(37.76, -122.45),
                route: Some("_p~iF~ps|U_ulLnnqC".into()),
            }),
            ASSIGNED,
        ),
        (event(RideEventKind::Arrived), ARRIVED),
        (event(RideEventKind::PickedUp), PICKED_UP),
        (
            event(RideEventKind::Rerouted {
                dropoff: at(37.75, -122.44),
                route: None,
            }),
            REROUTED,
        ),
        (
            event(RideEventKind::DroppedOff { fare: Some(fare()) }),
            DROPPED_OFF,
        ),
        (
            event(RideEventKind::Cancelled {
                by: CancelledBy::Rider,
            }),
            CANCELLED,
        ),
        (trip(), TRIP),
    ]
}

const FULL_PING: &str = "\
     0a420a02736612056361622d371a03642e312203723a39280330ac023880a0f1c2b1344508fe83164d30\
     4808b750d209588ed401602d683f700578faa1f1c2b134800102";
const BARE_PING: &str = "\
     0a300a0764656661756c7412056361622d37280330ac023880a0f1c2b1344508fe83164d304808b778fa\
     a1f1c2b134800102";
const ASSIGNED: &str = "\
     124c0a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b1343a2c0a0a0d40c5841615\
     60b709b7120a0d00b8811615e09c03b71a125f707e69467e70737c555f756c4c6e6e7143";
const ARRIVED: &str = "12200a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b1344200";
const PICKED_UP: &str = "12200a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b1344a00";
const REROUTED: &str = "\
     122c0a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b134520c0a0a0d6031801615\
     802305b7";
const DROPPED_OFF: &str = "\
     122a0a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b1345a0a0a0808ba0e120355\
     5344";
const CANCELLED: &str = "12220a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b13462020801";
const ASSIGNED_WITH_DURATION: &str = "\
     124f0a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b1343a2f0a0a0d40c5841615\
     60b709b7120a0d00b8811615e09c03b71a125f707e69467e70737c555f756c4c6e6e714320f205";
const REROUTED_WITH_DURATION: &str = "\
     12430a02736612056361622d371a03723a392880a0f1c2b13430faa1f1c2b13452230a0a0d6031801615\
     802305b712125f707e69467e70737c555f756c4c6e6e714318f205";
const TRIP: &str = "\
     1a80010a0273661203723a391a056361622d372203642e312802300140c09bb4c2b13448a0c3c6c2b134\
     50c0d0ccc2b1345880a0f1c2b134620a0d40c584161560b709b76a0a0d00b8811615e09c03b770802878\
     84078001d8048801649201125f707e69467e70737c555f756c4c6e6e71439a010808ba0e1203555344a0\
     0178a8011f";

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}

#[test]
fn version_1_is_written_and_read_as_ever() {
    for (record, golden) in version_1() {
        assert_eq!(hex(&encoded(&record)), golden, "{record:?}");
        assert_eq!(Record::decode(&unhex(golden)), Ok(record));
    }
}

/// What was added since, with its bytes in hex.
fn since_version_1() -> Vec<(Record, &'static str)> {
    let route = || PlannedRoute {
        way: "_p~iF~ps|U_ulLnnqC".into(),
        duration: Some(Duration::from_secs(754)),
    };
    vec![
        (
            event(RideEventKind::Assigned {
                pickup: at(37.78, -122.41),
                dropoff: at(37.76, -122.45),
                route: Some(route()),
            }),
            ASSIGNED_WITH_DURATION,
        ),
        (
            event(RideEventKind::Rerouted {
                dropoff: at(37.75, -122.44),
                route: Some(route()),
            }),
            REROUTED_WITH_DURATION,
        ),
    ]
}

#[test]
fn what_was_added_since_is_written_and_read_as_ever() {
    for (record, golden) in since_version_1() {
        assert_eq!(hex(&encoded(&record)), golden, "{record:?}");
        assert_eq!(Record::decode(&unhex(golden)), Ok(record));
    }
}

#[test]
fn fields_of_later_versions_are_skipped() {
    let mut bytes = encoded(&Record::Ping(full_ping()));
    // Field 1000 of the record, a string that this version does not know.
    bytes.extend_from_slice(&[0xc2, 0x3e, 2, b'h', b'i']);
    assert_eq!(Record::decode(&bytes), Ok(Record::Ping(full_ping())));
}

#[test]
fn what_breaks_a_promise_is_no_record() {
    let text = hex(&encoded(&Record::Ping(bare_ping())));
    let with_space = unhex(&text.replace(&hex(b"cab-7"), &hex(b"cab 7")));
    for bytes in [
        vec![],
        vec![0xff; 9],
        vec![0x0a, 0],
        vec![0x0a, 40],
        with_space,
    ] {
        assert!(Record::decode(&bytes).is_err(), "{bytes:?}");
    }
}

/// Compares the names of an enum's values, in their order, with those of its Protobuf numbers.
fn check_numbers<Wire: Enumeration>(prefix: &str, names: &[&str]) {
    let wire: Vec<_> = (0..)
        .map_while(|number| Wire::from_i32(number))
        .map(|wire| wire.proto_name().to_owned())
        .collect();
    let ours: Vec<_> = names
        .iter()
        .map(|name| format!("{prefix}_{}", name.to_uppercase()))
        .collect();
    assert_eq!(wire, ours);
}

#[test]
fn every_value_has_the_number_of_its_name() {
    check_numbers::<proto::VehicleState>(
        "VEHICLE_STATE",
        &VehicleState::ALL.map(VehicleState::as_str),
    );
    check_numbers::<proto::Protocol>("PROTOCOL", &Protocol::ALL.map(Protocol::as_str));
    check_numbers::<proto::CancelledBy>("CANCELLED_BY", &CancelledBy::ALL.map(CancelledBy::as_str));
}

proptest! {
    #[test]
    fn pings_come_back_as_they_went(
        lat in -900_000_000_i32..900_000_000,
        lng in 1_i32..1_800_000_000,
        counter in (0..=i64::MAX as u64, 0..=i64::MAX as u64),
        times: (i64, i64),
        optional in proptest::option::of((0_u32..=15_000, 0_u32..36_000, 0_u32..=1_000_000, -10_000_i32..=200_000)),
        id in "[A-Za-z0-9._:-]{1,64}",
    ) {
        let ping = Ping {
            vehicle: VehicleId::new(&id).unwrap(),
            name: PingName::of_counter(counter.0, counter.1).unwrap(),
            position: Coordinate::from_e7(lat, lng).unwrap(),
            time: Timestamp(times.0),
            received_at: Timestamp(times.1),
            speed: optional.and_then(|(speed, ..)| Speed::from_cm_s(speed)),
            heading: optional.and_then(|(_, heading, ..)| Heading::from_cdeg(heading)),
            accuracy: optional.and_then(|(_, _, accuracy, _)| Accuracy::from_dm(accuracy)),
            altitude: optional.and_then(|(.., altitude)| Altitude::from_dm(altitude)),
            ..full_ping()
        };
        let record = Record::Ping(ping);
        prop_assert_eq!(Record::decode(&encoded(&record)), Ok(record));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Record::decode(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..60, to: u8, cut in 0_usize..60) {
        for (record, _) in version_1() {
            let mut bytes = encoded(&record);
            let len = bytes.len();
            bytes[at % len] = to;
            let _ = Record::decode(&bytes);
            let _ = Record::decode(&bytes[..cut.min(len)]);
        }
    }
}
