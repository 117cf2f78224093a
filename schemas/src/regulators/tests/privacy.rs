//! What a report keeps back.

use super::*;

const BEGIN: &str = "2026-11-01T12:00:00Z";

fn cells(
    profile: &Profile,
    jurisdictions: &str,
    period: &str,
    column: &str,
    facts: &[Owned],
) -> Vec<String> {
    let report = report_in(profile, jurisdictions, period, &FILES);
    let at = report.topics()[0]
        .columns
        .iter()
        .position(|known| known.name == column)
        .unwrap();
    let lines = fed(report, facts);
    let cell = |row: &str| row.split(';').nth(at).unwrap().to_owned();
    lines.of(0).into_iter().map(cell).collect()
}

/// A profile of trips with one jurisdiction's policy.
fn profile(privacy: &str) -> Profile {
    profile_with("", privacy)
}

/// The same with one more column.
fn profile_with(column: &str, privacy: &str) -> Profile {
    let text = format!(
        r#"
        name = "test"
        version = "1"
        time_zone = "UTC"
        periods = ["day", "month"]
        [privacy]
        {privacy}
        [[topic]]
        name = "trips"
        rows = "trips"
        format = "csv"
        file = "t.csv"
        incomplete = "write"
        columns = [
            {{ name = "driver", from = "driver.id", pseudonym = "driver" }},
            {{ name = "vehicle", from = "vehicle.id", pseudonym = "vehicle" }},
            {{ name = "as_driver", from = "vehicle.id", pseudonym = "driver" }},
            {{ name = "ride", from = "ride.id", pseudonym = "ride", form = "uuid" }},
            {{ name = "start", from = "trip.picked_up", type = "utc_iso" }},
            {{ name = "hour", from = "trip.picked_up", type = "utc_iso", round_s = 3600 }},
            {{ name = "lat", from = "trip.pickup.lat" }},
            {{ name = "end_lat", from = "trip.dropoff.lat", required = true }},
            {{ name = "zone", from = "trip.pickup.zone.some" }},
            {{ name = "duration", from = "trip.duration_s" }},
            {column}
        ]
        "#
    );
    Profile::parse(&text).unwrap()
}

#[test]
fn a_pseudonym_is_the_same_within_a_turn_and_nowhere_else() {
    let mut facts = scene("cab-1", "r-1", at("2026-11-01T12:00:00Z"));
    facts.extend(scene("cab-1", "r-2", at("2026-11-02T12:00:00Z")));
    facts.extend(scene("cab-1", "r-3", at("2026-12-01T12:00:00Z")));
    let of = |rotate: &str, period: &str, column: &str| {
        cells(
            &profile(&format!("rotate = \"{rotate}\"")),
            JURISDICTIONS,
            period,
            column,
            &facts,
        )
    };
    let month = of("period", "2026-11", "driver");
    assert_eq!(month.len(), 2);
    assert_eq!(month[0], month[1]);
    assert_ne!(
        of("period", "2026-11-01", "driver"),
        of("period", "2026-11-02", "driver")
    );
    assert_eq!(
        of("month", "2026-11-01", "driver"),
        of("month", "2026-11-02", "driver")
    );
    assert_ne!(
        of("month", "2026-11-01", "driver"),
        of("month", "2026-12-01", "driver")
    );
    assert_eq!(
        of("year", "2026-11-01", "driver"),
        of("year", "2026-12-01", "driver")
    );
    assert_eq!(
        of("never", "2026-11-01", "driver"),
        of("never", "2026-12-01", "driver")
    );
    assert_ne!(
        of("never", "2026-11-01", "driver"),
        of("year", "2026-11-01", "driver")
    );
    // Another kind, another name of the same id.
    assert_ne!(
        of("never", "2026-11-01", "vehicle"),
        of("never", "2026-11-01", "as_driver")
    );
    // Another profile is another regulator.
    let mut other = profile("rotate = \"never\"");
    other.name = "other".to_owned();
    let named = cells(&other, JURISDICTIONS, "2026-11-01", "driver", &facts);
    assert_ne!(named, of("never", "2026-11-01", "driver"));
}

#[test]
fn another_jurisdiction_gets_other_names() {
    let profile = profile("rotate = \"never\"");
    let facts = scene("cab-1", "r-1", at(BEGIN));
    let names = |jurisdiction: &str| {
        let mut inputs = inputs(&profile, "2026-11-01");
        jurisdiction.clone_into(&mut inputs.scope.jurisdiction.name);
        fed(Report::new(&profile, inputs).unwrap(), &facts).of(0)[0].to_owned()
    };
    assert_eq!(names("one"), names("one"));
    assert_ne!(names("one"), names("two"));
}

#[test]
fn no_raw_id_is_in_a_row_of_pseudonyms() {
    let mut facts = scene(
        "vehicle-of-mine",
        "ride-of-mine",
        at("2026-11-01T07:00:00Z"),
    );
    for fact in &mut facts {
        let driver = Some(DriverId::new("driver-of-mine").unwrap());
        match fact {
            Owned::Event(event) => event.driver = driver,
            Owned::Ping(ping) => ping.driver = driver,
            Owned::Trip(trip) => trip.driver = driver,
        }
    }
    for name in Profile::names() {
        let profile = Profile::built_in(name).unwrap();
        let period = if name == "mds" {
            "2026-11-01T07"
        } else {
            "2026-11"
        };
        let lines = fed(report(&profile, period, &FILES), &facts);
        assert!(!lines.rows.is_empty());
        for (_, _, row) in &lines.rows {
            assert!(!row.contains("of-mine"), "{name}: {row}");
        }
        // Those who mend exceptions know the ids.
        assert!(
            lines
                .exceptions
                .iter()
                .all(|line| line.contains("vehicle-of-mine"))
        );
    }
}

#[test]
fn a_jurisdiction_may_be_stricter_and_never_looser() {
    let facts = scene("cab-1", "r-1", at("2026-11-01T12:00:10Z"));
    let check = |privacy: &str, here: &str, lat: &str, start: &str| {
        let jurisdictions = format!("{JURISDICTIONS}\n[jurisdictions.here.privacy]\n{here}\n");
        let of = |column: &str| {
            cells(
                &profile(privacy),
                &jurisdictions,
                "2026-11-01",
                column,
                &facts,
            )
        };
        assert_eq!(
            (of("lat"), of("start")),
            (vec![lat.to_owned()], vec![start.to_owned()])
        );
        // A column that is coarser by itself stays so.
        assert_eq!(of("hour"), ["2026-11-01T12:00:00Z"]);
        // Durations are taken before anything is rounded.
        assert_eq!(of("duration"), ["300"]);
    };
    check("", "", "41.8840000", "2026-11-01T12:04:10Z");
    check(
        "coordinate_decimals = 3\nround_s = 60",
        "",
        "41.884",
        "2026-11-01T12:04:00Z",
    );
    check(
        "coordinate_decimals = 3\nround_s = 60",
        "coordinate_decimals = 1\nround_s = 900",
        "41.9",
        "2026-11-01T12:00:00Z",
    );
    check(
        "coordinate_decimals = 1\nround_s = 900",
        "coordinate_decimals = 6\nround_s = 1",
        "41.9",
        "2026-11-01T12:00:00Z",
    );
}

#[test]
fn places_that_few_share_are_withheld() {
    // Three trips begin in one cell within an hour, the fourth in the next hour; two of them end
    // in a second cell, far from where the others do.
    let mut facts = Vec::new();
    for (number, minute, end) in [(1, 0, 42.0), (2, 5, 42.0), (3, 10, 43.0), (4, 55, 42.0)] {
        let begin = at(&format!("2026-11-01T12:{minute:02}:00Z"));
        for mut fact in scene("cab-1", &format!("r-{number}"), begin) {
            if let Owned::Trip(trip) = &mut fact {
                trip.dropoff = Some(place(end, -87.0));
                "way".clone_into(&mut trip.route);
                facts.push(fact);
            }
        }
    }
    let of = |privacy: &str, column: &str| {
        cells(
            &profile(privacy),
            JURISDICTIONS,
            "2026-11-01",
            column,
            &facts,
        )
    };
    let begin = "41.8840000";
    assert_eq!(of("", "lat"), [begin; 4]);
    assert_eq!(of("min_group = 3", "lat"), [begin, begin, begin, "~"]);
    assert_eq!(of("min_group = 3", "zone"), ["17", "17", "17", "~"]);
    assert_eq!(
        of("min_group = 2", "end_lat"),
        ["42.0000000", "42.0000000", "~", "~"]
    );
    assert_eq!(of("min_group = 3", "end_lat"), ["~"; 4]);
    // Both ends of a way must be told for it to be.
    let with_way = profile_with(r#"{ name = "way", from = "trip.route" }"#, "min_group = 2");
    let ways = cells(&with_way, JURISDICTIONS, "2026-11-01", "way", &facts);
    assert_eq!(ways, ["way", "way", "~", "~"]);
    // What is withheld is no exception, though it is required.
    let lines = fed(report(&profile("min_group = 9"), "2026-11-01", &[]), &facts);
    assert_eq!(lines.exceptions, Vec::<String>::new());
    assert_eq!(lines.rows.len(), 4);
}

#[test]
fn a_way_is_not_told_where_places_are_coarse() {
    let text = r#"
        name = "test"
        version = "1"
        time_zone = "UTC"
        periods = ["day"]
        [privacy]
        coordinate_decimals = 6
        [[topic]]
        name = "trips"
        rows = "trips"
        format = "csv"
        file = "t.csv"
        incomplete = "write"
        columns = [{ name = "way", from = "trip.route" }]
    "#;
    let refused = |text: &str| {
        let profile = Profile::parse(text).unwrap();
        let inputs = inputs(&profile, "2026-11-01");
        Report::new(&profile, inputs)
            .err()
            .map(|problems| problems[0].to_string())
    };
    assert_eq!(refused(text), None);
    let problem = refused(&text.replace("decimals = 6", "decimals = 5")).unwrap();
    assert!(problem.contains("column way tells a way"), "{problem}");
}
