//! Reports of real cabs: San Francisco's pings are replayed and reported, and DuckDB computes from the same
//! file, and nothing of ours, what the reports must say. Skipped, loudly, where the data or DuckDB is absent.

use crate::{
    replay::data,
    support::{
        office::{Office, check},
        program::command,
        readers,
    },
};

/// Of these some two days are whole.
const PINGS: &str = "450000";
const DAY: &str = "2008-05-18";

/// Compares each report with what the file says:
/// - trips: a run of pings with a passenger, from its first one to the first one without, unless the cab's
///   first ping has one: where that began nobody knows;
/// - telemetry: all pings;
/// - locations: at every full minute the newest ping, if it is at most 120 s old.
const COMPARE: &str = r#"
import csv, duckdb, glob, json, sys
out, source, day, pings = sys.argv[1:5]
def file(pattern):
    found, = glob.glob(f'{out}/{pattern}')
    return found
def times(zone):
    return db.execute(f"select epoch(timezone('{zone}', timestamp '{day}')), epoch(timezone('{zone}', timestamp '{day}' + interval 1 day))").fetchone()
db = duckdb.connect()
db.execute("set TimeZone = 'UTC'")
db.execute('set enable_progress_bar = false')
db.execute(f"create table sent as select * from (select *, row_number() over (order by t) place from '{source}') where place <= {pings}")

begin, end = times('America/Los_Angeles')
theirs = sorted(db.execute(f"""
    with one as (select cab, t, occ, lag(occ) over cabs before
                 from sent window cabs as (partition by cab order by t)),
         edges as (select cab, t, occ, before, lead(t) over (partition by cab order by t) until from one
                   where occ is distinct from before)
    select strftime(timezone('America/Los_Angeles', to_timestamp(t)), '%Y-%m-%dT%H:%M:%S'),
           strftime(timezone('America/Los_Angeles', to_timestamp(until)), '%Y-%m-%dT%H:%M:%S')
    from edges where occ = 1 and before = 0 and until >= {begin} and until < {end}""").fetchall())
rows = csv.DictReader(open(file(f'sf-taxi/bay/{day}/r001/*.csv')))
ours = sorted((row['start_time_local'], row['end_time_local']) for row in rows)
print('trips', len(theirs) > 1000, ours == theirs)

begin, end = times('UTC')
theirs = db.execute(f"select t::bigint * 1000, lat_e5 / 1e5, lon_e5 / 1e5 from sent where t >= {begin} and t < {end}").fetchall()
rows = json.load(open(file(f'mds/bay/{day}/r001/telemetry-1.json')))['telemetry']
ours = [(row['timestamp'], row['location']['lat'], row['location']['lng']) for row in rows]
print('telemetry', len(theirs) > 100000, sorted(ours) == sorted(theirs))

begin, end = times('America/Chicago')
theirs, = db.execute(f"""
    with shown as (select greatest(t, {begin}) since,
                          least(coalesce(lead(t) over (partition by cab order by t) - 1, t + 120), t + 120, {end} - 1) till
                   from (select distinct cab, t from sent))
    select sum(floor(till / 60) - ceil(since / 60) + 1) from shown where till >= since""").fetchone()
ours = sum(1 for _ in csv.DictReader(open(file(f'chicago-tnp/bay/{day}/r001/*location*.csv'))))
print('locations', theirs > 50000, ours == theirs)
"#;

#[test]
fn reports_of_san_francisco_are_what_others_make_of_its_pings() {
    let test = "reports_of_san_francisco_are_what_others_make_of_its_pings";
    let Some(source) = data("sf_cabs_2008.parquet", test) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let source = source.to_str().unwrap();
    let office = Office::of(command(&["replay", source, "--limit", PINGS]), &[]);
    for profile in ["sf-taxi", "mds", "chicago-tnp"] {
        check(&office.export("out", profile, DAY, &[]), "exported");
    }
    let out = office.text("out");
    let compared = readers::run(&python, COMPARE, &[&out, source, DAY, PINGS]);
    let expected = "trips True True\ntelemetry True True\nlocations True True";
    assert_eq!(compared, expected);
}
