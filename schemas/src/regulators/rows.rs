//! Generators of rows: each makes one kind of row from the facts of the archive, with a state that is
//! bounded by the number of vehicles. Which columns are written of them is a profile's.

mod duty;
mod events;
mod periods;
mod sessions;
mod snapshots;
mod telemetry;
mod trips;
mod vehicles;

pub(crate) use trips::Groups;

use super::{
    Fact, Table, Topic,
    field::{self, Kind},
    writing::Emit,
};
use crate::Timestamp;

/// The kinds of rows that a topic can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    Trips,
    Telemetry,
    Events,
    Vehicles,
    Snapshots,
    Sessions,
    Periods,
}

/// A generator at work.
pub(crate) enum Generator {
    Trips(trips::Trips),
    Telemetry,
    Events(events::Events),
    Vehicles(vehicles::Vehicles),
    Snapshots(snapshots::Snapshots),
    Sessions(sessions::Sessions),
    Periods(periods::Periods),
}

impl Rows {
    const ALL: [Self; 7] = [
        Self::Trips,
        Self::Telemetry,
        Self::Events,
        Self::Vehicles,
        Self::Snapshots,
        Self::Sessions,
        Self::Periods,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trips => "trips",
            Self::Telemetry => "telemetry",
            Self::Events => "events",
            Self::Vehicles => "vehicles",
            Self::Snapshots => "snapshots",
            Self::Sessions => "sessions",
            Self::Periods => "periods",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rows| rows.as_str() == name)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::as_str)
    }

    pub(crate) fn fields(self) -> Vec<(&'static str, Kind)> {
        match self {
            Self::Trips => field::names::<trips::TripRow>(),
            Self::Telemetry => field::names::<telemetry::PingRow>(),
            Self::Events => field::names::<events::EventRow>(),
            Self::Vehicles => field::names::<vehicles::VehicleRow>(),
            Self::Snapshots => field::names::<snapshots::SnapshotRow>(),
            Self::Sessions => field::names::<sessions::SessionRow>(),
            Self::Periods => field::names::<periods::PeriodRow>(),
        }
    }

    pub(crate) fn reads(self, table: Table) -> bool {
        match self {
            Self::Trips => table == Table::Trips,
            Self::Telemetry | Self::Snapshots => table == Table::Pings,
            Self::Events | Self::Sessions => table != Table::Trips,
            Self::Vehicles | Self::Periods => true,
        }
    }

    /// Whether it must know when a vehicle is off duty.
    pub(crate) fn follows_duty(self) -> bool {
        matches!(
            self,
            Self::Events | Self::Snapshots | Self::Sessions | Self::Periods
        )
    }
}

impl Generator {
    pub(crate) fn new(topic: &Topic, groups: Groups, feed_from: Timestamp) -> Self {
        let silence_ms = topic.limits.silence_ms;
        match topic.rows {
            Rows::Trips => Self::Trips(trips::Trips::new(topic.limits.only, groups)),
            Rows::Telemetry => Self::Telemetry,
            Rows::Events => Self::Events(events::Events::new(silence_ms)),
            Rows::Vehicles => Self::Vehicles(vehicles::Vehicles::default()),
            Rows::Snapshots => Self::Snapshots(snapshots::Snapshots::new(topic.limits)),
            Rows::Sessions => Self::Sessions(sessions::Sessions::new(silence_ms, feed_from)),
            Rows::Periods => Self::Periods(periods::Periods::new(silence_ms, feed_from)),
        }
    }

    pub(crate) fn take(&mut self, fact: Fact, emit: &mut Emit) {
        match (self, fact) {
            (Self::Trips(trips), Fact::Trip(trip)) => trips.take(trip, emit),
            (Self::Telemetry, Fact::Ping(ping)) => telemetry::take(ping, emit),
            (Self::Events(events), Fact::Ping(ping)) => events.ping(ping, emit),
            (Self::Events(events), Fact::Event(event)) => events.event(event, emit),
            (Self::Vehicles(vehicles), fact) => vehicles.take(fact, emit),
            (Self::Snapshots(snapshots), Fact::Ping(ping)) => snapshots.ping(ping, emit),
            (Self::Sessions(sessions), Fact::Ping(ping)) => sessions.ping(ping, emit),
            (Self::Sessions(sessions), Fact::Event(event)) => sessions.event(event, emit),
            (Self::Periods(periods), Fact::Ping(ping)) => periods.ping(ping),
            (Self::Periods(periods), Fact::Event(event)) => periods.event(event),
            (Self::Periods(periods), Fact::Trip(trip)) => periods.trip(trip, emit),
            (Self::Trips(_) | Self::Telemetry | Self::Snapshots(_), _)
            | (Self::Events(_) | Self::Sessions(_), Fact::Trip(_)) => {}
        }
    }

    /// Says that every fact before `end` was given.
    pub(crate) fn end_hour(&mut self, end: Timestamp, emit: &mut Emit) {
        match self {
            Self::Trips(trips) => trips.end_hour(emit),
            Self::Telemetry | Self::Vehicles(_) => {}
            Self::Events(events) => events.end_hour(end, emit),
            Self::Snapshots(snapshots) => snapshots.end_hour(end, emit),
            Self::Sessions(sessions) => sessions.end_hour(end, emit),
            Self::Periods(periods) => periods.end_hour(end),
        }
    }

    /// Says that every fact was given.
    pub(crate) fn finish(&mut self, emit: &mut Emit) {
        match self {
            Self::Trips(trips) => trips.end_hour(emit),
            Self::Vehicles(vehicles) => vehicles.finish(emit),
            _ => {}
        }
    }
}
