//! Which columns of a file hold what. The defaults are those of the San Francisco cabs of 2008.

use anyhow::ensure;
use clap::Args;

use crate::table::{Column, Kind, TimeUnit};

/// Names of columns, and the units of their values.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Columns")]
pub struct Columns {
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment here would replace that of the columns"
    )]
    pub pings: PingColumns,
    /// 1 or true while a passenger is on board, else 0 or false: rides are made of it.
    #[arg(long, value_name = "COLUMN", default_value = "occ")]
    pub occupied: String,
    /// Makes no rides and reads no such column.
    #[arg(long, conflicts_with = "occupied")]
    pub without_rides: bool,
}

/// Names of the columns of pings, and the units of their values.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Columns")]
pub struct PingColumns {
    /// The vehicle's id: text or a whole number.
    #[arg(long, value_name = "COLUMN", default_value = "cab")]
    pub vehicle: String,
    /// The time of the fix: a whole number since 1970 (UTC), or, in Parquet, a timestamp.
    #[arg(long, value_name = "COLUMN", default_value = "t")]
    pub time: String,
    /// What whole numbers of the time count.
    #[arg(long, value_enum, default_value_t)]
    pub time_unit: TimeUnit,
    /// Latitude.
    #[arg(long, value_name = "COLUMN", default_value = "lat_e5")]
    pub lat: String,
    /// Longitude.
    #[arg(long, value_name = "COLUMN", default_value = "lon_e5")]
    pub lng: String,
    /// What latitude and longitude are divided by to be degrees.
    #[arg(long, value_name = "NUMBER", default_value = "1e5", value_parser = parse_scale)]
    pub scale: f64,
}

impl Columns {
    /// The column that makes rides, if they are to be made.
    pub(super) fn rides(&self) -> Option<&str> {
        (!self.without_rides).then_some(self.occupied.as_str())
    }
}

impl PingColumns {
    /// The columns as a table has them: vehicle, time, latitude, longitude.
    pub(crate) fn wanted(&self) -> [Column<'_>; 4] {
        [
            Column::of(&self.vehicle, Kind::Text),
            Column::of(&self.time, Kind::Time),
            Column::of(&self.lat, Kind::Number),
            Column::of(&self.lng, Kind::Number),
        ]
    }

    /// A value of latitude or longitude in 1e-7 degree; far out of range it stays out of range.
    ///
    /// # Errors
    /// An error for a value that is no number: it would become a place.
    pub(crate) fn to_e7(&self, value: f64) -> anyhow::Result<i32> {
        ensure!(value.is_finite(), "latitude or longitude is {value}");
        Ok((value / self.scale * 1e7).round() as i32)
    }
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_normal() => Ok(scale),
        Ok(_) | Err(_) => Err("the scale is a number other than 0".to_owned()),
    }
}
