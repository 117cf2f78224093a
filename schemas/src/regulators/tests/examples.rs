//! What each profile makes of one scene, line by line.

use super::*;

/// Seven minutes before clocks in Chicago are put back from 2:00 to 1:00.
const BEGIN: &str = "2026-11-01T06:53:00Z";

fn told(profile: &str, period: &str) -> Lines {
    let profile = Profile::built_in(profile).unwrap();
    let facts = scene("cab-1", "r-1", at(BEGIN));
    fed(report(&profile, period, &FILES), &facts)
}

fn check(lines: &Lines, topic: usize, expected: &[&str]) {
    assert_eq!(lines.of(topic), expected);
}

#[test]
fn chicago_gets_snapshots_a_session_and_a_trip() {
    let lines = told("chicago-tnp", "2026-11");
    assert_eq!(lines.exceptions, Vec::<String>::new());
    check(
        &lines,
        0,
        &[
            "D123-4567;IL;AB 123;2026-11-01T01:53:00-05:00;41.8800;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:54:00-05:00;41.8810;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:55:00-05:00;41.8820;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:56:00-05:00;41.8830;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:57:00-05:00;41.8840;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:58:00-05:00;41.8850;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:59:00-05:00;41.8860;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:00:00-06:00;41.8870;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:01:00-06:00;41.8880;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:02:00-06:00;41.8890;-87.6300",
            "D123-4567;IL;AB 123;2026-11-01T01:03:00-06:00;41.8900;-87.6300",
        ],
    );
    // 21 legs of 55.598 m, 10 of them with the passenger.
    check(
        &lines,
        1,
        &["D123-4567;IL;2026-11-01T01:53:00-05:00;2026-11-01T01:03:30-06:00;0.73;0.35;Y"],
    );
    let trip = "D123-4567;IL;1HGCM82633A004352;2026-11-01T01:57:00-05:00;17;2026-11-01T01:02:00-06:00;17;\
                0.35;25.00;18.50;3.00;2.50;1.00;N;S1;41.8840;-87.6300;41.8890;-87.6300;0.75;1.50;0.25;";
    let lines = lines.of(2);
    assert_eq!(lines.len(), 1);
    let (head, tail) = lines[0].split_at(trip.len());
    assert_eq!(head, trip);
    let (id, tail) = tail.split_once(';').unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(tail, "2;2026-11-01T01:56:40-05:00;13.00;N;0;0.00");
}

#[test]
fn california_gets_the_three_periods_of_a_ride() {
    let lines = told("cpuc", "2026-11");
    assert_eq!(lines.exceptions, Vec::<String>::new());
    let rows = lines.of(0);
    assert_eq!(rows.len(), 3);
    let expected = [
        "1;20261101 06:53:00;41.880000;-87.630000;17;17;17;20261101 06:55:00;41.882000;-87.630000;17;17;17;0.14",
        "2;20261101 06:55:00;41.882000;-87.630000;17;17;17;20261101 06:57:00;41.884000;-87.630000;17;17;17;0.14",
        "3;20261101 06:57:00;41.884000;-87.630000;17;17;17;20261101 07:02:00;41.889000;-87.630000;17;17;17;0.35",
    ];
    for (row, expected) in rows.iter().zip(expected) {
        let cells: Vec<_> = row.split(';').collect();
        assert_eq!(cells[..2], ["PSG0099", "20261215"]);
        assert_eq!(cells[2..4], rows[0].split(';').collect::<Vec<_>>()[2..4]);
        assert_eq!(
            cells[4..8],
            ["1HGCM82633A004352", "Toyota", "Prius", "2021"]
        );
        assert_eq!(cells[8..22].join(";"), expected);
        assert_eq!(cells[22..], ["N", "N", "Y", "standard"]);
    }
}

#[test]
fn san_francisco_gets_a_taxi_trip() {
    // By the clock of Los Angeles, where it is 23:53 of the day before.
    let lines = told("sf-taxi", "2026-11-01");
    assert_eq!(lines.exceptions, Vec::<String>::new());
    let rows = lines.of(0);
    assert_eq!(rows.len(), 1);
    let cells: Vec<_> = rows[0].split(';').collect();
    assert_eq!(cells[0], "0042");
    assert_eq!(cells[1].len(), 32);
    assert_eq!(
        cells[2..].join(";"),
        "2026-10-31T23:57:00;2026-11-01T00:02:00;41.884000;-87.630000;41.889000;-87.630000;app;false;\
         false;meter_fare;18.50;~;~;0.75;~;~;3.00;~;25.00;300000;556"
    );
    assert_eq!(told("sf-taxi", "2026-10-31").rows, []);
}

#[test]
fn new_york_gets_a_trip_in_its_columns() {
    let lines = told("nyc-hvfhv", "2026-11");
    assert_eq!(lines.exceptions, Vec::<String>::new());
    // The clock in New York is put back an hour before: it shows 1:50 for 6:50 UTC.
    let wall = |time: &str| format!("wall {}", at(time).0);
    let expected = [
        "HV0009;B00014;B00015",
        &wall("2026-11-01T01:50:00Z"),
        &wall("2026-11-01T01:56:40Z"),
        &wall("2026-11-01T01:57:00Z"),
        &wall("2026-11-01T02:02:00Z"),
        "17;17;0.345;300;18.50;0.75;0.46;1.64;2.75;0.00;3.00;13.00;N;N;~;N;N;1.50",
    ]
    .join(";");
    check(&lines, 0, &[&expected]);
}

#[test]
fn mds_gets_trips_telemetry_events_and_vehicles() {
    let lines = told("mds", "2026-11-01T07");
    assert_eq!(lines.exceptions, Vec::<String>::new());
    let trips = lines.of(0);
    assert_eq!(trips.len(), 1);
    let trip: Vec<_> = trips[0].split(';').collect();
    let (device, ride) = (trip[1], trip[2]);
    let location = "41.8840000;-87.6300000;41.8890000;-87.6300000";
    let begin = at(BEGIN).0;
    assert_eq!(
        trip[4..16].join(";"),
        format!(
            "private;app;~;2;{};{};{};20000;300000;~;{};~",
            begin - 180_000,
            begin + 300_000,
            begin + 120_000,
            trip[14]
        )
    );
    assert_eq!(
        trip[16..].join(";"),
        format!(
            "credit_card;meter_fare;1850;75;1850;~;~;300;~;164;~;~;1300;~;{};{};{location};300;556;~;1850;USD",
            begin + 240_000,
            begin + 540_000
        )
    );
    // From 7:00:00 to 7:03:30, every 30 s.
    let telemetry = lines.of(1);
    assert_eq!(telemetry.len(), 8);
    let first: Vec<_> = telemetry[0].split(';').collect();
    let seven = begin + 420_000;
    assert_eq!(first[1], device);
    assert_eq!(
        first[3..].join(";"),
        format!(
            "{seven};[{ride}];{};41.8870000;-87.6300000;90.25;12.50;4.0",
            trip[3]
        )
    );
    assert!(
        telemetry[7].contains(";~;~;41.8905000;"),
        "{}",
        telemetry[7]
    );
    let events: Vec<_> = lines
        .of(2)
        .iter()
        .map(|row| row.split(';').skip(3).collect::<Vec<_>>().join(";"))
        .collect();
    let (drop, off) = (begin + 540_000, begin + 630_000);
    assert_eq!(
        events,
        [
            format!("stopped;[trip_stop];{drop};41.8890000;-87.6300000;[{ride}]"),
            format!(
                "available;[trip_end];{};41.8890000;-87.6300000;[{ride}]",
                drop + 1
            ),
            format!("non_operational;[service_end];{off};41.8905000;-87.6300000;~"),
        ]
    );
    let topics = report(&Profile::built_in("mds").unwrap(), "2026-11-01T07", &[]);
    let members = &topics.topics()[3].members;
    assert_eq!(members["version"], Member::Text("2.0.0".to_owned()));
    assert_eq!(members["last_updated"], Member::Int(begin + 67 * 60_000));
    check(
        &lines,
        3,
        &[&format!(
            "{};{device};0042;car;2021;Toyota;Prius;white;1HGCM82633A004352;0042;AB 123;2026-01-31;\
             [hybrid electric];~",
            trip[0]
        )],
    );
}

#[test]
fn what_is_required_and_missing_is_told_and_not_invented() {
    let profile = Profile::built_in("nyc-hvfhv").unwrap();
    let facts = scene("cab-1", "r-1", at(BEGIN));
    let files = [
        "vehicle_id,dispatching_base_num\ncab-1,B00014",
        "ride_id,tolls_cents,tip_cents,sales_tax_cents\nr-1,7x,,99999999999999999999",
    ];
    let lines = fed(report(&profile, "2026-11", &files), &facts);
    assert_eq!(lines.of(0).len(), 1);
    assert!(lines.of(0)[0].contains(";17;17;0.345;300;18.50;~;~;~;~;~;~;~;~;~;~;~;~;~"));
    let told: Vec<_> = lines.exceptions.iter().map(String::as_str).collect();
    assert!(told.contains(&"0 cab-1 r-1 tips missing true"));
    assert!(told.contains(&"0 cab-1 r-1 tolls unreadable true"));
    assert!(told.contains(&"0 cab-1 r-1 request_datetime missing true"));
    // What may be missing is no exception.
    assert!(
        !told
            .iter()
            .any(|line| line.contains("originating") || line.contains("access_a_ride"))
    );
}
