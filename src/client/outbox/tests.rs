//! The law of the outbox: whatever goes in comes out once, in the order of its vehicle.
//! Nothing is posted here.

use std::collections::HashMap;

use proptest::prelude::*;
use schemas::{FleetId, RideEventKind, RideId, Timestamp, VehicleId, VehicleState};

use super::*;

const VEHICLES: u32 = 4;

#[derive(Debug, Clone, Copy)]
enum Made {
    Ping,
    Event,
}

fn put(outbox: &mut Outbox, vehicle: u32, number: u64, made: Made) {
    match made {
        Made::Ping => {
            let reading = Reading {
                fleet: None,
                vehicle: "v",
                driver: None,
                ride: None,
                name: PingName {
                    epoch: 0,
                    seq: number,
                },
                time: Timestamp(0),
                lat_e7: 1,
                lng_e7: 1,
                speed_cm_s: None,
                heading_cdeg: None,
                accuracy_dm: None,
                altitude_dm: None,
                state: VehicleState::Unspecified,
            };
            outbox.ping(VehicleIndex(vehicle), Expectation::Accepted, &reading);
        }
        Made::Event => {
            let event = RideEvent {
                fleet: FleetId::default(),
                ride: RideId::new(&format!("{vehicle}:{number}")).unwrap(),
                vehicle: VehicleId::new("v").unwrap(),
                driver: None,
                time: Timestamp(0),
                received_at: Timestamp(0),
                kind: RideEventKind::Arrived,
            };
            outbox.event(VehicleIndex(vehicle), &event).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn rounds_lose_nothing_and_keep_the_order_of_every_vehicle(
        items in proptest::collection::vec((0..VEHICLES, prop_oneof![3 => Just(Made::Ping), 1 => Just(Made::Event)]), 0..200),
        batch in 1_usize..30,
    ) {
        let mut outbox = Outbox::new(Format::Ndjson, batch, VEHICLES as usize);
        let (mut made, mut posted) = (HashMap::<u32, Vec<u64>>::new(), HashMap::<u32, Vec<u64>>::new());
        let mut post = |outbox: &mut Outbox| {
            let round = outbox.take_round();
            let body = round.pings.body(Format::Ndjson);
            let lines = body.split_inclusive(|byte| *byte == b'\n').count();
            assert_eq!(lines, round.pings.entries().len());
            for entry in round.pings.entries() {
                posted.entry(entry.vehicle.0).or_default().push(entry.name.seq);
            }
            for event in round.events {
                let (vehicle, number) = event.ride.as_str().split_once(':').unwrap();
                let vehicle = vehicle.parse().unwrap();
                posted.entry(vehicle).or_default().push(number.parse().unwrap());
            }
        };
        for (number, (vehicle, item)) in (0..).zip(items) {
            made.entry(vehicle).or_default().push(number);
            put(&mut outbox, vehicle, number, item);
            if outbox.is_full() {
                post(&mut outbox);
            }
        }
        while !outbox.is_empty() {
            post(&mut outbox);
        }
        prop_assert_eq!(posted, made);
    }
}
