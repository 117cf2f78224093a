//! The rides of a history, as a file of them says.

use std::path::Path;

use schemas::{Coordinate, RideId, Timestamp};

use super::settings::Settings;
use crate::{replay::Recording, table};

/// A ride that was driven.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ride {
    /// The vehicle's number among those of the pings.
    pub vehicle: u32,
    pub id: RideId,
    pub picked_up: Timestamp,
    pub dropped_off: Timestamp,
    pub pickup: Coordinate,
    pub dropoff: Coordinate,
}

/// A ride's number in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RideNumber(pub u32);

impl Ride {
    /// Whether the rider is on board.
    pub(crate) fn is_on_at(&self, time: Timestamp) -> bool {
        (self.picked_up..self.dropped_off).contains(&time)
    }
}

/// Reads the rides of vehicles that `pings` has or that are added to it; says how many are none.
///
/// # Errors
/// An error if the file cannot be read or has no such columns.
pub(super) fn read(
    path: &Path,
    settings: &Settings,
    pings: &mut Recording,
) -> anyhow::Result<(Vec<Ride>, usize)> {
    let (mut rides, mut unfit) = (Vec::new(), 0);
    let columns = &settings.columns;
    table::read(path, &settings.trip_columns.wanted(), &mut |row| {
        let vehicle = pings.number_of(row.cell(0).text()?)?;
        let time = |at| row.cell(at).time(columns.time_unit);
        let place = |lat, lng| -> anyhow::Result<Option<Coordinate>> {
            let lat_e7 = columns.to_e7(row.cell(lat).number()?)?;
            let lng_e7 = columns.to_e7(row.cell(lng).number()?)?;
            Ok(Coordinate::from_e7(lat_e7, lng_e7).ok())
        };
        let (picked_up, dropped_off) = (time(1)?, time(2)?);
        match (place(3, 4)?, place(5, 6)?) {
            (Some(pickup), Some(dropoff)) if picked_up < dropped_off => rides.push(Ride {
                vehicle,
                id: pings.ride_id(vehicle, picked_up)?,
                picked_up,
                dropped_off,
                pickup,
                dropoff,
            }),
            _ => unfit += 1,
        }
        Ok(())
    })?;
    Ok((rides, unfit))
}
