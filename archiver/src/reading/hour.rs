//! What happened in an hour: pings, ride events and trips of every vehicle in the order of time. What
//! is made of them is for who reads.

use schemas::{FleetId, Ping, RideEvent, Timestamp, Trip, VehicleId};

use super::Merge;
use crate::{commit::File, storage::Storage};

/// The files of an hour, by table.
#[derive(Debug, Default)]
pub(crate) struct HourFiles {
    pub(crate) pings: Vec<File>,
    pub(crate) ride_events: Vec<File>,
    pub(crate) trips: Vec<File>,
}

impl HourFiles {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.pings.len() + self.ride_events.len() + self.trips.len()
    }
}

/// Something that happened to a vehicle.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and most are the large one"
)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// A position.
    Ping(Ping),
    /// An event of a ride.
    Event(Box<RideEvent>),
    /// A ride that ended; of its versions the highest.
    Trip(Box<Trip>),
}

/// The facts of an hour by fleet, vehicle and time; at one time events, then pings, then trips.
pub(crate) struct Hour {
    pings: Merge<Ping>,
    events: Merge<RideEvent>,
    trips: Merge<Trip>,
    ping: Option<Ping>,
    event: Option<Box<RideEvent>>,
    trip: Option<Box<Trip>>,
    /// The trip after that one, or a later version of it.
    trip_behind: Option<Box<Trip>>,
    /// Versions of trips that a higher one replaces.
    replaced: u64,
}

/// Where a fact stands in the order.
type Place<'a> = (&'a FleetId, &'a VehicleId, Timestamp);

impl Hour {
    /// Opens the files of an hour.
    ///
    /// # Errors
    /// An error that names a file which is gone, cut off, or not of its table.
    pub(crate) async fn open(storage: &Storage, files: &HourFiles) -> anyhow::Result<Self> {
        let mut hour = Self {
            pings: Merge::open(storage, &files.pings).await?,
            events: Merge::open(storage, &files.ride_events).await?,
            trips: Merge::open(storage, &files.trips).await?,
            ping: None,
            event: None,
            trip: None,
            trip_behind: None,
            replaced: 0,
        };
        hour.ping = hour.pings.next().await?;
        hour.event = hour.events.next().await?.map(Box::new);
        hour.trip_behind = hour.trips.next().await?.map(Box::new);
        hour.advance_trip().await?;
        Ok(hour)
    }

    /// The next fact; None after the last.
    ///
    /// # Errors
    /// An error that names a file which is damaged, not sorted, or not of its table.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Fact>> {
        let ping = self.ping.as_ref();
        let ping = ping.map(|ping| (&ping.fleet, &ping.vehicle, ping.time));
        let event = self.event.as_ref();
        let event = event.map(|event| (&event.fleet, &event.vehicle, event.time));
        let trip = self.trip.as_ref();
        let trip = trip.map(|trip| (&trip.fleet, &trip.vehicle, trip.ended));
        let is_event = comes_first(event, &[ping, trip]);
        let is_ping = comes_first(ping, &[trip, None]);
        if is_event {
            let event = self.event.take();
            self.event = self.events.next().await?.map(Box::new);
            return Ok(event.map(Fact::Event));
        }
        if is_ping {
            let ping = self.ping.take();
            self.ping = self.pings.next().await?;
            return Ok(ping.map(Fact::Ping));
        }
        let trip = self.trip.take();
        self.advance_trip().await?;
        Ok(trip.map(Fact::Trip))
    }

    /// Rows that were left out so far, as another is the same fact.
    pub(crate) fn repeats(&self) -> u64 {
        self.pings.repeats() + self.events.repeats() + self.trips.repeats()
    }

    /// Versions of trips that were left out so far, as a higher one counts.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Takes the next trip. All versions of a trip end at one time, so that they lie together.
    async fn advance_trip(&mut self) -> anyhow::Result<()> {
        self.trip = self.trip_behind.take();
        let Some(trip) = &mut self.trip else {
            return Ok(());
        };
        while let Some(behind) = self.trips.next().await? {
            let is_version = (behind.fleet, behind.vehicle, behind.ended, behind.ride)
                == (trip.fleet, trip.vehicle, trip.ended, trip.ride);
            if !is_version {
                self.trip_behind = Some(Box::new(behind));
                return Ok(());
            }
            self.replaced += 1;
            **trip = behind;
        }
        Ok(())
    }
}

/// Whether a fact is there and none of the others comes before it.
fn comes_first(place: Option<Place<'_>>, others: &[Option<Place<'_>>; 2]) -> bool {
    place.is_some_and(|place| others.iter().flatten().all(|other| place <= *other))
}
