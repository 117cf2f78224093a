//! What an operator is told before there is a report.

use super::*;

fn told(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn check(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let profile = Profile::built_in("cpuc").unwrap();
    let mut inputs = inputs(&profile, "2026-11-01");
    inputs.scope.jurisdiction.facts.clear();
    inputs.scope.submission_date = None;
    inputs.scope.period = Period::parse("2026-11-01T05", &jiff::tz::TimeZone::UTC).unwrap();
    inputs.zones = Arc::new(Zones::default());
    inputs.secret = Some(vec![1; 31]);
    let other = Profile::built_in("sf-taxi").unwrap();
    inputs.registry = Arc::new(Registry::empty(&other));
    let problems = Report::new(&profile, inputs).map(|_| ()).unwrap_err();
    check(
        &told(&problems),
        &[
            "profile cpuc is reported by month, day, not by hour",
            "facts.tncid",
            "the date of the submission",
            "zones.zip",
            "zones.tract",
            "zones.block",
            "secret of at least 32 bytes",
            "the registry was made for another profile",
        ],
    );
}

#[test]
fn a_profile_without_a_clock_wants_the_jurisdictions() {
    let mut profile = Profile::built_in("nyc-hvfhv").unwrap();
    profile.zone = None;
    let mut jurisdiction = inputs(&profile, "2026-11-01").scope.jurisdiction;
    assert!(profile.time_zone(&jurisdiction).is_ok());
    jurisdiction.time_zone = None;
    let problem = profile.time_zone(&jurisdiction).unwrap_err();
    check(&problem.to_string(), &["nyc-hvfhv", "time_zone", "here"]);
}

#[test]
fn an_unknown_name_is_answered_with_those_there_are() {
    let jurisdictions = Jurisdictions::parse(JURISDICTIONS).unwrap();
    let problem = jurisdictions.named("nowhere").unwrap_err().to_string();
    check(&problem, &["nowhere", "the file has here"]);
    let problems = Profile::built_in("berlin").unwrap_err();
    check(
        &told(&problems),
        &["berlin", "mds, chicago-tnp, cpuc, sf-taxi, nyc-hvfhv"],
    );
}

#[test]
fn a_file_of_jurisdictions_is_checked_as_a_whole() {
    let text = r#"
        [jurisdictions.one]
        company = "Acme Inc"
        time_zone = "Mars/Olympus"
        [jurisdictions."Two/2"]
        company = "acme"
        fleets = ["good", "not good"]
    "#;
    let problems = Jurisdictions::parse(text).unwrap_err();
    check(
        &told(&problems),
        &[
            "one: company",
            "Mars/Olympus",
            "Two/2: its name",
            "\"not good\"",
        ],
    );
    assert!(Jurisdictions::parse("[jurisdictions.one]\ncompany = \"a\"\nextra = 1").is_err());
    assert!(Jurisdictions::parse("").unwrap().named("x").is_err());
}

#[test]
fn a_period_is_an_hour_a_day_or_a_month_and_nothing_else() {
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let check = |name: &str, from: &str, to: &str| {
        let period = Period::parse(name, &zone).unwrap();
        assert_eq!((period.from, period.to), (at(from), at(to)), "{name}");
        assert!(period.holds(period.from) && !period.holds(period.to));
    };
    check(
        "2026-11-01T05",
        "2026-11-01T05:00:00Z",
        "2026-11-01T06:00:00Z",
    );
    check("2026-11-01", "2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z");
    check("2026-12", "2026-12-01T06:00:00Z", "2027-01-01T06:00:00Z");
    for name in [
        "2026",
        "2026-13",
        "2026-11-31",
        "2026-11-01T24",
        "2026-11-01T-1",
        "2026-1-01",
        "20261101",
        "+2026-11",
        "2026-11-01 05",
        "2026-11-01T5x",
        "",
    ] {
        assert!(Period::parse(name, &zone).is_err(), "{name:?}");
    }
}

#[test]
fn a_registry_tells_what_is_wrong_with_its_rows() {
    let profile = Profile::built_in("chicago-tnp").unwrap();
    let of = |files: &[&str]| registry(&profile, files);
    let problems = of(&[
        "vehicle_id,plate,vin\ncab 1,A,B\ncab-2,A,B\ncab-2,A,C\ncab-3,A,B\ncab-3,A,B",
        &format!("ride_id,shared_trip_id\nr-1,{}", "x".repeat(256)),
    ])
    .unwrap_err();
    check(
        &told(&problems),
        &[
            "registry of vehicles, line 2",
            "registry of rides, line 2",
            "vehicle cab-2 has rows that differ",
        ],
    );
    assert!(!told(&problems).contains("cab-3"));
    for header in [
        "plate,vin",
        "vehicle_id,driver_id",
        "vehicle_id,plate,plate",
    ] {
        assert!(of(&[header]).is_err(), "{header}");
    }
}

#[test]
fn a_registry_finds_each_row_by_fleet_and_id() {
    let profile = Profile::built_in("chicago-tnp").unwrap();
    let mut file = "plate,fleet_id,vehicle_id,color,vin\n".to_owned();
    for fleet in ["", "a", "b"] {
        for number in 0..50 {
            let row = format!("{fleet}{number},{fleet},v-{number},red, V{number} ");
            file.push_str(&row);
            file.push('\n');
        }
    }
    let registry = registry(&profile, &[&file]).unwrap();
    assert_eq!(registry.len(Who::Vehicle), 150);
    let column = |name: &str| {
        registry
            .columns(Who::Vehicle)
            .iter()
            .position(|known| known == name)
            .unwrap()
    };
    for fleet in ["default", "a", "b"] {
        for number in 0..50 {
            let id = format!("v-{number}");
            let row = registry
                .find(Who::Vehicle, FleetId::new(fleet).unwrap(), &id)
                .unwrap();
            let prefix = if fleet == "default" { "" } else { fleet };
            let cell = |name: &str| registry.cell(Who::Vehicle, row, column(name)).unwrap();
            assert_eq!(cell("plate"), format!("{prefix}{number}"));
            assert_eq!(cell("vin"), format!("V{number}"));
        }
        assert!(
            registry
                .find(Who::Vehicle, FleetId::new(fleet).unwrap(), "v-50")
                .is_none()
        );
    }
    assert!(
        registry
            .find(Who::Vehicle, FleetId::new("c").unwrap(), "v-1")
            .is_none()
    );
}

#[test]
fn only_the_fleets_of_the_jurisdiction_are_reported() {
    let profile = Profile::built_in("sf-taxi").unwrap();
    let facts = scene("cab-1", "r-1", at("2026-11-01T12:00:00Z"));
    let rows = |fleets: &str| {
        let jurisdictions =
            JURISDICTIONS.replace("company", &format!("fleets = [{fleets}]\ncompany"));
        fed(
            report_in(&profile, &jurisdictions, "2026-11-01", &FILES),
            &facts,
        )
        .rows
        .len()
    };
    assert_eq!(
        (rows(""), rows("\"default\""), rows("\"other\"")),
        (1, 1, 0)
    );
}
