//! The rows of the tables as an erasure sees them: whose they are, and what is left of them without
//! their driver. Which rows are meant is `subject`'s to say.

use anyhow::Context as _;
use arrow_array::{Array as _, RecordBatch, StringArray, TimestampMillisecondArray};
use schemas::{Ping, RideEvent, Timestamp, Trip, VehicleId};

use super::subject::{Party, Relation, RowIds, Sought, Subject};
use crate::{
    layout::Table,
    reading::column,
    rewriting::{Rewritable, Verdict},
};

/// A row that may be somebody's.
pub(super) trait Erasable: Rewritable {
    /// Whose it is.
    fn ids(&self) -> RowIds;

    /// The same without its driver.
    fn without_driver(self) -> Self;

    /// What becomes of it.
    fn judge(self, sought: &Sought) -> Verdict<Self> {
        match (sought.relation(&self.ids()), sought.party.subject) {
            (Relation::None | Relation::Held, _) => Verdict::Kept(self),
            (Relation::Theirs, Subject::Driver(..)) => Verdict::Altered(self.without_driver()),
            (Relation::Theirs, Subject::Ride(..)) => Verdict::Erased,
        }
    }
}

impl Erasable for Ping {
    fn ids(&self) -> RowIds {
        RowIds {
            fleet: self.fleet,
            vehicle: self.vehicle,
            driver: self.driver,
            ride: self.ride,
            time: self.time,
        }
    }

    fn without_driver(self) -> Self {
        Self {
            driver: None,
            ..self
        }
    }
}

impl Erasable for RideEvent {
    fn ids(&self) -> RowIds {
        RowIds {
            fleet: self.fleet,
            vehicle: self.vehicle,
            driver: self.driver,
            ride: Some(self.ride),
            time: self.time,
        }
    }

    fn without_driver(self) -> Self {
        Self {
            driver: None,
            ..self
        }
    }
}

impl Erasable for Trip {
    fn ids(&self) -> RowIds {
        RowIds {
            fleet: self.fleet,
            vehicle: self.vehicle,
            driver: self.driver,
            ride: Some(self.ride),
            time: self.ended,
        }
    }

    fn without_driver(self) -> Self {
        Self {
            driver: None,
            ..self
        }
    }
}

/// The columns that tell whose a row of a table is.
pub(super) fn columns(table: Table) -> Vec<&'static str> {
    let mut columns = vec!["fleet_id", "vehicle_id", "driver_id", "ride_id"];
    columns.extend(match table {
        Table::Pings | Table::RideEvents => &["time"][..],
        Table::Trips => &["assigned_at", "ended_at"][..],
    });
    columns
}

/// Those columns of some rows.
pub(super) struct IdColumns {
    fleet: StringArray,
    vehicle: StringArray,
    driver: StringArray,
    ride: StringArray,
    time: TimestampMillisecondArray,
    /// When the ride of a trip began.
    began: Option<TimestampMillisecondArray>,
}

impl IdColumns {
    /// Finds them.
    pub(super) fn of(table: Table, batch: &RecordBatch) -> anyhow::Result<Self> {
        let (time, began) = match table {
            Table::Pings | Table::RideEvents => ("time", None),
            Table::Trips => ("ended_at", Some(column(batch, "assigned_at")?)),
        };
        Ok(Self {
            fleet: column(batch, "fleet_id")?,
            vehicle: column(batch, "vehicle_id")?,
            driver: column(batch, "driver_id")?,
            ride: column(batch, "ride_id")?,
            time: column(batch, time)?,
            began,
        })
    }

    /// The rows of which a column has what may make them theirs.
    fn candidates<'a>(&'a self, party: &'a Party) -> impl Iterator<Item = usize> + 'a {
        let id = party.subject.id();
        let names = match party.subject {
            Subject::Driver(..) => &self.driver,
            Subject::Ride(..) => &self.ride,
        };
        let is_on_drive = |row| {
            let vehicle = self.vehicle.value(row);
            let mut drives = party.drives.iter();
            drives.any(|drive| drive.vehicle.as_str() == vehicle)
        };
        (0..self.time.len()).filter(move |row| {
            (names.is_valid(*row) && names.value(*row) == id) || is_on_drive(*row)
        })
    }

    fn ids(&self, row: usize) -> anyhow::Result<RowIds> {
        let optional =
            |names: &StringArray| names.is_valid(row).then(|| names.value(row).to_owned());
        Ok(RowIds {
            fleet: self.fleet.value(row).parse().context("fleet_id")?,
            vehicle: self.vehicle.value(row).parse().context("vehicle_id")?,
            driver: optional(&self.driver)
                .map(|id| id.parse())
                .transpose()
                .context("driver_id")?,
            ride: optional(&self.ride)
                .map(|id| id.parse())
                .transpose()
                .context("ride_id")?,
            time: Timestamp(self.time.value(row)),
        })
    }

    /// Counts the rows that are theirs, and those that are held.
    pub(super) fn count(&self, sought: &Sought) -> anyhow::Result<(u64, u64)> {
        let (mut theirs, mut held) = (0, 0);
        for row in self.candidates(&sought.party) {
            match sought.relation(&self.ids(row)?) {
                Relation::None => {}
                Relation::Theirs => theirs += 1,
                Relation::Held => held += 1,
            }
        }
        Ok((theirs, held))
    }

    /// Adds to a ride's drives what these rows tell of it.
    pub(super) fn tell_drives(&self, party: &mut Party) -> anyhow::Result<()> {
        let mut told: Vec<(VehicleId, (Timestamp, Timestamp))> = Vec::new();
        let by_name = Party {
            subject: party.subject,
            drives: Vec::new(),
        };
        for row in self.candidates(&by_name) {
            let ids = self.ids(row)?;
            let Subject::Ride(fleet, _) = party.subject else {
                continue;
            };
            let began = self.began.as_ref().filter(|began| began.is_valid(row));
            let from = began.map_or(ids.time, |began| Timestamp(began.value(row)));
            if ids.fleet == fleet {
                told.push((ids.vehicle, (from.min(ids.time), ids.time)));
            }
        }
        for (vehicle, times) in told {
            party.extend(vehicle, times);
        }
        Ok(())
    }
}
