//! Recorded pings in memory: one array a column, 22 bytes a ping, and the order of their time.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, bail};
use schemas::{RideId, Timestamp, VehicleId};

use super::columns::PingColumns;
use crate::table::{self, Cell, Column, Kind};

/// Recorded pings of some vehicles.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    vehicles: Vec<VehicleId>,
    numbers: HashMap<String, u32>,
    /// The vehicle of the row that was added last: rows of one vehicle mostly stand together.
    last_vehicle: Option<(String, u32)>,
    vehicle: Vec<u32>,
    time_ms: Vec<i64>,
    lat_e7: Vec<i32>,
    lng_e7: Vec<i32>,
    load: Vec<Load>,
    /// Row numbers in the order of time.
    order: Vec<u32>,
}

/// Whether a passenger is on board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// The vehicle is free.
    Free,
    /// A passenger is on board.
    Occupied,
}

impl Load {
    /// Reads whether a passenger is on board.
    ///
    /// # Errors
    /// An error for what is neither yes nor no.
    fn of(cell: Cell<'_>) -> anyhow::Result<Self> {
        match cell {
            Cell::Text("1" | "true") | Cell::Whole(1) => Ok(Self::Occupied),
            Cell::Text("0" | "false") | Cell::Whole(0) => Ok(Self::Free),
            Cell::Text(other) => bail!("occupied is {other:?}, neither 1 nor 0"),
            Cell::Whole(other) => bail!("occupied is {other}, neither 1 nor 0"),
            Cell::Number(_) | Cell::Time(_) | Cell::Missing => bail!("occupied is neither 1 nor 0"),
        }
    }
}

/// A recorded ping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// The vehicle's number in [`Recording::vehicle`].
    pub vehicle: u32,
    pub time: Timestamp,
    pub lat_e7: i32,
    pub lng_e7: i32,
    pub load: Load,
}

/// The number of a row, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowNumber(pub u32);

impl Recording {
    /// Reads the pings of a file; where no column says who is on board, all vehicles are free.
    ///
    /// # Errors
    /// An error if the file cannot be read or has no such columns.
    pub(crate) fn read(
        path: &Path,
        columns: &PingColumns,
        occupied: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut recording = Self::default();
        let mut wanted = columns.wanted().to_vec();
        wanted.extend(occupied.map(|name| Column::of(name, Kind::Whole)));
        table::read(path, &wanted, &mut |cells| {
            let row = Row {
                vehicle: recording.number_of(cells.cell(0).text()?)?,
                time: cells.cell(1).time(columns.time_unit)?,
                lat_e7: columns.to_e7(cells.cell(2).number()?)?,
                lng_e7: columns.to_e7(cells.cell(3).number()?)?,
                load: match occupied {
                    Some(_) => Load::of(cells.cell(4))?,
                    None => Load::Free,
                },
            };
            recording.push(row);
            Ok(())
        })?;
        recording.sort();
        Ok(recording)
    }

    /// The number under which rows of this vehicle are added.
    pub(crate) fn number_of(&mut self, vehicle: &str) -> anyhow::Result<u32> {
        if let Some((last, number)) = &self.last_vehicle
            && last == vehicle
        {
            return Ok(*number);
        }
        let number = if let Some(number) = self.numbers.get(vehicle) {
            *number
        } else {
            let number = self.vehicles.len() as u32;
            let id = VehicleId::new(vehicle).with_context(|| format!("vehicle {vehicle:?}"))?;
            self.vehicles.push(id);
            self.numbers.insert(vehicle.to_owned(), number);
            number
        };
        self.last_vehicle = Some((vehicle.to_owned(), number));
        Ok(number)
    }

    /// The id of a ride that begins then: the vehicle and the second.
    ///
    /// # Errors
    /// An error if that is too long for an id.
    pub(crate) fn ride_id(&self, vehicle: u32, picked_up: Timestamp) -> anyhow::Result<RideId> {
        let vehicle = self.vehicles[vehicle as usize];
        let text = format!("{vehicle}-{}", picked_up.0 / 1_000);
        RideId::new(&text).with_context(|| format!("ride {text}"))
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.vehicle.push(row.vehicle);
        self.time_ms.push(row.time.0);
        self.lat_e7.push(row.lat_e7);
        self.lng_e7.push(row.lng_e7);
        self.load.push(row.load);
    }

    /// Puts the rows that were added into the order of their time.
    fn sort(&mut self) {
        self.order = (0..self.time_ms.len() as u32).collect();
        // Stable: rows of one time keep the order of the file.
        self.order.sort_by_key(|row| self.time_ms[*row as usize]);
    }

    /// Plays the first so many rows alone.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.order.truncate(rows);
    }

    /// Plays the rows alone that `is_kept` says so of.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(Row) -> bool) {
        let mut order = std::mem::take(&mut self.order);
        order.retain(|row| is_kept(self.row(RowNumber(*row))));
        self.order = order;
    }

    pub(crate) fn shift(&mut self, by_ms: i64) {
        for time_ms in &mut self.time_ms {
            *time_ms += by_ms;
        }
    }

    /// Rows of the file, played or not.
    pub(crate) fn rows(&self) -> usize {
        self.time_ms.len()
    }

    /// Rows that are played.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn first_time(&self) -> Option<Timestamp> {
        self.order
            .first()
            .map(|row| Timestamp(self.time_ms[*row as usize]))
    }

    pub(crate) fn last_time(&self) -> Option<Timestamp> {
        self.order
            .last()
            .map(|row| Timestamp(self.time_ms[*row as usize]))
    }

    /// Every vehicle by its number.
    pub(crate) fn vehicles(&self) -> &[VehicleId] {
        &self.vehicles
    }

    /// The `position`-th row in the order of time.
    pub(crate) fn played(&self, position: usize) -> Option<RowNumber> {
        self.order.get(position).map(|row| RowNumber(*row))
    }

    pub(crate) fn vehicle(&self, row: RowNumber) -> u32 {
        self.vehicle[row.0 as usize]
    }

    pub(crate) fn row(&self, number: RowNumber) -> Row {
        let at = number.0 as usize;
        Row {
            vehicle: self.vehicle[at],
            time: Timestamp(self.time_ms[at]),
            lat_e7: self.lat_e7[at],
            lng_e7: self.lng_e7[at],
            load: self.load[at],
        }
    }
}
