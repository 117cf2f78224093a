//! The past as the stream had it: recorded pings and rides, as records in the order of time.
//! What is learned or measured of them is `learn`'s and `backtest`'s.
//!
//! [`settings`] name the files; [`rides`] reads the rides of one, a [`Recording`] the pings of the
//! other; [`steps`] put both in the order of time, and [`records`] are what the stream would hold.
//! An [`archive`] of Hansom's own is read an hour at a time instead.

mod archive;
mod fold;
mod moment;
mod records;
mod rides;
mod settings;
mod steps;

use anyhow::ensure;
use schemas::Timestamp;

pub(crate) use self::{
    archive::Archive,
    moment::parse as parse_moment,
    records::Records,
    rides::{Ride, RideNumber},
    settings::Settings,
    steps::Step,
};
use crate::replay::Recording;

/// Recorded pings, and the rides of their vehicles.
#[derive(Debug)]
pub(crate) struct History {
    pub pings: Recording,
    /// In the order of their begin.
    pub rides: Vec<Ride>,
    /// Rides of which an end is no place, or that end before they begin.
    pub unfit: usize,
}

impl History {
    /// Reads what the settings name, up to the moment when it ends.
    ///
    /// # Errors
    /// An error if a file cannot be read or has no such columns, or nothing is left of it.
    pub(crate) fn read(settings: &Settings, until: Option<Timestamp>) -> anyhow::Result<Self> {
        let (pings, trips) = settings.files()?;
        let mut pings = Recording::read(pings, &settings.columns, None)?;
        let (mut rides, unfit) = rides::read(trips, settings, &mut pings)?;
        let until = until.unwrap_or(Timestamp(i64::MAX));
        let is_kept: Vec<bool> = pings
            .vehicles()
            .iter()
            .map(|vehicle| settings.has(*vehicle))
            .collect();
        pings.retain(|row| is_kept[row.vehicle as usize] && row.time <= until);
        rides.retain(|ride| is_kept[ride.vehicle as usize] && ride.dropped_off <= until);
        rides.sort_by_key(|ride| ride.picked_up);
        ensure!(pings.len() > 0, "no pings are left of the history");
        Ok(Self {
            pings,
            rides,
            unfit,
        })
    }

    /// A ride by its number.
    pub(crate) fn ride(&self, number: RideNumber) -> &Ride {
        &self.rides[number.0 as usize]
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
