//! The metrics of this service, one function each. Pings are counted a batch at a time.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use schemas::Phase;

use crate::{
    gate::Verdict,
    learner,
    ride::EventOutcome,
    shard_state::{Effects, Outcome},
};

/// Pings a batch, by what became of them.
const PINGS: [(Verdict, &str); 6] = [
    (Verdict::Accepted, "accepted"),
    (Verdict::JumpConfirmed, "jump_confirmed"),
    (Verdict::Held, "held"),
    (Verdict::Late, "late"),
    (Verdict::Repeat, "repeat"),
    (Verdict::Forgotten, "forgotten"),
];
/// Ride events a batch, by what became of them.
const EVENTS: [(EventOutcome, &str); 4] = [
    (EventOutcome::Applied, "applied"),
    (EventOutcome::Repeat, "repeat"),
    (EventOutcome::FormerVehicle, "former_vehicle"),
    (EventOutcome::TooLate, "too_late"),
];

/// Describes the metrics, and shows those that an alert waits for while they are zero: of a counter
/// that begins with its first count nobody sees that it has grown.
pub(crate) fn describe() {
    learner::metrics::describe();
    describe_counter!(
        "hansom_processor_pings_total",
        "Pings read, by what became of them"
    );
    describe_counter!(
        "hansom_processor_ride_events_total",
        "Ride events read, by what became of them"
    );
    describe_counter!(
        "hansom_processor_undecodable_total",
        "Records passed over because they cannot be decoded"
    );
    describe_counter!(
        "hansom_processor_no_room_total",
        "Pings and ride events passed over because there are too many vehicles"
    );
    describe_histogram!(
        "hansom_processor_lag_seconds",
        Unit::Seconds,
        "From the stream's taking of a batch's last record to its being processed"
    );
    describe_counter!(
        "hansom_processor_trips_total",
        "Trips that the stream has taken"
    );
    describe_counter!(
        "hansom_processor_snapshots_total",
        "Snapshots of a shard's state, by what became of them"
    );
    describe_counter!(
        "hansom_processor_gaps_total",
        "Ranges that the stream dropped before they were read"
    );
    describe_counter!(
        "hansom_processor_cache_failures_total",
        "Writes that the cache did not take, for it was away"
    );
    describe_counter!(
        "hansom_processor_cache_changes_total",
        "Rides and vehicles that went to the cache"
    );
    describe_histogram!(
        "hansom_processor_cache_lag_seconds",
        Unit::Seconds,
        "From the stream's taking of the oldest record of a write to the cache to that write's end"
    );
    describe_histogram!(
        "hansom_processor_cache_recovery_seconds",
        Unit::Seconds,
        "For how long the cache missed something of a shard, after it was away or has lost all"
    );
    describe_gauge!(
        "hansom_processor_cache_waiting_vehicles",
        "Vehicles that the cache does not have as they are"
    );
    describe_counter!(
        "hansom_processor_live_reads_total",
        "Rides and vehicles told: read from the cache, read recently, or old as the cache is away"
    );
    describe_gauge!("hansom_processor_shards", "Shards that are followed");
    describe_gauge!("hansom_processor_vehicles", "Vehicles that are followed");
    describe_gauge!(
        "hansom_processor_rides",
        "Rides that are remembered, by phase"
    );
    describe_counter!(
        "hansom_processor_live_requests_total",
        "Answers of the live API, by class of status"
    );
    for name in [
        "hansom_processor_gaps_total",
        "hansom_processor_cache_failures_total",
        "hansom_processor_no_room_total",
        "hansom_processor_undecodable_total",
    ] {
        counter!(name).increment(0);
    }
    counter!("hansom_processor_live_requests_total", "status" => "5xx").increment(0);
}

/// Whether a parent of a shard has left a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parent {
    Found,
    Missing,
}

/// What became of the records of a batch. There is no room for those of a vehicle too many.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pings: [u64; PINGS.len()],
    events: [u64; EVENTS.len()],
    undecodable: u64,
    no_room: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ping(verdict) => self.pings[verdict as usize] += 1,
            Outcome::RideEvent(event) => self.events[event as usize] += 1,
            Outcome::Trip => {}
            Outcome::NoRoom => self.no_room += 1,
        }
    }

    pub(crate) fn count_undecodable(&mut self) {
        self.undecodable += 1;
    }

    pub(crate) fn report(&self) {
        for (verdict, outcome) in PINGS {
            let count = self.pings[verdict as usize];
            counter!("hansom_processor_pings_total", "outcome" => outcome).increment(count);
        }
        for (event, outcome) in EVENTS {
            let count = self.events[event as usize];
            counter!("hansom_processor_ride_events_total", "outcome" => outcome).increment(count);
        }
        counter!("hansom_processor_undecodable_total").increment(self.undecodable);
        counter!("hansom_processor_no_room_total").increment(self.no_room);
    }
}

/// What a state asked to be done, but for the changes.
pub(crate) fn effects(effects: &Effects) {
    learner::metrics::drives(effects);
    counter!("hansom_processor_vehicles_forgotten_total").increment(effects.forgotten_vehicles);
    counter!("hansom_processor_rides_forgotten_total").increment(effects.forgotten_rides);
    counter!("hansom_processor_rides_abandoned_total").increment(effects.abandoned_rides);
}

/// The time from the stream's taking a batch's last record to its being processed.
pub(crate) fn lag(lag: Duration) {
    histogram!("hansom_processor_lag_seconds").record(lag.as_secs_f64());
}

pub(crate) fn trips_written(count: usize) {
    counter!("hansom_processor_trips_total").increment(count as u64);
}

pub(crate) fn trip_rejected() {
    counter!("hansom_processor_trips_rejected_total").increment(1);
}

pub(crate) fn trips_retried(count: usize) {
    counter!("hansom_processor_trips_retried_total").increment(count as u64);
}

pub(crate) fn snapshot_stored() {
    counter!("hansom_processor_snapshots_total", "outcome" => "stored").increment(1);
}

pub(crate) fn snapshot_failed() {
    counter!("hansom_processor_snapshots_total", "outcome" => "failed").increment(1);
}

pub(crate) fn shard_lost() {
    counter!("hansom_processor_snapshots_total", "outcome" => "lost").increment(1);
}

/// The snapshot of a parent was looked for, to begin a shard with.
pub(crate) fn parent_sought(parent: Parent) {
    let outcome = match parent {
        Parent::Found => "found",
        Parent::Missing => "missing",
    };
    counter!("hansom_processor_parents_total", "outcome" => outcome).increment(1);
}

pub(crate) fn finish_failed() {
    counter!("hansom_processor_finish_failures_total").increment(1);
}

pub(crate) fn gap() {
    counter!("hansom_processor_gaps_total").increment(1);
}

pub(crate) fn cache_failed() {
    counter!("hansom_processor_cache_failures_total").increment(1);
}

/// So many changes went to the cache.
pub(crate) fn cache_changes(count: usize) {
    counter!("hansom_processor_cache_changes_total").increment(count as u64);
}

/// The time from the stream's taking the oldest record of a write to the cache to that write's end.
pub(crate) fn cache_lag(lag: Duration) {
    histogram!("hansom_processor_cache_lag_seconds").record(lag.as_secs_f64());
}

/// The time for which the cache missed something of a shard.
pub(crate) fn cache_recovered(after: Duration) {
    histogram!("hansom_processor_cache_recovery_seconds").record(after.as_secs_f64());
}

/// Vehicles that the cache does not have as they are.
pub(crate) fn cache_waiting_changed(by: f64) {
    gauge!("hansom_processor_cache_waiting_vehicles").increment(by);
}

pub(crate) fn cache_refused() {
    counter!("hansom_processor_cache_refused_total").increment(1);
}

pub(crate) fn shards_changed(by: f64) {
    gauge!("hansom_processor_shards").increment(by);
}

pub(crate) fn vehicles_changed(by: f64) {
    gauge!("hansom_processor_vehicles").increment(by);
}

pub(crate) fn trips_waiting_changed(by: f64) {
    gauge!("hansom_processor_trips_waiting").increment(by);
}

pub(crate) fn rides_changed(phase: Phase, by: f64) {
    gauge!("hansom_processor_rides", "phase" => phase.as_str()).increment(by);
}

pub(crate) fn live_streams_changed(by: f64) {
    gauge!("hansom_processor_live_streams").increment(by);
}

/// A ride or vehicle was told: read from the `cache`, or `recent`ly, or an `old` one as the cache is
/// away.
pub(crate) fn live_read(from: &'static str) {
    counter!("hansom_processor_live_reads_total", "from" => from).increment(1);
}

pub(crate) fn live_answered(status: u16) {
    let class = match status {
        200..=299 => "2xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    };
    counter!("hansom_processor_live_requests_total", "status" => class).increment(1);
}
