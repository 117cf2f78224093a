//! Single generators: what ends a session, which position a snapshot shows, what is driven, and the
//! periods of rides that went another way than the scene's.

use super::*;

const BEGIN: &str = "2026-11-10T12:00:00Z";

/// Pings of a vehicle: seconds from the beginning, metres to the north, driver, state.
fn pings(list: &[(i64, f64, &str, VehicleState)]) -> Vec<Owned> {
    let begin = at(BEGIN).0;
    list.iter()
        .map(|(seconds, meters, driver, state)| {
            let time = Timestamp(begin + seconds * 1000);
            let mut ping = ping(
                "cab-1",
                time,
                place(41.0 + meters / 111_195.08, -87.0),
                *state,
            );
            ping.driver = Some(DriverId::new(driver).unwrap());
            Owned::Ping(ping)
        })
        .collect()
}

/// The sessions of a day as times from the beginning in seconds, metres in all and with a passenger, and
/// whether the driver ended it.
fn sessions(facts: &[Owned]) -> Vec<String> {
    let text = r#"
        name = "test"
        version = "1"
        time_zone = "UTC"
        periods = ["day"]
        [[topic]]
        name = "sessions"
        rows = "sessions"
        silence_s = 900
        lookback_hours = 1
        lookahead_hours = 1
        format = "csv"
        file = "s.csv"
        incomplete = "write"
        columns = [
            { name = "who", from = "driver.id" },
            { name = "began", from = "session.began", type = "unix_s" },
            { name = "ended", from = "session.ended", type = "unix_s" },
            { name = "all", from = "session.distance_mm", unit = "m" },
            { name = "with", from = "session.on_board_mm", unit = "m" },
            { name = "why", from = "session.is_ended_by_driver" },
        ]
    "#;
    let lines = fed(
        report(&Profile::parse(text).unwrap(), "2026-11-10", &[]),
        facts,
    );
    let zero = at(BEGIN).0 / 1000;
    let after = |cell: &str| cell.parse::<i64>().unwrap() - zero;
    let told = lines.of(0).into_iter().map(|row| {
        let cells: Vec<_> = row.split(';').collect();
        let (began, ended) = (after(cells[1]), after(cells[2]));
        format!("{} {began} {ended} {}", cells[0], cells[3..].join(" "))
    });
    told.collect()
}

#[test]
fn a_session_ends_by_word_by_another_driver_or_in_silence() {
    use VehicleState::{Available, NonOperational, OnTrip};
    let check = |list: &[(i64, f64, &str, VehicleState)], expected: &[&str]| {
        assert_eq!(sessions(&pings(list)), expected, "{list:?}");
    };
    let (dora, max) = ("dora", "max");
    check(
        &[
            (0, 0.0, dora, Available),
            (60, 500.0, dora, Available),
            (90, 800.0, dora, NonOperational),
            (100, 800.0, dora, NonOperational),
        ],
        &["dora 0 90 800 0 true"],
    );
    // 15 minutes are no silence yet; what lies between is driven in one leg.
    check(
        &[
            (0, 0.0, dora, Available),
            (900, 500.0, dora, Available),
            (1801, 900.0, dora, Available),
        ],
        &["dora 0 900 500 0 false", "dora 1801 1801 0 0 false"],
    );
    check(
        &[
            (0, 0.0, dora, Available),
            (60, 300.0, dora, Available),
            (70, 400.0, max, OnTrip),
            (80, 600.0, max, NonOperational),
        ],
        &["dora 0 60 300 0 true", "max 70 80 200 200 true"],
    );
}

#[test]
fn jitter_and_jumps_are_not_driven() {
    use VehicleState::{Available, NonOperational, OnTrip};
    let jitter: Vec<_> = (0..200)
        .map(|number: i64| {
            (
                number * 10,
                f64::from(number as i32 % 3) * 4.0,
                "dora",
                Available,
            )
        })
        .collect();
    assert_eq!(sessions(&pings(&jitter)), ["dora 0 1990 0 0 false"]);
    // Away by 5 km in 10 s and back again.
    let jump = [
        (0, 0.0, "dora", OnTrip),
        (10, 100.0, "dora", OnTrip),
        (20, 5100.0, "dora", OnTrip),
        (30, 300.0, "dora", OnTrip),
        (40, 400.0, "dora", NonOperational),
    ];
    assert_eq!(sessions(&pings(&jump)), ["dora 0 40 200 200 true"]);
    // Slowly, in steps that are each too short.
    let slow: Vec<_> = (0..=60)
        .map(|number: i64| (number * 5, number as f64 * 4.0, "dora", Available))
        .collect();
    assert_eq!(sessions(&pings(&slow)), ["dora 0 300 240 0 false"]);
}

#[test]
fn a_snapshot_shows_the_last_position_if_it_is_not_too_old() {
    use VehicleState::{Available, NonContactable, NonOperational};
    let profile = Profile::built_in("chicago-tnp").unwrap();
    let check = |list: &[(i64, f64, &str, VehicleState)], expected: &[&str]| {
        let lines = fed(report(&profile, "2026-11-10", &FILES), &pings(list));
        let told: Vec<_> = lines
            .of(0)
            .iter()
            .map(|row| {
                let cells: Vec<_> = row.split(';').collect();
                format!("{} {}", &cells[3][11..19], cells[4])
            })
            .collect();
        assert_eq!(told, expected, "{list:?}");
    };
    let dora = "dora";
    // 120 s old is shown, 121 s is not; 400 m are 0.0036 degrees.
    check(
        &[
            (0, 0.0, dora, Available),
            (300, 400.0, dora, NonOperational),
        ],
        &["06:00:00 41.0000", "06:01:00 41.0000", "06:02:00 41.0000"],
    );
    check(
        &[
            (59, 0.0, dora, Available),
            (300, 400.0, dora, NonOperational),
        ],
        &["06:01:00 41.0000", "06:02:00 41.0000"],
    );
    check(
        &[
            (1, 0.0, dora, Available),
            (59, 400.0, dora, Available),
            (62, 800.0, dora, NonOperational),
        ],
        &["06:01:00 41.0036"],
    );
    check(
        &[
            (60, 400.0, dora, Available),
            (61, 800.0, dora, NonOperational),
        ],
        &["06:01:00 41.0036"],
    );
    // Who is out of reach says nothing of where it is.
    check(
        &[
            (0, 0.0, dora, Available),
            (30, 400.0, dora, NonContactable),
            (61, 0.0, dora, NonOperational),
        ],
        &["06:00:00 41.0000", "06:01:00 41.0000"],
    );
    // Across the end of an hour.
    check(
        &[
            (3590, 0.0, dora, Available),
            (3601, 400.0, dora, NonOperational),
        ],
        &["07:00:00 41.0000"],
    );
}

#[test]
fn an_event_is_where_its_vehicle_is_at_that_moment() {
    let profile = Profile::built_in("mds").unwrap();
    let begin = at(BEGIN);
    let kind = RideEventKind::Arrived;
    let facts = [
        Owned::Event(event("cab-1", "r-1", begin, kind.clone())),
        Owned::Ping(ping(
            "cab-1",
            begin,
            place(41.0, -87.0),
            VehicleState::Reserved,
        )),
        Owned::Ping(ping(
            "cab-1",
            Timestamp(begin.0 + 60_000),
            place(42.0, -87.0),
            VehicleState::Reserved,
        )),
        Owned::Event(event(
            "cab-1",
            "r-1",
            Timestamp(begin.0 + 90_000),
            RideEventKind::PickedUp,
        )),
        Owned::Event(event("cab-2", "r-2", begin, kind)),
    ];
    let lines = fed(report(&profile, "2026-11-10T12", &FILES), &facts);
    let told: Vec<_> = lines
        .of(2)
        .iter()
        .map(|row| {
            let cells: Vec<_> = row.split(';').collect();
            format!(
                "{} {} {}",
                cells[4],
                cells[5].parse::<i64>().unwrap() - begin.0,
                cells[6]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "[service_start] 0 41.0000000",
            "[reservation_start] 1 41.0000000",
            "[reservation_stop] 2 41.0000000",
            "[trip_start] 90000 42.0000000",
            "[comms_lost] 990000 42.0000000",
            "[service_start] 0 ~",
            "[reservation_start] 1 ~",
            "[reservation_stop] 2 ~",
            "[comms_lost] 900000 ~",
        ]
    );
    assert!(
        lines
            .exceptions
            .contains(&"2 cab-2 r-2 location.lat missing true".to_owned())
    );
}

#[test]
fn a_session_that_began_before_what_was_read_is_told() {
    let profile = Profile::built_in("chicago-tnp").unwrap();
    // On duty without a break from 30 hours before the period; 24 of them are read.
    let begin = at("2026-11-10T00:00:00Z");
    let facts: Vec<_> = (0..40 * 6)
        .map(|number| {
            let time = Timestamp(begin.0 + number * 600_000);
            Owned::Ping(ping(
                "cab-1",
                time,
                place(41.0, -87.0),
                VehicleState::Available,
            ))
        })
        .collect();
    let lines = fed(report(&profile, "2026-11-11", &FILES), &facts);
    assert_eq!(
        lines.of(1),
        ["D123-4567;IL;~;2026-11-11T09:50:00-06:00;~;~;N"]
    );
    assert_eq!(lines.exceptions.len(), 3);
    assert!(
        lines
            .exceptions
            .iter()
            .all(|line| line.contains("began_earlier")),
        "{:?}",
        lines.exceptions
    );
}

/// Rows of the first topic that are of the given cells.
fn picked(lines: &Lines, cells: std::ops::Range<usize>) -> Vec<String> {
    let pick = |row: &str| row.split(';').collect::<Vec<_>>()[cells.clone()].join(";");
    lines.of(0).into_iter().map(pick).collect()
}

#[test]
fn a_ride_whose_end_was_lost_does_not_keep_its_driver_busy() {
    let profile = Profile::built_in("cpuc").unwrap();
    let begin = at("2026-11-10T12:00:00Z");
    let mut facts = scene("cab-1", "r-1", begin);
    // Its passenger was dropped off, and nobody said so; from the first ping as free it waits again.
    facts.retain(|fact| match fact {
        Owned::Event(event) => event.time.0 < begin.0 + 540_000,
        Owned::Trip(_) => false,
        Owned::Ping(ping) => ping.state != VehicleState::NonOperational,
    });
    let free = [600, 630, 660, 690, 720, 750].map(|seconds: i64| {
        let time = Timestamp(begin.0 + seconds * 1000);
        Owned::Ping(ping(
            "cab-1",
            time,
            place(41.9, -87.63),
            VehicleState::Available,
        ))
    });
    facts.extend(free);
    facts.extend(scene("cab-1", "r-2", Timestamp(begin.0 + 780_000)));
    let lines = fed(report(&profile, "2026-11-10", &FILES), &facts);
    let expected = [
        "1;20261110 12:09:00",
        "2;20261110 12:15:00",
        "3;20261110 12:17:00",
    ];
    assert_eq!(picked(&lines, 8..10), expected);
}

#[test]
fn a_cancelled_ride_has_no_third_period_and_one_taken_on_the_way_no_first() {
    let profile = Profile::built_in("cpuc").unwrap();
    let begin = at("2026-11-10T12:00:00Z");
    let mut facts = scene("cab-1", "r-1", begin);
    // A second rider is accepted on the way, and calls it off.
    let (accepted, cancelled) = (Timestamp(begin.0 + 300_000), Timestamp(begin.0 + 400_000));
    let here = place(41.89, -87.63);
    let kind = RideEventKind::Assigned {
        pickup: here,
        dropoff: here,
        route: None,
    };
    facts.push(Owned::Event(event("cab-1", "r-2", accepted, kind)));
    let by = crate::CancelledBy::Rider;
    facts.push(Owned::Event(event(
        "cab-1",
        "r-2",
        cancelled,
        RideEventKind::Cancelled { by },
    )));
    let trip = facts.iter().find_map(|fact| match fact {
        Owned::Trip(trip) => Some(trip.clone()),
        _ => None,
    });
    let mut trip = trip.unwrap();
    trip.ride = RideId::new("r-2").unwrap();
    trip.outcome = TripOutcome::Cancelled;
    (trip.assigned, trip.arrived, trip.picked_up, trip.ended) =
        (Some(accepted), None, None, cancelled);
    facts.push(Owned::Trip(trip));
    let lines = fed(report(&profile, "2026-11-10", &FILES), &facts);
    let expected = [
        "2;20261110 12:05:00",
        "1;20261110 12:00:00",
        "2;20261110 12:02:00",
        "3;20261110 12:04:00",
    ];
    assert_eq!(picked(&lines, 8..10), expected);
}

#[test]
fn a_ride_of_which_only_the_trip_is_there_lacks_its_wait() {
    let profile = Profile::built_in("cpuc").unwrap();
    let mut facts = scene("cab-1", "r-1", at("2026-11-10T12:00:00Z"));
    facts.retain(|fact| matches!(fact, Owned::Trip(_)));
    let lines = fed(report(&profile, "2026-11-10", &FILES), &facts);
    assert_eq!(lines.of(0).len(), 2);
    assert!(
        lines
            .exceptions
            .contains(&"0 cab-1 r-1 period 1 missing true".to_owned()),
        "{:?}",
        lines.exceptions
    );
}
