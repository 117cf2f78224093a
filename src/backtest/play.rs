//! Plays a history to a shard and keeps what its cache would show.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use processor::{
    ShardState,
    cache::Change,
    eta::{Model, Models, Promise},
};
use schemas::{Phase, Record, RideId, RideProgress, Timestamp};

use super::{faults::Faults, sample::Sample, settings::Learning};
use crate::{
    client::Progress,
    history::{History, Records, RideNumber, Step},
    learn::take_lessons,
    replay::RowNumber,
};

/// The progress is told after so many pings.
const PINGS_PER_TICK: u64 = 4_096;

/// A shard to which a history is played.
pub(super) struct Play<'a> {
    history: &'a History,
    /// Rides are scored that begin then or later.
    since: Timestamp,
    records: Records<'a>,
    state: ShardState,
    model: Model,
    learning: Learning,
    shown: HashMap<RideId, Shown>,
    samples: Vec<Sample>,
    samples_at_arrivals: Vec<Sample>,
}

/// What the cache has of a ride, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shown {
    phase: Phase,
    phase_since: Timestamp,
    /// While the rider is on board and a time of arrival is shown.
    promise: Option<Promise>,
}

/// What playing gave.
#[derive(Debug)]
pub(super) struct Played {
    /// At the time of every ping, whatever became of it.
    pub samples: Vec<Sample>,
    /// When pings reached the stream.
    pub samples_at_arrivals: Vec<Sample>,
    /// Every ride as the cache had it last.
    rides: HashMap<RideId, Shown>,
    pub pings: u64,
    pub took: Duration,
}

impl Played {
    /// Whether all rides are in the same phases since the same times as in another play.
    pub(super) fn ended_like(&self, other: &Self) -> bool {
        let state = |shown: &Shown| (shown.phase, shown.phase_since);
        let is_same = |(ride, shown): (&RideId, &Shown)| {
            other.rides.get(ride).map(state) == Some(state(shown))
        };
        self.rides.len() == other.rides.len() && self.rides.iter().all(is_same)
    }
}

impl<'a> Play<'a> {
    pub(super) fn new(
        history: &'a History,
        since: Option<Timestamp>,
        learning: Learning,
        model: Model,
    ) -> Self {
        let mut state = ShardState::default();
        state.set_models(models(&model));
        Self {
            history,
            since: since.unwrap_or(Timestamp(i64::MIN)),
            records: Records::of(history),
            state,
            model,
            learning,
            shown: HashMap::new(),
            samples: Vec::new(),
            samples_at_arrivals: Vec::new(),
        }
    }

    /// Plays the history to its end, with what goes wrong.
    pub(super) fn run(mut self, faults: Faults, progress: &Progress) -> Played {
        let arrivals = faults.arrivals(self.history);
        let steps = self.history.steps(arrivals, self.history.on_time());
        let start = Instant::now();
        let mut pings = 0;
        for (time, step) in steps {
            match step {
                Step::Begins(ride) => self.begin(ride, time),
                Step::Arrives(row) => {
                    self.arrive(row, time, faults);
                    let sample = self.sample(row, time);
                    self.samples_at_arrivals.extend(sample);
                    pings += 1;
                    if pings % PINGS_PER_TICK == 0 {
                        progress.advance(PINGS_PER_TICK);
                    }
                }
                Step::Passes(row) => {
                    let sample = self.sample(row, time);
                    self.samples.extend(sample);
                }
                Step::Ends(ride) => self.end(ride, time),
            }
        }
        Played {
            samples: self.samples,
            samples_at_arrivals: self.samples_at_arrivals,
            rides: self.shown,
            pings,
            took: start.elapsed(),
        }
    }

    fn begin(&mut self, ride: RideNumber, now: Timestamp) {
        for record in self.records.begin(ride) {
            self.state.apply(&record, now.0);
        }
        self.show();
    }

    fn arrive(&mut self, row: RowNumber, now: Timestamp, faults: Faults) {
        if let Some(mut ping) = self.records.ping(row, now) {
            ping.position = faults.place(row, ping.position);
            self.state.apply(&Record::Ping(ping), now.0);
            self.show();
        }
    }

    fn end(&mut self, ride: RideNumber, now: Timestamp) {
        self.state.apply(&self.records.end(ride), now.0);
        self.show();
        match self.learning {
            Learning::Goes => self.learn(),
            Learning::Rests => self.forget(),
        }
    }

    fn learn(&mut self) {
        take_lessons(&mut self.state, &mut self.model);
        if self.model.is_fit_due() {
            self.model = self.model.fitted();
            self.state.set_models(models(&self.model));
        }
    }

    fn forget(&mut self) {
        let lessons = self.state.lessons().len();
        self.state.forget_lessons(lessons);
        self.state.forget_trips();
    }

    /// Takes over into the cache what has changed.
    fn show(&mut self) {
        for change in self.state.take_effects(usize::MAX).changes {
            if let Change::Ride(progress) = change {
                let shown = self.shown_of(&progress);
                self.shown.insert(progress.ride_id, shown);
            }
        }
    }

    fn shown_of(&mut self, progress: &RideProgress) -> Shown {
        let is_shown = progress.phase == Phase::OnTrip && progress.eta_ms.is_some();
        let promise = self.state.promised(progress.fleet_id, progress.ride_id);
        Shown {
            phase: progress.phase,
            phase_since: progress.phase_since_ms,
            promise: promise.filter(|_| is_shown),
        }
    }

    /// Compares what the cache shows with what is to come, if a rider is on board that is scored.
    fn sample(&self, row: RowNumber, now: Timestamp) -> Option<Sample> {
        let vehicle = self.history.pings.vehicle(row);
        let number = self.records.ride_at(vehicle, now)?;
        let ride = self.history.ride(number);
        if ride.picked_up < self.since {
            return None;
        }
        let shown = self.shown.get(&ride.id);
        let promise = shown.and_then(|shown| shown.promise.as_ref());
        Some(Sample::new(number, ride, now, promise))
    }
}

fn models(model: &Model) -> Models {
    Models::of([model.predictor().clone()])
}
