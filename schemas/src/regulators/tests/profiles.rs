//! Profiles: those that Hansom comes with, and what is told of those that make no sense.

use std::collections::BTreeSet;

use super::*;

fn with(line: &str, columns: &str) -> String {
    format!(
        r#"
        name = "test"
        version = "1"
        time_zone = "UTC"
        periods = ["day"]
        [[topic]]
        name = "trips"
        rows = "trips"
        format = "csv"
        file = "t.csv"
        incomplete = "write"
        {line}
        columns = [{columns}]
        "#
    )
}

fn check(text: &str, words: &[&str]) {
    let problems = Profile::parse(text).unwrap_err();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in:\n{told}");
    }
}

#[test]
fn every_profile_that_hansom_comes_with_is_one() {
    for name in Profile::names() {
        let profile = Profile::built_in(name).unwrap();
        assert_eq!(profile.name, name);
        assert!(profile.topics.iter().any(|topic| !topic.columns.is_empty()));
        let readme = format!("{}/regulators/{name}/README.md", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::read_to_string(readme).unwrap().contains("Source"));
    }
}

/// An operator finds in the guide every column that a registry may be asked for.
#[test]
fn the_guide_names_every_column_of_a_registry() {
    let guide = format!("{}/../docs/exports.md", env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut columns = BTreeSet::new();
    for name in Profile::names() {
        let profile = Profile::built_in(name).unwrap();
        for who in Who::ALL {
            columns.extend(profile.registry_columns(who).iter().cloned());
        }
    }
    let missing: Vec<_> = columns
        .iter()
        .filter(|name| !guide.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_mistake_is_told_with_its_topic_and_column() {
    let columns = r#"
        { name = "a", from = "trip.nothing" },
        { name = "b", from = "trip.distance_m", unit = "s" },
        { name = "c", from = "trip.assigned" },
        { name = "d", from = "trip.pickup" },
        { name = "e", from = "trip.outcome", type = "int" },
        { name = "f" },
        { name = "g", from = "trip.outcome", constant = "x" },
        { name = "h", from = "trip.distance_m", unit = "parsec" },
        { name = "i", from = "trip.distance_m", colour = "red" },
        { name = "j", from = ["trip.distance_m", "trip.assigned"] },
        { name = "k", from = "trip.distance_m", decimals = 10 },
        { name = "l", from = "ride.tolls_cents", unit = "mi" },
        { name = "m", from = "trip.outcome", round_s = 5 },
        { name = "n", from = "trip.distance_m", type = "decimal" },
        { name = "o", from = "vehicle.id", pseudonym = "v", form = "roman" },
        { name = "p", from = "trip.distance_m", pseudonym = "p" },
        { name = "p", from = "trip.version" },
        { name = "q", from = "trip.outcome", type = "text", decimals = 1 },
    "#;
    check(
        &with("only = \"some\"\nlength = 4", columns),
        &[
            "unknown key length",
            "only \"some\"",
            "profile test, topic trips: column a: unknown path \"trip.nothing\"",
            "column b: m does not convert to s",
            "column c: a time needs a type",
            "column d: unknown path \"trip.pickup\"",
            "column e: it is no number",
            "column f: a column has either from or constant",
            "column g: a column has either from or constant",
            "column h: unknown unit \"parsec\"",
            "column i: unknown key colour",
            "column j: its paths are of several kinds",
            "column k: more than 9 decimals",
            "column l: cents does not convert to mi",
            "column m: only times have round_s",
            "column n: a decimal needs decimals",
            "column o: unknown form \"roman\"",
            "column p: only texts have pseudonyms",
            "column p comes twice",
            "column q: only numbers have decimals",
        ],
    );
}

#[test]
fn a_topic_must_be_one() {
    let text = with("", "");
    check(
        &text.replace("\"trips\"\n        format", "\"walks\"\n        format"),
        &["unknown rows \"walks\"", "trips, telemetry"],
    );
    check(
        &text.replace("\"csv\"", "\"xml\""),
        &["unknown format \"xml\""],
    );
    check(
        &text.replace("\"csv\"", "\"json\""),
        &["json needs the name of its array"],
    );
    check(
        &text.replace("\"write\"", "\"guess\""),
        &["incomplete is write or leave_out"],
    );
    check(&text.replace("t.csv", "../t.csv"), &["no name of a file"]);
    check(
        &text.replace("t.csv", "{tpoic}.csv"),
        &["unknown placeholder {tpoic}"],
    );
    check(&text.replace("t.csv", "{topic.csv"), &["not closed"]);
    check(
        &text.replace("\"UTC\"", "\"Mars\""),
        &["unknown time_zone \"Mars\""],
    );
    check(
        &text.replace("\"day\"", "\"year\""),
        &["unknown period \"year\""],
    );
    let snapshots = text.replace("\"trips\"\n        format", "\"snapshots\"\n        format");
    check(&snapshots, &["silence_s", "every_s", "max_age_s"]);
    check("name = 1", &["profile"]);
}

#[test]
fn files_are_named_as_the_regulator_wants() {
    let name = |profile: &str, period: &str, topic: usize, part, revision| {
        let profile = Profile::built_in(profile).unwrap();
        let scope = inputs(&profile, period).scope;
        profile.topics[topic].file_name(&scope, part, revision)
    };
    assert_eq!(
        name("chicago-tnp", "2026-11", 2, 1, 1),
        "acme-trip-202611.csv"
    );
    assert_eq!(
        name("cpuc", "2026-11", 0, 3, 1),
        "PSG0099_20261215_Rides_Requests_Accepted_Periods_Part3.csv"
    );
    assert_eq!(
        name("cpuc", "2026-11", 0, 1, 2),
        "Resubmission_PSG0099_20261215_Rides_Requests_Accepted_Periods_Part1.csv"
    );
    assert_eq!(name("mds", "2026-11-01T05", 1, 2, 1), "telemetry-2.json");
    assert_eq!(
        name("nyc-hvfhv", "2026-11", 0, 1, 1),
        "fhvhv_tripdata_2026-11.parquet"
    );
    assert_eq!(
        name("sf-taxi", "2026-11-01", 0, 1, 1),
        "acme-taxi-trips-20261101.csv"
    );
}

#[test]
fn new_yorks_columns_have_the_published_types() {
    let profile = Profile::built_in("nyc-hvfhv").unwrap();
    let shape = |name: &str| {
        let mut columns = profile.topics[0].columns.iter();
        columns.find(|column| column.name == name).unwrap().shape()
    };
    assert_eq!(shape("pickup_datetime"), Shape::Wall);
    assert_eq!(shape("PULocationID"), Shape::Int32);
    assert_eq!(shape("trip_time"), Shape::Int);
    assert_eq!(shape("trip_miles"), Shape::Decimal(3));
    assert_eq!(shape("tolls"), Shape::Decimal(2));
    assert_eq!(shape("wav_match_flag"), Shape::Text);
}

#[test]
fn words_are_mapped_and_checked() {
    let columns = r#"
        { name = "a", from = "trip.outcome", map = { completed = "C" } },
        { name = "b", from = "trip.outcome", one_of = ["cancelled"] },
        { name = "c", constant = "x" },
        { name = "d", constant = 4 },
        { name = "e", constant = true, type = "flag", map = { true = "yes", false = "no" } },
        { name = "f", from = "jurisdiction.tncid" },
        { name = "g", from = "report.submission_date" },
        { name = "h", from = ["ride.x", "trip.outcome"] },
    "#;
    let profile = Profile::parse(&with("", columns)).unwrap();
    let facts = scene("cab-1", "r-1", at("2026-11-01T12:00:00Z"));
    let lines = fed(
        report(&profile, "2026-11-01", &["ride_id,x\nr-1,y"]),
        &facts,
    );
    assert_eq!(lines.of(0), ["C;~;x;4;yes;PSG0099;2026-12-15;y"]);
    assert_eq!(lines.exceptions, ["0 cab-1 r-1 b not_one_of true"]);
    let lines = fed(report(&profile, "2026-11-01", &[]), &facts);
    assert_eq!(lines.of(0), ["C;~;x;4;yes;PSG0099;2026-12-15;completed"]);
    let text = with("", columns).replace("\"write\"", "\"leave_out\"");
    let profile = Profile::parse(&text).unwrap();
    let lines = fed(report(&profile, "2026-11-01", &[]), &facts);
    assert_eq!(lines.rows, []);
    assert_eq!(lines.exceptions, ["0 cab-1 r-1 b not_one_of false"]);
}
