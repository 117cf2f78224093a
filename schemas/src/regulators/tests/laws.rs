//! What holds for every report, whatever the day was.

use proptest::prelude::*;

use super::*;
use crate::regulators::{
    Unit,
    clock::{self, TimeStyle},
    unit::Number,
};

/// A vehicle's day as a list of steps: seconds until the next ping, metres it drove north, its state.
fn steps() -> impl Strategy<Value = Vec<(i64, f64, VehicleState)>> {
    let state = prop::sample::select(vec![
        VehicleState::Available,
        VehicleState::OnTrip,
        VehicleState::Stopped,
        VehicleState::Reserved,
        VehicleState::NonOperational,
        VehicleState::Unspecified,
    ]);
    let wait = prop_oneof![5..90_i64, 5..90_i64, 5..90_i64, 600..7200_i64];
    prop::collection::vec((wait, 0.0..900.0, state), 1..60)
}

fn drive(vehicle: &str, begin: Timestamp, steps: &[(i64, f64, VehicleState)]) -> Vec<Owned> {
    let (mut time, mut lat) = (begin, 41.0);
    let mut facts = Vec::new();
    for (wait, meters, state) in steps {
        facts.push(Owned::Ping(ping(vehicle, time, place(lat, -87.6), *state)));
        time.0 += wait * 1000;
        lat += meters / 111_195.0;
    }
    facts
}

/// Rides on a vehicle, one after the other from `begin`, with the gaps between them.
fn shift(vehicle: &str, begin: Timestamp, gaps: &[i64]) -> Vec<Owned> {
    let mut facts = Vec::new();
    let mut time = begin;
    for (number, gap) in gaps.iter().enumerate() {
        facts.extend(scene(vehicle, &format!("{vehicle}-{number}"), time));
        time.0 += 640_000 + gap * 1000;
    }
    facts
}

fn without(profile: &str, topic: &str) -> Profile {
    let mut profile = Profile::built_in(profile).unwrap();
    profile.topics.retain(|known| known.name == topic);
    profile
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_day_has_the_rows_of_its_hours(gaps in prop::collection::vec(0..9000_i64, 1..7)) {
        let mut profile = Profile::built_in("mds").unwrap();
        // Of vehicles each hour tells those that it heard.
        profile.topics.retain(|topic| topic.name != "vehicles");
        let facts = shift("cab-1", at("2026-11-01T20:11:00Z"), &gaps);
        let mut whole = fed(report(&profile, "2026-11-02", &FILES), &facts).rows;
        let mut hours = Vec::new();
        for hour in 0..24 {
            let name = format!("2026-11-02T{hour:02}");
            hours.extend(fed(report(&profile, &name, &FILES), &facts).rows);
        }
        let key = |row: &(usize, Timestamp, String)| (row.0, row.1, row.2.clone());
        whole.sort_by_key(key);
        hours.sort_by_key(key);
        prop_assert_eq!(whole, hours);
    }

    #[test]
    fn vehicles_do_not_disturb_each_other(one in steps(), other in steps()) {
        let profile = Profile::built_in("chicago-tnp").unwrap();
        let begin = at("2026-11-10T05:59:00Z");
        let (mine, theirs) = (drive("cab-1", begin, &one), drive("cab-2", begin, &other));
        let alone = fed(report(&profile, "2026-11-10", &FILES), &mine);
        let both: Vec<_> = theirs.iter().chain(&mine).cloned().collect();
        let mut together = fed(report(&profile, "2026-11-10", &FILES), &both);
        together.rows.retain(|row| row.2.contains("AB 123") || row.0 == 1);
        // A session tells no plate: those of the other are as many as it has alone.
        let others = fed(report(&profile, "2026-11-10", &FILES), &theirs);
        let snapshots = |lines: &Lines| lines.rows.iter().filter(|row| row.0 == 0).cloned().collect::<Vec<_>>();
        prop_assert_eq!(snapshots(&alone), snapshots(&together));
        let mut sessions: Vec<_> = alone.of(1).into_iter().chain(others.of(1)).collect();
        let mut told = together.of(1);
        sessions.sort_unstable();
        told.sort_unstable();
        prop_assert_eq!(sessions, told);
    }

    #[test]
    fn sessions_part_the_day_and_keep_its_way(steps in steps()) {
        // Driven by the sessions' own words: they do not overlap, and nothing is driven with a passenger
        // that was not driven.
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
                { name = "a", from = "session.began", type = "unix_ms" },
                { name = "b", from = "session.ended", type = "unix_ms" },
                { name = "c", from = "session.duration_ms" },
                { name = "d", from = "session.distance_mm" },
                { name = "e", from = "session.on_board_mm" },
            ]
        "#;
        let profile = Profile::parse(text).unwrap();
        let facts = drive("cab-1", at("2026-11-10T00:00:00Z"), &steps);
        let lines = fed(report(&profile, "2026-11-10", &[]), &facts);
        let mut free_from = i64::MIN;
        let mut told = 0;
        for row in lines.of(0) {
            let cells: Vec<i64> = row.split(';').map(|cell| cell.parse().unwrap()).collect();
            prop_assert!(cells[0] >= free_from && cells[1] >= cells[0], "{}", row);
            prop_assert_eq!(cells[1] - cells[0], cells[2]);
            prop_assert!(0 <= cells[4] && cells[4] <= cells[3]);
            free_from = cells[1];
            told += cells[3];
        }
        let driven: f64 = steps[..steps.len() - 1].iter().map(|step| step.1).sum();
        prop_assert!(told as f64 <= driven * 1001.0 + 1000.0 * steps.len() as f64);
    }

    #[test]
    fn periods_meet_without_a_gap(gaps in prop::collection::vec(0..600_i64, 1..5)) {
        let profile = without("cpuc", "Rides_Requests_Accepted_Periods");
        let facts = shift("cab-1", at("2026-11-10T12:00:00Z"), &gaps);
        let lines = fed(report(&profile, "2026-11-10", &FILES), &facts);
        let rows = lines.of(0);
        prop_assert_eq!(rows.len(), 3 * gaps.len());
        for ride in rows.chunks(3) {
            let cells: Vec<Vec<_>> = ride.iter().map(|row| row.split(';').collect()).collect();
            for pair in cells.windows(2) {
                // What ends there begins here, at the same place.
                prop_assert_eq!(&pair[0][15..21], &pair[1][9..15]);
            }
            prop_assert_eq!([cells[0][8], cells[1][8], cells[2][8]], ["1", "2", "3"]);
        }
    }

    #[test]
    fn units_keep_what_they_measure(meters in 0..40_000_000_i64, decimals in 0..6_u8) {
        let mi = Unit::named("mi").unwrap();
        let told = Number::whole(meters).convert(Unit::M, mi, decimals).unwrap();
        let back = Number { digits: told, decimals }.convert(mi, Unit::MM, 0).unwrap();
        // Half a unit of the last digit, and half a mm for the way back.
        let most = 1_609_344.0 / 10_f64.powi(i32::from(decimals)) / 2.0 + 1.0;
        prop_assert!(((back - meters * 1000) as f64).abs() <= most);
        let hundred = Number::whole(meters).convert(Unit::CENTS, Unit::named("dollars").unwrap(), 2);
        prop_assert_eq!(hundred, Some(meters));
    }

    #[test]
    fn rounding_moves_a_coordinate_by_half_a_unit_at_most(e7 in -1_800_000_000..=1_800_000_000_i64, decimals in 0..=7_u8) {
        let told = Number::whole(e7).convert(Unit::E7, Unit::DEGREES, decimals).unwrap();
        let unit = 10_i64.pow(7 - u32::from(decimals));
        prop_assert!((told * unit - e7).abs() * 2 <= unit);
    }

    #[test]
    fn local_times_with_an_offset_are_never_two(ms in 0..4_000_000_000_000_i64, round_s in 0..900_u32) {
        for zone in ["America/Chicago", "America/Los_Angeles", "Asia/Kathmandu", "UTC"] {
            let zone = jiff::tz::TimeZone::get(zone).unwrap();
            let mut text = String::new();
            let time = Timestamp(ms);
            prop_assert!(clock::spell(time, &zone, TimeStyle::LocalIso, &mut text));
            prop_assert_eq!(clock::parse(&text), Some(Timestamp(ms - ms % 1000)));
        }
        let rounded = clock::rounded(Timestamp(ms), round_s);
        if round_s > 0 {
            prop_assert_eq!(rounded.0 % (i64::from(round_s) * 1000), 0);
            prop_assert!((rounded.0 - ms).abs() * 2 <= i64::from(round_s) * 1000);
        }
    }

    #[test]
    fn a_plain_number_is_read_exactly(digits in any::<i64>(), decimals in 0..=12_u8) {
        let decimal = Decimal { unscaled: digits, decimals };
        let read = Number::parse(&decimal.to_string());
        if digits > i64::MIN {
            prop_assert_eq!(read, Some(Number { digits, decimals }));
        }
    }
}

#[test]
fn a_day_of_25_hours_has_all_its_rows_at_times_of_their_own() {
    let profile = without("chicago-tnp", "location");
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let day = Period::parse("2026-11-01", &zone).unwrap();
    assert_eq!(day.to.0 - day.from.0, 25 * HOUR_MS);
    let facts: Vec<_> = (day.from.0 - HOUR_MS..day.to.0 + HOUR_MS)
        .step_by(60_000)
        .map(|ms| {
            Owned::Ping(ping(
                "cab-1",
                Timestamp(ms),
                place(41.0, -87.0),
                VehicleState::Available,
            ))
        })
        .collect();
    let lines = fed(report(&profile, "2026-11-01", &FILES), &facts);
    let rows = lines.of(0);
    assert_eq!(rows.len(), 25 * 60);
    let mut distinct = rows.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), rows.len());
    let spring = Period::parse("2026-03-08", &zone).unwrap();
    assert_eq!(spring.to.0 - spring.from.0, 23 * HOUR_MS);
    let november = Period::parse("2026-11", &zone).unwrap();
    assert_eq!(
        (november.from, november.to.0 - november.from.0),
        (day.from, (30 * 24 + 1) * HOUR_MS)
    );
}

#[test]
fn what_is_no_plain_number_is_none() {
    for text in [
        "",
        "-",
        ".5",
        "5.",
        "1e3",
        "+1",
        "1,5",
        " 1",
        "1.2.3",
        "0x1",
        "99999999999999999999",
        "0.1234567890123",
    ] {
        assert_eq!(Number::parse(text), None, "{text:?}");
    }
}
