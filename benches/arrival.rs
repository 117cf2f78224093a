//! What arrival times cost: a prediction with every ping of a drive, what a drive teaches, and a fit.
//! How good they are is measured by `hansom backtest`. The city is made up, and no ping comes by a
//! stream.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

#[path = "support/cpu.rs"]
mod cpu;

use processor::{
    ShardState,
    eta::{Lesson, Model, Models},
};
use schemas::{
    Coordinate, FleetId, Ping, PingName, Protocol, Record, RideEvent, RideEventKind, RideId,
    Timestamp, VehicleId, VehicleState,
};

use cpu::cpu_seconds;

/// Drives, and pings of each: what a fleet of 200 cabs does in two weeks.
const DRIVES: u64 = 45_000;
const PINGS: i64 = 11;
const SECONDS_A_PING: i64 = 60;
/// A drive begins so long after the one before it.
const BETWEEN_MS: i64 = 28_000;
/// 2026-03-02 06:00 UTC.
const START_MS: i64 = 1_772_431_200_000;
/// Drives over which vehicles with and without a ride are compared.
const COMPARED: u64 = 20_000;

fn main() -> anyhow::Result<()> {
    let drives: Vec<Drive> = (0..DRIVES).map(Drive::of).collect::<anyhow::Result<_>>()?;
    let mut state = ShardState::default();
    for drive in &drives {
        drive.play(&mut state, Rides::Made);
    }
    let lessons: Vec<Lesson> = state.lessons().cloned().collect();
    let glimpses: usize = lessons.iter().map(Lesson::len).sum();
    println!("{} drives, {glimpses} glimpses", lessons.len());

    let mut model = Model::default();
    let learning = cpu(|| {
        for lesson in lessons {
            model.learn(lesson);
        }
    });
    println!("learn: {:.3} us a ping", learning * 1e6 / glimpses as f64);
    println!(
        "what is remembered: {:.1} MB",
        model.memory().bytes() as f64 / 1e6
    );
    let mut fitted = Model::default();
    let fit = cpu(|| fitted = model.fitted());
    println!(
        "fit: {fit:.2} s, {:.2} us a ping that is remembered",
        fit * 1e6 / glimpses as f64
    );
    println!("stored: {:.1} MB", fitted.encode()?.len() as f64 / 1e6);

    let models = Models::of([fitted.predictor().clone()]);
    let (mut free, mut by_formula, mut by_model) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..3 {
        free = free.min(follow(&drives, Rides::None, Models::default()));
        by_formula = by_formula.min(follow(&drives, Rides::Made, Models::default()));
        by_model = by_model.min(follow(&drives, Rides::Made, models.clone()));
    }
    println!("follow a vehicle without a ride: {free:.2} us a ping");
    println!("with a ride, by the formula: {by_formula:.2} us a ping");
    println!("with a ride, by the model: {by_model:.2} us a ping");
    println!(
        "so the model costs {:.2} us a prediction",
        by_model - by_formula
    );
    Ok(())
}

/// Whether the pings are of a ride.
#[derive(Clone, Copy)]
enum Rides {
    None,
    Made,
}

struct Drive {
    events: [Record; 3],
    pings: Vec<Record>,
}

impl Drive {
    /// A drive from somewhere to somewhere, the same in every run.
    fn of(number: u64) -> anyhow::Result<Self> {
        let draw = |salt: u64| {
            let mixed = (number * 8 + salt + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (mixed >> 40) as f64 / (1_u64 << 24) as f64
        };
        let place = |lat: f64, lng: f64| {
            Coordinate::from_degrees(37.70 + 0.1 * lat, -122.51 + 0.13 * lng)
                .map_err(|_| anyhow::anyhow!("no place"))
        };
        let (from, to) = ((draw(0), draw(1)), (draw(2), draw(3)));
        let vehicle = VehicleId::new(&format!("cab-{}", number % 200))?;
        let start_ms = START_MS + number as i64 * BETWEEN_MS;
        let last = PINGS - 1;
        let pings = (0..PINGS).map(|at| {
            let share = at as f64 / last as f64;
            let along = |from: f64, to: f64| from + share * (to - from);
            let time = Timestamp(start_ms + at * SECONDS_A_PING * 1_000);
            Ok(Record::Ping(Ping {
                fleet: FleetId::default(),
                vehicle,
                driver: None,
                ride: None,
                name: PingName {
                    epoch: 1,
                    seq: time.0 as u64,
                },
                time,
                position: place(along(from.0, to.0), along(from.1, to.1))?,
                speed: None,
                heading: None,
                accuracy: None,
                altitude: None,
                state: VehicleState::OnTrip,
                received_at: time,
                protocol: Protocol::HttpJson,
            }))
        });
        let ride = RideId::new(&format!("ride-{number}"))?;
        let event = |time, kind| {
            Record::RideEvent(Box::new(RideEvent {
                fleet: FleetId::default(),
                ride,
                vehicle,
                driver: None,
                time: Timestamp(time),
                received_at: Timestamp(time),
                kind,
            }))
        };
        let assigned = RideEventKind::Assigned {
            pickup: place(from.0, from.1)?,
            dropoff: place(to.0, to.1)?,
            route: None,
        };
        let end_ms = start_ms + last * SECONDS_A_PING * 1_000;
        Ok(Self {
            pings: pings.collect::<anyhow::Result<_>>()?,
            events: [
                event(start_ms, assigned),
                event(start_ms, RideEventKind::PickedUp),
                event(end_ms, RideEventKind::DroppedOff { fare: None }),
            ],
        })
    }

    fn begin(&self, state: &mut ShardState) {
        for event in &self.events[..2] {
            state.apply(event, START_MS);
        }
    }

    fn play(&self, state: &mut ShardState, rides: Rides) {
        if matches!(rides, Rides::Made) {
            self.begin(state);
        }
        for ping in &self.pings {
            state.apply(ping, START_MS);
        }
        if matches!(rides, Rides::Made) {
            state.apply(&self.events[2], START_MS);
        }
        state.take_effects(usize::MAX);
    }
}

/// CPU of the pings alone, in microseconds a ping.
fn follow(drives: &[Drive], rides: Rides, models: Models) -> f64 {
    let mut state = ShardState::default();
    state.set_models(models);
    let drives = &drives[..COMPARED as usize];
    // All of one vehicle's drives come one after the other: each begins, is driven and ends.
    let whole = cpu(|| {
        for drive in drives {
            drive.play(&mut state, rides);
        }
    });
    let mut state = ShardState::default();
    let events = match rides {
        Rides::None => 0.0,
        Rides::Made => cpu(|| {
            for drive in drives {
                drive.begin(&mut state);
                state.apply(&drive.events[2], START_MS);
                state.take_effects(usize::MAX);
            }
        }),
    };
    (whole - events) * 1e6 / (drives.len() as f64 * PINGS as f64)
}

fn cpu(work: impl FnOnce()) -> f64 {
    let before = cpu_seconds("self");
    work();
    cpu_seconds("self") - before
}
