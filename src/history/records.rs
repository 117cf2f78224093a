//! The records of a history, as ingest would have put them on the stream.

use schemas::{
    Coordinate, FleetId, Ping, PingName, Protocol, Record, RideEvent, RideEventKind, Timestamp,
    VehicleState,
};

use super::{History, Ride, RideNumber};
use crate::replay::RowNumber;

/// Makes records of a history.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    history: &'a History,
    fleet: FleetId,
    /// When the devices started counting.
    epoch: u64,
    /// The count of each row among those of its vehicle.
    seqs: Vec<u32>,
    /// The latest ride of each vehicle that has begun.
    rides: Vec<Option<RideNumber>>,
}

impl<'a> Records<'a> {
    /// The records of this history.
    pub(crate) fn of(history: &'a History) -> Self {
        let pings = &history.pings;
        let vehicles = pings.vehicles().len();
        let mut seqs = vec![0; pings.rows()];
        let mut counts = vec![0; vehicles];
        for (_, row) in history.on_time() {
            let count = &mut counts[pings.vehicle(row) as usize];
            seqs[row.0 as usize] = *count;
            *count += 1;
        }
        Self {
            history,
            fleet: FleetId::default(),
            epoch: pings.first_time().map_or(0, |time| time.0.max(0) as u64),
            seqs,
            rides: vec![None; vehicles],
        }
    }

    /// The ride of a vehicle on which it is at a time, if that has begun and is the latest.
    pub(crate) fn ride_at(&self, vehicle: u32, time: Timestamp) -> Option<RideNumber> {
        let number = self.rides[vehicle as usize]?;
        let is_on = self.history.ride(number).is_on_at(time);
        is_on.then_some(number)
    }

    /// A ping that reaches the stream at `received_at`; none of a place that is none.
    pub(crate) fn ping(&self, number: RowNumber, received_at: Timestamp) -> Option<Ping> {
        let row = self.history.pings.row(number);
        let ride = self.ride_at(row.vehicle, row.time);
        Some(Ping {
            fleet: self.fleet,
            vehicle: self.history.pings.vehicles()[row.vehicle as usize],
            driver: None,
            ride: ride.map(|ride| self.history.ride(ride).id),
            name: PingName {
                epoch: self.epoch,
                seq: u64::from(self.seqs[number.0 as usize]),
            },
            time: row.time,
            position: Coordinate::from_e7(row.lat_e7, row.lng_e7).ok()?,
            speed: None,
            heading: None,
            accuracy: None,
            altitude: None,
            state: match ride {
                Some(_) => VehicleState::OnTrip,
                None => VehicleState::Available,
            },
            received_at,
            protocol: Protocol::Unspecified,
        })
    }

    /// A rider is assigned to a vehicle that is there.
    pub(crate) fn begin(&mut self, number: RideNumber) -> [Record; 2] {
        let ride = self.history.ride(number);
        self.rides[ride.vehicle as usize] = Some(number);
        let assigned = RideEventKind::Assigned {
            pickup: ride.pickup,
            dropoff: ride.dropoff,
            route: None,
        };
        [assigned, RideEventKind::PickedUp].map(|kind| self.event(ride, ride.picked_up, kind))
    }

    /// A rider is dropped off.
    pub(crate) fn end(&self, number: RideNumber) -> Record {
        let ride = self.history.ride(number);
        let kind = RideEventKind::DroppedOff { fare: None };
        self.event(ride, ride.dropped_off, kind)
    }

    fn event(&self, ride: &Ride, time: Timestamp, kind: RideEventKind) -> Record {
        Record::RideEvent(Box::new(RideEvent {
            fleet: self.fleet,
            ride: ride.id,
            vehicle: self.history.pings.vehicles()[ride.vehicle as usize],
            driver: None,
            time,
            received_at: time,
            kind,
        }))
    }
}
