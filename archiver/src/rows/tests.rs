//! Every column of every table holds what its name says: a full row and one with every null.

use arrow_array::{
    Array as _, RecordBatch,
    cast::AsArray as _,
    types::{Int32Type, Int64Type, TimestampMillisecondType},
};
use arrow_schema::{ArrowError, DataType};
use schemas::{
    Accuracy, Altitude, CancelledBy, Coordinate, Heading, Money, Ping, PingName, PlannedRoute,
    Protocol, RideEvent, RideEventKind, Speed, Timestamp, Trip, TripOutcome, VehicleState,
    ride_event::Currency,
};

use super::{pings::PingRows, ride_events, trips};
use crate::{encode::Format, layout::Table, testing::batches, window::Window};

/// Compares a table's rows, as a reader of the file gets them, with the values of each column.
fn check<const ROWS: usize>(
    table: Table,
    rows: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    expected: &[(&str, [&str; ROWS])],
) {
    let file = Format::of(table).unwrap().write(rows).unwrap();
    let batch = batches(file.into()).remove(0);
    assert_eq!(batch.num_rows(), ROWS);
    assert_eq!(batch.num_columns(), expected.len());
    for (column, (name, values)) in expected.iter().enumerate() {
        assert_eq!(batch.schema_ref().field(column).name(), name);
        for (row, value) in values.iter().enumerate() {
            assert_eq!(text(&batch, column, row), *value, "{name} of row {row}");
        }
    }
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    let array = batch.column(column);
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        _ => {
            let times = array.as_primitive::<TimestampMillisecondType>();
            format!("{} ms", times.value(row))
        }
    }
}

fn place(lat_e7: i32, lng_e7: i32) -> Coordinate {
    Coordinate::from_e7(lat_e7, lng_e7).unwrap()
}

fn money(minor_units: i64, currency: &str) -> Money {
    Money {
        minor_units,
        currency: Currency::new(currency).unwrap(),
    }
}

#[test]
fn every_column_of_a_ping_has_its_value() {
    let full = Ping {
        fleet: "a-fleet".parse().unwrap(),
        vehicle: "a-cab".parse().unwrap(),
        driver: Some("a-driver".parse().unwrap()),
        ride: Some("a-ride".parse().unwrap()),
        name: PingName { epoch: 1, seq: 2 },
        time: Timestamp(3),
        position: place(4, 5),
        speed: Speed::from_cm_s(6),
        heading: Heading::from_cdeg(7),
        accuracy: Accuracy::from_dm(8),
        altitude: Altitude::from_dm(-9),
        state: VehicleState::OnTrip,
        received_at: Timestamp(10),
        protocol: Protocol::HttpNdjson,
    };
    let bare = Ping {
        vehicle: "b-cab".parse().unwrap(),
        driver: None,
        ride: None,
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        state: VehicleState::Unspecified,
        ..full.clone()
    };
    let (mut rows, mut window) = (PingRows::default(), Window::default());
    for ping in [&full, &bare] {
        rows.push(window.see_ping(ping).0, ping);
    }
    let (dictionaries, hours) = (rows.dictionaries(), rows.by_hour());
    let order = hours.values().next().unwrap();
    check(
        Table::Pings,
        rows.batches(order, &dictionaries),
        &[
            ("fleet_id", ["a-fleet", "a-fleet"]),
            ("vehicle_id", ["a-cab", "b-cab"]),
            ("driver_id", ["a-driver", "null"]),
            ("ride_id", ["a-ride", "null"]),
            ("epoch", ["1", "1"]),
            ("seq", ["2", "2"]),
            ("time", ["3 ms", "3 ms"]),
            ("lat_e7", ["4", "4"]),
            ("lng_e7", ["5", "5"]),
            ("speed_cm_s", ["6", "null"]),
            ("heading_cdeg", ["7", "null"]),
            ("accuracy_dm", ["8", "null"]),
            ("altitude_dm", ["-9", "null"]),
            (
                "state",
                [
                    VehicleState::OnTrip.as_str(),
                    VehicleState::Unspecified.as_str(),
                ],
            ),
            ("received_at", ["10 ms", "10 ms"]),
            ("protocol", [Protocol::HttpNdjson.as_str(); 2]),
        ],
    );
}

#[test]
fn every_column_of_a_ride_event_has_its_value() {
    let event = |vehicle: &str, kind| RideEvent {
        fleet: "a-fleet".parse().unwrap(),
        ride: "a-ride".parse().unwrap(),
        vehicle: vehicle.parse().unwrap(),
        driver: Some("a-driver".parse().unwrap()),
        time: Timestamp(1),
        received_at: Timestamp(2),
        kind,
    };
    let assigned = RideEventKind::Assigned {
        pickup: place(3, 4),
        dropoff: place(5, 6),
        route: Some(PlannedRoute {
            way: "a-route".into(),
            duration: Some(std::time::Duration::from_secs(77)),
        }),
    };
    let rerouted = RideEventKind::Rerouted {
        dropoff: place(7, 8),
        route: Some("b-route".into()),
    };
    let fare = Some(money(9, "EUR"));
    let by = CancelledBy::Rider;
    let mut bare = event("e", RideEventKind::Arrived);
    bare.driver = None;
    let events = [
        event("a", assigned),
        event("b", rerouted),
        event("c", RideEventKind::DroppedOff { fare }),
        event("d", RideEventKind::Cancelled { by }),
        bare,
    ];
    let events: Vec<_> = events.iter().collect();
    let driver = "a-driver";
    check(
        Table::RideEvents,
        std::iter::once(ride_events::batch(&events)),
        &[
            ("fleet_id", ["a-fleet"; 5]),
            ("vehicle_id", ["a", "b", "c", "d", "e"]),
            ("ride_id", ["a-ride"; 5]),
            ("driver_id", [driver, driver, driver, driver, "null"]),
            ("time", ["1 ms"; 5]),
            (
                "kind",
                [
                    "assigned",
                    "rerouted",
                    "dropped_off",
                    "cancelled",
                    "arrived",
                ],
            ),
            ("pickup_lat_e7", ["3", "null", "null", "null", "null"]),
            ("pickup_lng_e7", ["4", "null", "null", "null", "null"]),
            ("dropoff_lat_e7", ["5", "7", "null", "null", "null"]),
            ("dropoff_lng_e7", ["6", "8", "null", "null", "null"]),
            ("route", ["a-route", "b-route", "null", "null", "null"]),
            ("fare_minor_units", ["null", "null", "9", "null", "null"]),
            ("fare_currency", ["null", "null", "EUR", "null", "null"]),
            (
                "cancelled_by",
                ["null", "null", "null", by.as_str(), "null"],
            ),
            ("received_at", ["2 ms"; 5]),
            ("route_duration_s", ["77", "null", "null", "null", "null"]),
        ],
    );
}

#[test]
fn every_column_of_a_trip_has_its_value() {
    let full = Trip {
        fleet: "a-fleet".parse().unwrap(),
        ride: "a-ride".parse().unwrap(),
        vehicle: "a-cab".parse().unwrap(),
        driver: Some("a-driver".parse().unwrap()),
        version: 1,
        outcome: TripOutcome::Completed,
        cancelled_by: CancelledBy::Unspecified,
        assigned: Some(Timestamp(2)),
        arrived: Some(Timestamp(3)),
        picked_up: Some(Timestamp(4)),
        ended: Timestamp(5),
        pickup: Some(place(6, 7)),
        dropoff: Some(place(8, 9)),
        distance_m: 10,
        to_pickup_m: 11,
        duration_s: 12,
        waiting_s: 13,
        route: "a-route".to_owned(),
        fare: Some(money(14, "EUR")),
        pings: 15,
        largest_gap_s: 16,
    };
    let bare = Trip {
        vehicle: "b-cab".parse().unwrap(),
        driver: None,
        outcome: TripOutcome::Cancelled,
        cancelled_by: CancelledBy::Rider,
        assigned: None,
        arrived: None,
        picked_up: None,
        pickup: None,
        dropoff: None,
        fare: None,
        ..full.clone()
    };
    let step = |time_ms: i64, event: &str, state: &str| {
        format!(r#"{{"event_types":["{event}"],"time_ms":{time_ms},"vehicle_state":"{state}"}}"#)
    };
    let steps = [
        step(2, "reservation_start", "reserved"),
        step(3, "reservation_stop", "stopped"),
        step(4, "trip_start", "on_trip"),
        step(5, "trip_stop", "stopped"),
        step(6, "trip_end", "available"),
    ];
    let transitions = format!("[{}]", steps.join(","));
    check(
        Table::Trips,
        std::iter::once(trips::batch(&[&full, &bare])),
        &[
            ("fleet_id", ["a-fleet", "a-fleet"]),
            ("vehicle_id", ["a-cab", "b-cab"]),
            ("ride_id", ["a-ride", "a-ride"]),
            ("driver_id", ["a-driver", "null"]),
            ("version", ["1", "1"]),
            ("outcome", ["completed", "cancelled"]),
            ("cancelled_by", ["unspecified", CancelledBy::Rider.as_str()]),
            ("assigned_at", ["2 ms", "null"]),
            ("arrived_at", ["3 ms", "null"]),
            ("picked_up_at", ["4 ms", "null"]),
            ("ended_at", ["5 ms", "5 ms"]),
            ("pickup_lat_e7", ["6", "null"]),
            ("pickup_lng_e7", ["7", "null"]),
            ("dropoff_lat_e7", ["8", "null"]),
            ("dropoff_lng_e7", ["9", "null"]),
            ("distance_m", ["10", "10"]),
            ("to_pickup_m", ["11", "11"]),
            ("duration_s", ["12", "12"]),
            ("waiting_s", ["13", "13"]),
            ("route", ["a-route", "a-route"]),
            ("fare_minor_units", ["14", "null"]),
            ("fare_currency", ["EUR", "null"]),
            ("pings", ["15", "15"]),
            ("largest_gap_s", ["16", "16"]),
            ("to_pickup_s", ["0", "null"]),
            ("transitions", [&transitions, "[]"]),
        ],
    );
}
