//! A history that tests write: cabs that drive a straight road to and fro, and carry riders one way.

use std::{fmt::Write as _, fs, path::Path};

/// Cabs of the history.
pub(crate) const CABS: usize = 8;
/// Rides of each.
pub(crate) const RIDES_OF_A_CAB: usize = 4;
/// A ride takes 600 s, with a ping every 30 s, the one at its end not counted.
pub(crate) const PINGS_OF_A_RIDE: usize = 20;
/// When the first ride begins, s.
pub(crate) const START_S: i64 = 1_212_000_000;
/// From the begin of a cab's ride to that of its next.
pub(crate) const CYCLE_S: i64 = 1_320;
const RIDE_S: i64 = 600;
const INTERVAL_S: i64 = 30;
/// About 9 m/s.
const E5_PER_INTERVAL: i64 = 250;

/// Writes `pings.csv` and `trips.csv`, and hands over the flags that name them.
pub(crate) fn write(directory: &Path) -> Vec<String> {
    let mut pings = "cab,t,lat_e5,lon_e5\n".to_owned();
    let mut trips = "cab,pickup_t,dropoff_t,pickup_lat_e5,pickup_lon_e5,dropoff_lat_e5,\
                     dropoff_lon_e5\n"
        .to_owned();
    for cab in 0..CABS as i64 {
        let (south, lon) = (3_770_000, -12_240_000 + cab * 100);
        let north = south + RIDE_S / INTERVAL_S * E5_PER_INTERVAL;
        for ride in 0..RIDES_OF_A_CAB as i64 {
            let begin = START_S + cab * 37 + ride * CYCLE_S;
            let end = begin + RIDE_S;
            writeln!(trips, "{cab},{begin},{end},{south},{lon},{north},{lon}").unwrap();
            for step in 0..CYCLE_S / INTERVAL_S {
                let there = step.min(2 * RIDE_S / INTERVAL_S - step).max(0);
                let (time, lat) = (begin + step * INTERVAL_S, south + there * E5_PER_INTERVAL);
                writeln!(pings, "{cab},{time},{lat},{lon}").unwrap();
            }
        }
    }
    let flag = |name: &str, text: &str| {
        let path = directory.join(format!("{name}.csv"));
        fs::write(&path, text).unwrap();
        [format!("--{name}"), path.to_str().unwrap().to_owned()]
    };
    [flag("pings", &pings), flag("trips", &trips)].concat()
}

/// The settings of a command as its flags give them.
pub(crate) fn parsed<Settings: clap::Args>(flags: &[String], more: &[&str]) -> Settings {
    let command = Settings::augment_args(clap::Command::new("command"));
    let flags = flags.iter().map(String::as_str);
    let line = ["command"]
        .into_iter()
        .chain(flags)
        .chain(more.iter().copied());
    Settings::from_arg_matches(&command.get_matches_from(line)).unwrap()
}
