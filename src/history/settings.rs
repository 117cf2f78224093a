//! Which history is read; the doc comments are a part of the manual.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use schemas::{Timestamp, VehicleId};

use super::{fold::Fold, moment};
use crate::{
    replay::PingColumns,
    table::{Column, Kind},
};

/// Which history is read, and which part of it.
#[derive(Debug, Clone, Args)]
// Commands flatten this into settings of the same name, which is their group already.
#[group(skip)]
pub struct Settings {
    /// Recorded pings: `.parquet`, `.csv` or `.csv.gz`, the rows in any order.
    #[arg(long, value_name = "FILE", requires = "trips")]
    pub pings: Option<PathBuf>,
    /// The rides of the same vehicles, in such a file.
    #[arg(long, value_name = "FILE", requires = "pings")]
    pub trips: Option<PathBuf>,
    /// Ends the history there, at `2008-06-03T07:00:00Z`, `2008-06-03` (UTC) or a Unix time in seconds:
    /// pings after it and rides that end after it are left out.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub until: Option<Timestamp>,
    /// Takes part K of N of the vehicles, counted from 0.
    #[arg(long, value_name = "K/N")]
    pub fold: Option<Fold>,
    /// Leaves out part K of N of the vehicles.
    #[arg(long, value_name = "K/N")]
    pub not_fold: Option<Fold>,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment here would replace that of the columns"
    )]
    pub columns: PingColumns,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment here would replace that of the columns"
    )]
    pub trip_columns: TripColumns,
}

/// Names of the columns of rides. Times and places are in the units of those of the pings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Columns of rides")]
pub struct TripColumns {
    /// The vehicle's id.
    #[arg(long, value_name = "COLUMN", default_value = "cab")]
    pub trip_vehicle: String,
    /// When the ride began.
    #[arg(long, value_name = "COLUMN", default_value = "pickup_t")]
    pub pickup_time: String,
    /// When it ended.
    #[arg(long, value_name = "COLUMN", default_value = "dropoff_t")]
    pub dropoff_time: String,
    /// Latitude where it began.
    #[arg(long, value_name = "COLUMN", default_value = "pickup_lat_e5")]
    pub pickup_lat: String,
    /// Longitude where it began.
    #[arg(long, value_name = "COLUMN", default_value = "pickup_lon_e5")]
    pub pickup_lng: String,
    /// Latitude where it ended.
    #[arg(long, value_name = "COLUMN", default_value = "dropoff_lat_e5")]
    pub dropoff_lat: String,
    /// Longitude where it ended.
    #[arg(long, value_name = "COLUMN", default_value = "dropoff_lon_e5")]
    pub dropoff_lng: String,
}

impl Settings {
    /// The files of pings and of rides.
    ///
    /// # Errors
    /// An error if none are named.
    pub(super) fn files(&self) -> anyhow::Result<(&Path, &Path)> {
        let pings = self.pings.as_deref().context("--pings is missing")?;
        let trips = self.trips.as_deref().context("--trips is missing")?;
        Ok((pings, trips))
    }

    /// Whether the history has this vehicle.
    pub(super) fn has(&self, vehicle: VehicleId) -> bool {
        self.fold.is_none_or(|fold| fold.has(vehicle))
            && self.not_fold.is_none_or(|fold| !fold.has(vehicle))
    }
}

impl TripColumns {
    /// The columns as a table has them: vehicle, pickup, drop-off, and the places of both.
    pub(super) fn wanted(&self) -> [Column<'_>; 7] {
        [
            Column::of(&self.trip_vehicle, Kind::Text),
            Column::of(&self.pickup_time, Kind::Time),
            Column::of(&self.dropoff_time, Kind::Time),
            Column::of(&self.pickup_lat, Kind::Number),
            Column::of(&self.pickup_lng, Kind::Number),
            Column::of(&self.dropoff_lat, Kind::Number),
            Column::of(&self.dropoff_lng, Kind::Number),
        ]
    }
}
