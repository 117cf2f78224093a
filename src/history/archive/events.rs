//! The events of rides, told from the trips that the archive has of them.

use std::collections::HashMap;

use anyhow::Context;
use bytes::Bytes;
use schemas::{
    Coordinate, FleetId, Record, RideEvent, RideEventKind, RideId, Timestamp, VehicleId,
};

use crate::{
    history::Settings,
    table::{self, Cell, Column, Kind, Row, TimeUnit},
};

/// What comes first of what happened at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Before everything.
    First,
    Assigned,
    Arrived,
    PickedUp,
    Ping,
    DroppedOff,
}

/// A ride that brought its rider there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    fleet: FleetId,
    ride: RideId,
    vehicle: VehicleId,
    version: i64,
    assigned: Timestamp,
    arrived: Option<Timestamp>,
    picked_up: Timestamp,
    dropped_off: Timestamp,
    pickup: Coordinate,
    dropoff: Coordinate,
}

/// The newest version of each ride, by its fleet and itself; none of one that brought nobody
/// anywhere.
pub(super) type Rides = HashMap<(FleetId, RideId), Option<Ended>>;

fn columns() -> [Column<'static>; 13] {
    [
        Column::of("fleet_id", Kind::Text),
        Column::of("vehicle_id", Kind::Text),
        Column::of("ride_id", Kind::Text),
        Column::of("version", Kind::Whole),
        Column::of("outcome", Kind::Text),
        Column::optional("assigned_at", Kind::Time),
        Column::optional("arrived_at", Kind::Time),
        Column::optional("picked_up_at", Kind::Time),
        Column::of("ended_at", Kind::Time),
        Column::optional("pickup_lat_e7", Kind::Whole),
        Column::optional("pickup_lng_e7", Kind::Whole),
        Column::optional("dropoff_lat_e7", Kind::Whole),
        Column::optional("dropoff_lng_e7", Kind::Whole),
    ]
}

/// Adds the rides of a file that the settings take.
pub(super) fn read(bytes: Bytes, settings: &Settings, into: &mut Rides) -> anyhow::Result<()> {
    let until = settings.until.unwrap_or(Timestamp(i64::MAX));
    table::read_bytes(bytes, &columns(), &mut |row| {
        let fleet = FleetId::new(row.cell(0).text()?).context("fleet_id")?;
        let vehicle = VehicleId::new(row.cell(1).text()?).context("vehicle_id")?;
        let ride = RideId::new(row.cell(2).text()?).context("ride_id")?;
        let dropped_off = row.cell(8).time(TimeUnit::Ms)?;
        if !settings.has(vehicle) || dropped_off > until {
            return Ok(());
        }
        let version = row.cell(3).whole()?;
        let known = into.get(&(fleet, ride)).and_then(Option::as_ref);
        if known.is_some_and(|known| known.version >= version) {
            return Ok(());
        }
        let driven = driven(row)?.map(|(picked_up, pickup, dropoff)| -> anyhow::Result<Ended> {
            Ok(Ended {
                fleet,
                ride,
                vehicle,
                version,
                assigned: time(row.cell(5))?.unwrap_or(picked_up),
                arrived: time(row.cell(6))?,
                picked_up,
                dropped_off,
                pickup,
                dropoff,
            })
        });
        into.insert((fleet, ride), driven.transpose()?);
        Ok(())
    })
}

/// When and where a rider got in, and where out; none of a ride without.
fn driven(row: &Row<'_>) -> anyhow::Result<Option<(Timestamp, Coordinate, Coordinate)>> {
    let picked_up = time(row.cell(7))?;
    let pickup = place(row.cell(9), row.cell(10))?;
    let dropoff = place(row.cell(11), row.cell(12))?;
    let is_completed = row.cell(4).text()? == "completed";
    Ok(match (picked_up, pickup, dropoff) {
        (Some(picked_up), Some(pickup), Some(dropoff)) if is_completed => {
            Some((picked_up, pickup, dropoff))
        }
        _ => None,
    })
}

fn time(cell: Cell<'_>) -> anyhow::Result<Option<Timestamp>> {
    cell.present()
        .map(|cell| cell.time(TimeUnit::Ms))
        .transpose()
}

fn place(lat: Cell<'_>, lng: Cell<'_>) -> anyhow::Result<Option<Coordinate>> {
    let (Some(lat), Some(lng)) = (lat.present(), lng.present()) else {
        return Ok(None);
    };
    let (lat, lng) = (i32::try_from(lat.whole()?)?, i32::try_from(lng.whole()?)?);
    let place = Coordinate::from_e7(lat, lng).ok();
    Ok(Some(place.context("a place is out of range")?))
}

impl Ended {
    /// Rides come in this order, wherever they were read.
    pub(super) fn order(&self) -> (Timestamp, FleetId, RideId) {
        (self.assigned, self.fleet, self.ride)
    }

    /// What happened to it.
    pub(super) fn events(&self) -> impl Iterator<Item = (Timestamp, Rank, Record)> {
        let assigned = RideEventKind::Assigned {
            pickup: self.pickup,
            dropoff: self.dropoff,
            route: None,
        };
        let dropped_off = RideEventKind::DroppedOff { fare: None };
        let events = [
            (Some(self.assigned), Rank::Assigned, assigned),
            (self.arrived, Rank::Arrived, RideEventKind::Arrived),
            (
                Some(self.picked_up),
                Rank::PickedUp,
                RideEventKind::PickedUp,
            ),
            (Some(self.dropped_off), Rank::DroppedOff, dropped_off),
        ];
        events
            .into_iter()
            .filter_map(|(time, rank, kind)| Some((time?, rank, self.event(time?, kind))))
    }

    fn event(&self, time: Timestamp, kind: RideEventKind) -> Record {
        Record::RideEvent(Box::new(RideEvent {
            fleet: self.fleet,
            ride: self.ride,
            vehicle: self.vehicle,
            driver: None,
            time,
            received_at: time,
            kind,
        }))
    }
}
