//! Reports from facts to lines: a scene that every profile reports, a sink that writes lines, and the
//! tests by what they are about.

mod examples;
mod laws;
mod operator;
mod privacy;
mod profiles;
mod rows;

use std::sync::Arc;

use super::*;
use crate::{
    Coordinate, DriverId, FleetId, Money, Ping, PingName, Protocol, RideEvent, RideEventKind,
    RideId, Timestamp, Trip, TripOutcome, VehicleId, VehicleState,
};

/// The operator of the tests.
const JURISDICTIONS: &str = r#"
[jurisdictions.here]
company = "acme"
time_zone = "America/Chicago"
facts = { provider_id = "c3d4e5f6-0000-4000-8000-000000000001", tncid = "PSG0099", hvfhs_license_num = "HV0009" }
"#;

/// Takes rows as lines: topic, then cells between semicolons, `~` for null.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Lines {
    pub(super) rows: Vec<(usize, Timestamp, String)>,
    pub(super) exceptions: Vec<String>,
}

impl Sink for Lines {
    fn row(&mut self, topic: usize, row: Row<'_>) {
        let cells: Vec<_> = row.cells().map(spelt).collect();
        self.rows.push((topic, row.time, cells.join(";")));
    }

    fn exception(&mut self, exception: &Exception<'_>) {
        let ride = exception
            .ride
            .map_or("-".to_owned(), |ride| ride.to_string());
        self.exceptions.push(format!(
            "{} {} {ride} {} {} {}",
            exception.topic,
            exception.vehicle,
            exception.column,
            exception.reason,
            exception.is_written
        ));
    }
}

impl Lines {
    pub(super) fn of(&self, topic: usize) -> Vec<&str> {
        let rows = self.rows.iter().filter(|row| row.0 == topic);
        rows.map(|row| row.2.as_str()).collect()
    }
}

fn spelt(cell: Cell) -> String {
    match cell {
        Cell::Null => "~".to_owned(),
        Cell::Text(text) => text.to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Decimal(number) => number.to_string(),
        Cell::Bool(is) => is.to_string(),
        Cell::Wall(ms) => format!("wall {ms}"),
        Cell::Texts(texts) => format!("[{}]", texts.iter().collect::<Vec<_>>().join(" ")),
    }
}

pub(super) fn at(time: &str) -> Timestamp {
    let moment: jiff::Timestamp = time.parse().unwrap();
    Timestamp(moment.as_millisecond())
}

pub(super) fn place(lat: f64, lng: f64) -> Coordinate {
    Coordinate::from_degrees(lat, lng).unwrap()
}

/// A fact of its own, to be sorted as the archiver does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Owned {
    Event(RideEvent),
    Ping(Ping),
    Trip(Trip),
}

impl Owned {
    pub(super) fn fact(&self) -> Fact<'_> {
        match self {
            Self::Event(event) => Fact::Event(event),
            Self::Ping(ping) => Fact::Ping(ping),
            Self::Trip(trip) => Fact::Trip(trip),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Event(_) => 0,
            Self::Ping(_) => 1,
            Self::Trip(_) => 2,
        }
    }
}

/// Feeds a report as the archiver does, and gives what it told.
pub(super) fn fed(mut report: Report, facts: &[Owned]) -> Lines {
    let mut lines = Lines::default();
    let (from, to) = report.feed();
    let mut facts: Vec<_> = facts.iter().collect();
    facts.sort_by_key(|fact| {
        let (fleet, vehicle) = fact.fact().vehicle();
        let time = fact.fact().time();
        (
            time.0.div_euclid(HOUR_MS),
            fleet,
            vehicle,
            time,
            fact.rank(),
        )
    });
    for hour in (from.0..to.0).step_by(HOUR_MS as usize) {
        let end = Timestamp(hour + HOUR_MS);
        for fact in &facts {
            let fact = fact.fact();
            if (hour..end.0).contains(&fact.time().0) {
                report.take(fact, &mut lines);
            }
        }
        report.end_hour(end, &mut lines);
    }
    report.finish(&mut lines);
    lines
}

/// A profile's report of a period, with a registry of files (each its rows, the header first), one
/// square zone in every layer, and a secret.
pub(super) fn report(profile: &Profile, period: &str, files: &[&str]) -> Report {
    report_in(profile, JURISDICTIONS, period, files)
}

pub(super) fn report_in(
    profile: &Profile,
    jurisdictions: &str,
    period: &str,
    files: &[&str],
) -> Report {
    let mut inputs = inputs_in(profile, jurisdictions, period);
    inputs.registry = Arc::new(registry(profile, files).unwrap());
    Report::new(profile, inputs).unwrap()
}

pub(super) fn inputs(profile: &Profile, period: &str) -> Inputs {
    inputs_in(profile, JURISDICTIONS, period)
}

fn inputs_in(profile: &Profile, jurisdictions: &str, period: &str) -> Inputs {
    let jurisdictions = Jurisdictions::parse(jurisdictions).unwrap();
    let jurisdiction = jurisdictions.named("here").unwrap().clone();
    let zone = profile.time_zone(&jurisdiction).unwrap();
    Inputs {
        scope: Scope {
            period: Period::parse(period, &zone).unwrap(),
            jurisdiction,
            submission_date: Some("2026-12-15".to_owned()),
        },
        registry: Arc::new(Registry::empty(profile)),
        zones: Arc::new(zones(profile)),
        secret: Some(b"0123456789abcdef0123456789abcdef".to_vec()),
    }
}

pub(super) fn registry(profile: &Profile, files: &[&str]) -> Result<Registry, Vec<Problem>> {
    let mut builder = Registry::builder(profile);
    for file in files {
        let mut lines = file.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let layout = builder
            .file(&lines.next().unwrap())
            .map_err(|problem| vec![problem])?;
        for (line, cells) in (2..).zip(lines) {
            builder.row(&layout, line, &cells);
        }
    }
    builder.build()
}

/// Of each layer one zone, from 40 to 43 degrees north and 89 to 73 west: its id is 17, and 265 outside.
fn zones(profile: &Profile) -> Zones {
    let square = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":17},
        "geometry":{"type":"Polygon","coordinates":[[[-89,40],[-73,40],[-73,43],[-89,43],[-89,40]]]}}]}"#;
    let file = ZoneFile {
        file: "square.geojson".to_owned(),
        id: "id".to_owned(),
        outside: Some("265".to_owned()),
    };
    let mut zones = Zones::default();
    for layer in profile.layers() {
        zones.insert(layer, ZoneLayer::parse(square.as_bytes(), &file).unwrap());
    }
    zones
}

pub(super) fn ping(vehicle: &str, time: Timestamp, place: Coordinate, state: VehicleState) -> Ping {
    Ping {
        fleet: FleetId::default(),
        vehicle: VehicleId::new(vehicle).unwrap(),
        driver: Some(DriverId::new("dora").unwrap()),
        ride: None,
        name: PingName::of_time(time),
        time,
        position: place,
        speed: crate::Speed::from_mps(12.5),
        heading: crate::Heading::from_degrees(90.25),
        accuracy: crate::Accuracy::from_meters(4.0),
        altitude: None,
        state,
        received_at: time,
        protocol: Protocol::Unspecified,
    }
}

pub(super) fn event(vehicle: &str, ride: &str, time: Timestamp, kind: RideEventKind) -> RideEvent {
    RideEvent {
        fleet: FleetId::default(),
        ride: RideId::new(ride).unwrap(),
        vehicle: VehicleId::new(vehicle).unwrap(),
        driver: Some(DriverId::new("dora").unwrap()),
        time,
        received_at: time,
        kind,
    }
}

/// A cab that drives north by 55.6 m every 30 s for 10 minutes and a half: free for two minutes, sent
/// to a rider, there after 100 s, with the passenger from the fourth minute to the ninth, free
/// again, and at last off duty.
pub(super) fn scene(vehicle: &str, ride: &str, begin: Timestamp) -> Vec<Owned> {
    let after = |seconds: i64| Timestamp(begin.0 + seconds * 1000);
    let along = |seconds: i64| place(41.88 + 0.0005 * (seconds / 30) as f64, -87.63);
    let mut facts = Vec::new();
    for seconds in (0..=630).step_by(30) {
        let state = match seconds {
            0..120 | 540..630 => VehicleState::Available,
            120..240 => VehicleState::Reserved,
            240..540 => VehicleState::OnTrip,
            _ => VehicleState::NonOperational,
        };
        let mut ping = ping(vehicle, after(seconds), along(seconds), state);
        if (120..540).contains(&seconds) {
            ping.ride = Some(RideId::new(ride).unwrap());
        }
        facts.push(Owned::Ping(ping));
    }
    let (pickup, dropoff) = (along(240), along(540));
    let route = None;
    let fare = Money {
        minor_units: 1850,
        currency: crate::ride_event::Currency::new("USD").unwrap(),
    };
    for (seconds, kind) in [
        (
            120,
            RideEventKind::Assigned {
                pickup,
                dropoff,
                route,
            },
        ),
        (220, RideEventKind::Arrived),
        (240, RideEventKind::PickedUp),
        (540, RideEventKind::DroppedOff { fare: Some(fare) }),
    ] {
        facts.push(Owned::Event(event(vehicle, ride, after(seconds), kind)));
    }
    facts.push(Owned::Trip(Trip {
        fleet: FleetId::default(),
        ride: RideId::new(ride).unwrap(),
        vehicle: VehicleId::new(vehicle).unwrap(),
        driver: Some(DriverId::new("dora").unwrap()),
        version: 1,
        outcome: TripOutcome::Completed,
        cancelled_by: crate::CancelledBy::Unspecified,
        assigned: Some(after(120)),
        arrived: Some(after(220)),
        picked_up: Some(after(240)),
        ended: after(540),
        pickup: Some(pickup),
        dropoff: Some(dropoff),
        distance_m: 556,
        to_pickup_m: 222,
        duration_s: 300,
        waiting_s: 20,
        route: String::new(),
        fare: Some(fare),
        pings: 11,
        largest_gap_s: 30,
    }));
    facts
}

/// What the fleet knows of the scene: everything that any profile asks for.
pub(super) const FILES: [&str; 3] = [
    "vehicle_id,plate,vin,placard,make,model,year,color,vehicle_type,propulsion_types,inspection_date,dispatching_base_num,originating_base_num
cab-1,AB 123,1HGCM82633A004352,0042,Toyota,Prius,2021,white,car,hybrid;electric,2026-01-31,B00014,B00015
cab-2,CD 456,1HGCM82633A004353,0043,Ford,Transit,2019,blue,car,combustion,2026-02-28,B00014,",
    "driver_id,license_number,license_state
dora,D123-4567,IL",
    "ride_id,total_cents,fare_cents,meter_fare_cents,base_fare_cents,tip_cents,taxes_and_fees_cents,other_charges_cents,tolls_cents,government_taxes_and_fees_cents,company_fees_cents,driver_pay_cents,shared_authorized,shared_match,shared_trip_id,passenger_count,outside_s,outside_m,surge,service_type,requested,quoted_start,trip_type,hail_type,payment_type,fare_type,paratransit,sfo_pickup,black_car_fund_cents,sales_tax_cents,congestion_surcharge_cents,airport_fee_cents,wheelchair_requested,wheelchair_matched,cbd_congestion_fee_cents
r-1,2500,1850,1850,1850,300,250,100,75,150,25,1300,no,no,S1,2,0,0,yes,standard,2026-11-01T06:50:00Z,2026-11-01T06:58:00Z,private,app,credit_card,meter_fare,false,false,46,164,275,0,N,N,150
r-2,2500,1850,1850,1850,0,250,100,75,150,25,1300,no,no,S2,1,0,0,no,standard,2026-11-01T06:50:00Z,2026-11-01T06:58:00Z,private,app,cash,meter_fare,false,false,46,164,275,0,N,N,150",
];
