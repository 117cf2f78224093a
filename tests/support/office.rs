//! An office that reports to regulators: an archive that the real program wrote of some hours, and all
//! that exports are made with. What they are to hold, the tests know.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use super::{
    archive,
    program::{self, Program, command},
};

/// When the fleet begins to drive: 2026-03-08 08:30 UTC, half past midnight in California, 90 minutes
/// before its clocks are put forward.
pub(crate) const START_MS: i64 = 1_772_958_600_000;
pub(crate) const DAY: &str = "2026-03-08";
pub(crate) const HOUR: &str = "2026-03-08T09";

const JURISDICTIONS: &str = r#"
[jurisdictions.bay]
company = "acme"
time_zone = "America/Los_Angeles"

[jurisdictions.bay.facts]
provider_id = "c3d4e5f6-0000-4000-8000-000000000001"
tncid = "TNC-1"
hvfhs_license_num = "HV0003"

[jurisdictions.bay.zones.block]
file = "zones.geojson"
id = "name"

[jurisdictions.bay.zones.zip]
file = "zones.geojson"
id = "name"

[jurisdictions.bay.zones.tract]
file = "zones.geojson"
id = "name"

[jurisdictions.bay.zones.taxi]
file = "zones.geojson"
id = "name"
outside = "265"
"#;

/// Two halves of San Francisco.
const ZONES: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"name":"1"},"geometry":{"type":"Polygon","coordinates":
  [[[-122.6,37.6],[-122.42,37.6],[-122.42,37.9],[-122.6,37.9],[-122.6,37.6]]]}},
{"type":"Feature","properties":{"name":"2"},"geometry":{"type":"Polygon","coordinates":
  [[[-122.42,37.6],[-122.2,37.6],[-122.2,37.9],[-122.42,37.9],[-122.42,37.6]]]}}
]}"#;

/// An archive of some hours, and what exports are made with.
pub(crate) struct Office {
    pub(crate) scratch: TempDir,
}

impl Office {
    /// Lets a fleet drive, and archives it.
    pub(crate) fn open() -> Self {
        Self::open_at(START_MS, &[])
    }

    /// The same, of a fleet that began to drive then, with more flags for the program.
    pub(crate) fn open_at(start_ms: i64, flags: &[&str]) -> Self {
        let start = start_ms.to_string();
        let mut simulate = command(&["simulate", "--start", &start, "--vehicles", "20"]);
        simulate.args([
            "--interval",
            "5s",
            "--pings",
            "30000",
            "--rate",
            "0",
            "--seed",
            "4",
        ]);
        Self::of(simulate, flags)
    }

    /// The same, of what a command sends.
    pub(crate) fn of(mut send: Command, flags: &[&str]) -> Self {
        let office = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        let flags = [&["--max-behind", "36500d"], flags].concat();
        let program = Program::start(office.scratch.path(), &flags);
        send.args(["--to", &format!("http://{}", program.ingest)]);
        let status = send.stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{status}");
        program.stop();
        fs::write(office.path("jurisdictions.toml"), JURISDICTIONS).unwrap();
        fs::write(office.path("zones.geojson"), ZONES).unwrap();
        fs::write(office.path("secret"), "s".repeat(32)).unwrap();
        let (private, public) = (office.text("private.jwk"), office.text("public.jwk"));
        let made = archiver(&["key", "--private", &private, "--public", &public]);
        assert!(made.status.success(), "{}", said(&made));
        office
    }

    pub(crate) fn program(&self) -> Program {
        Program::start(self.scratch.path(), &["--max-behind", "36500d"])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("file://{}", self.text(name))
    }

    /// Files of what MDS wants to know of vehicles and rides, and Hansom is not told.
    pub(crate) fn registry(&self) -> (String, String) {
        let ids = |table: &str, id: &str| -> BTreeSet<String> {
            let rows = archive::rows(self.scratch.path(), table).into_iter();
            rows.map(|row| format!("{},{}", row["fleet_id"], row[id]))
                .collect()
        };
        let write = |name: &str, header: &str, ids: BTreeSet<String>, facts: &str| {
            let lines: Vec<String> = ids.iter().map(|id| format!("{id},{facts}")).collect();
            let text = format!("{header}\n{}\n", lines.join("\n"));
            fs::write(self.path(name), text).unwrap();
            self.text(name)
        };
        let vehicles = write(
            "vehicles.csv",
            "fleet_id,vehicle_id,placard,vehicle_type,propulsion_types",
            ids("pings", "vehicle_id"),
            "P-1,car,hybrid;electric",
        );
        let rides = write(
            "rides.csv",
            "fleet_id,ride_id,trip_type,hail_type,passenger_count,requested,quoted_start,payment_type,fare_type",
            ids("trips", "ride_id"),
            "private,app,2,2026-03-08T08:30:00Z,2026-03-08T08:40:00Z,credit_card,meter_fare",
        );
        (vehicles, rides)
    }

    /// Makes an export.
    pub(crate) fn export(&self, out: &str, profile: &str, period: &str, more: &[&str]) -> Output {
        let (archive, out) = (self.url("archive"), self.url(out));
        let has = |flag| more.contains(&flag);
        let [jurisdictions, key, secret] =
            ["jurisdictions.toml", "private.jwk", "secret"].map(|name| self.text(name));
        let mut flags = vec!["export", "--profile", profile, "--period", period];
        if !has("--out") {
            flags.extend(["--out", &out]);
        }
        flags.extend(["--jurisdictions", &jurisdictions]);
        if !has("--archive") {
            flags.extend(["--archive", &archive]);
        }
        if !has("--jurisdiction") {
            flags.extend(["--jurisdiction", "bay"]);
        }
        flags.extend(["--key", &key, "--secret", &secret]);
        flags.extend(["--submission-date", "2026-04-01"]);
        flags.extend(more);
        archiver(&flags)
    }

    pub(crate) fn verify(&self, out: &str) -> Output {
        let (out, public) = (self.url(out), self.text("public.jwk"));
        archiver(&["verify", &out, "--key", &public])
    }

    /// Every file below a directory, by its path from there, with its bytes.
    pub(crate) fn files(&self, out: &str) -> Vec<(String, Vec<u8>)> {
        let root = self.path(out);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                if !name.starts_with(".tmp~") {
                    found.push((name.to_owned(), fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }
}

/// Runs a command of the archiver.
pub(crate) fn archiver(arguments: &[&str]) -> Output {
    program::service("archiver", arguments).output().unwrap()
}

/// All that a command has said.
pub(crate) fn said(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{error}")
}

/// Checks that a command has succeeded, and said this.
pub(crate) fn check(output: &Output, expected: &str) {
    let said = said(output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(expected), "{said}");
}

/// Checks that a command has failed, and said this.
pub(crate) fn check_refused(output: &Output, expected: &str) {
    let said = said(output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(expected), "{said}");
}
