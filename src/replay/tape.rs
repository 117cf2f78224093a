//! A part of a recording's vehicles as a source: plays their rows in the order of time.

use std::sync::Arc;

use schemas::{
    Coordinate, FleetId, PingName, Rejection, RideEvent, RideEventKind, RideId, Timestamp,
    VehicleState,
};

use super::{
    recording::{Load, Recording, Row, RowNumber},
    trips::{End, Trips},
};
use crate::client::{Expectation, Outbox, Reading, Source, VehicleIndex};

/// Every `parts`-th vehicle of a recording.
#[derive(Debug)]
pub(super) struct Tape {
    recording: Arc<Recording>,
    trips: Arc<Trips>,
    fleet: Option<FleetId>,
    part: u32,
    parts: u32,
    /// Of all vehicles' rows.
    position: usize,
    /// When the devices started counting.
    epoch: u64,
    vehicles: Vec<Played>,
}

/// What has been played of a vehicle.
#[derive(Debug, Clone, Copy, Default)]
struct Played {
    seq: u64,
    ride: Option<Ride>,
}

#[derive(Debug, Clone, Copy)]
struct Ride {
    id: RideId,
    end: End,
}

impl Tape {
    pub(super) fn new(
        recording: &Arc<Recording>,
        trips: &Arc<Trips>,
        fleet: Option<FleetId>,
        (part, parts): (u32, u32),
    ) -> Self {
        let all = recording.vehicles().len() as u32;
        let epoch = recording
            .first_time()
            .map_or(0, |time| time.0.max(0) as u64);
        let mut tape = Self {
            recording: Arc::clone(recording),
            trips: Arc::clone(trips),
            fleet,
            part,
            parts,
            position: 0,
            epoch,
            vehicles: vec![Played::default(); (part..all).step_by(parts as usize).len()],
        };
        tape.skip_others();
        tape
    }

    /// Moves to the next row of a vehicle of this part.
    fn skip_others(&mut self) {
        while let Some(row) = self.recording.played(self.position) {
            if self.recording.vehicle(row) % self.parts == self.part {
                return;
            }
            self.position += 1;
        }
    }

    fn play(&mut self, number: RowNumber, outbox: &mut Outbox) -> anyhow::Result<()> {
        let row = self.recording.row(number);
        let index = VehicleIndex(row.vehicle / self.parts);
        let mut played = self.vehicles[index.0 as usize];
        if let Some(end) = self.trips.end(number)
            && let Some(assigned) = self.assigned(&row, end)
        {
            let id = self.recording.ride_id(row.vehicle, row.time)?;
            outbox.event(index, &self.event(&row, id, assigned))?;
            outbox.event(index, &self.event(&row, id, RideEventKind::PickedUp))?;
            played.ride = Some(Ride { id, end });
        }
        self.send(&row, played, outbox);
        played.seq += 1;
        if let Some(Ride {
            id,
            end: End::DroppedOff(end),
        }) = played.ride
            && end == number
        {
            outbox.event(
                index,
                &self.event(&row, id, RideEventKind::DroppedOff { fare: None }),
            )?;
            played.ride = None;
        }
        self.vehicles[index.0 as usize] = played;
        Ok(())
    }

    fn send(&self, row: &Row, played: Played, outbox: &mut Outbox) {
        let reading = Reading {
            fleet: self.fleet.as_ref().map(FleetId::as_str),
            vehicle: self.recording.vehicles()[row.vehicle as usize].as_str(),
            driver: None,
            ride: played.ride.as_ref().map(|ride| ride.id.as_str()),
            name: PingName {
                epoch: self.epoch,
                seq: played.seq,
            },
            time: row.time,
            lat_e7: row.lat_e7,
            lng_e7: row.lng_e7,
            speed_cm_s: None,
            heading_cdeg: None,
            accuracy_dm: None,
            altitude_dm: None,
            state: match row.load {
                Load::Free => VehicleState::Available,
                Load::Occupied => VehicleState::OnTrip,
            },
        };
        let expected = match Coordinate::from_e7(row.lat_e7, row.lng_e7) {
            Ok(_) => Expectation::Accepted,
            Err(invalid) => Expectation::Rejected(Rejection::from(invalid)),
        };
        outbox.ping(VehicleIndex(row.vehicle / self.parts), expected, &reading);
    }

    /// A ride's first event; none if one of its ends is no place.
    fn assigned(&self, row: &Row, end: End) -> Option<RideEventKind> {
        let (End::DroppedOff(end) | End::Unknown(end)) = end;
        let end = self.recording.row(end);
        Some(RideEventKind::Assigned {
            pickup: Coordinate::from_e7(row.lat_e7, row.lng_e7).ok()?,
            dropoff: Coordinate::from_e7(end.lat_e7, end.lng_e7).ok()?,
            route: None,
        })
    }

    fn event(&self, row: &Row, ride: RideId, kind: RideEventKind) -> RideEvent {
        RideEvent {
            fleet: self.fleet.unwrap_or_default(),
            ride,
            vehicle: self.recording.vehicles()[row.vehicle as usize],
            driver: None,
            time: row.time,
            received_at: row.time,
            kind,
        }
    }
}

impl Source for Tape {
    fn vehicles(&self) -> Vec<String> {
        let all = self.recording.vehicles().iter();
        let mine = all.skip(self.part as usize).step_by(self.parts as usize);
        mine.map(|vehicle| vehicle.as_str().to_owned()).collect()
    }

    fn due(&self) -> Option<Timestamp> {
        self.recording
            .played(self.position)
            .map(|row| self.recording.row(row).time)
    }

    fn step(&mut self, outbox: &mut Outbox) -> anyhow::Result<()> {
        if let Some(row) = self.recording.played(self.position) {
            self.play(row, outbox)?;
            self.position += 1;
            self.skip_others();
        }
        Ok(())
    }

    /// A recording that is not played to its end leaves its rides as they are: it can be played on.
    fn take_leave(&mut self, _: &mut Outbox) -> anyhow::Result<()> {
        Ok(())
    }
}
