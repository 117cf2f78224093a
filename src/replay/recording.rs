//! Recorded pings in memory: one array a column, 22 bytes a ping, and the order of their time.

use std::collections::HashMap;

use anyhow::{Context, bail};
use schemas::{Timestamp, VehicleId};

/// Recorded pings of some vehicles.
#[derive(Debug, Default)]
pub(super) struct Recording {
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
pub(super) enum Load {
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
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        match text {
            "1" | "true" => Ok(Self::Occupied),
            "0" | "false" => Ok(Self::Free),
            other => bail!("occupied is {other:?}, neither 1 nor 0"),
        }
    }

    /// The same of a number.
    ///
    /// # Errors
    /// As [`Load::parse`].
    pub(super) fn of(number: i64) -> anyhow::Result<Self> {
        match number {
            1 => Ok(Self::Occupied),
            0 => Ok(Self::Free),
            other => bail!("occupied is {other}, neither 1 nor 0"),
        }
    }
}

/// A recorded ping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    /// The vehicle's number in [`Recording::vehicle`].
    pub vehicle: u32,
    pub time: Timestamp,
    pub lat_e7: i32,
    pub lng_e7: i32,
    pub load: Load,
}

/// The number of a row, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RowNumber(pub u32);

impl Recording {
    /// The number under which rows of this vehicle are added.
    pub(super) fn number_of(&mut self, vehicle: &str) -> anyhow::Result<u32> {
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

    pub(super) fn push(&mut self, row: Row) {
        self.vehicle.push(row.vehicle);
        self.time_ms.push(row.time.0);
        self.lat_e7.push(row.lat_e7);
        self.lng_e7.push(row.lng_e7);
        self.load.push(row.load);
    }

    /// Puts the rows that were added into the order of their time; keeps the first `limit`.
    pub(super) fn sort(&mut self, limit: Option<usize>) {
        self.order = (0..self.time_ms.len() as u32).collect();
        // Stable: rows of one time keep the order of the file.
        self.order.sort_by_key(|row| self.time_ms[*row as usize]);
        self.order.truncate(limit.unwrap_or(usize::MAX));
    }

    pub(super) fn shift(&mut self, by_ms: i64) {
        for time_ms in &mut self.time_ms {
            *time_ms += by_ms;
        }
    }

    /// Rows that are played.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn first_time(&self) -> Option<Timestamp> {
        self.order
            .first()
            .map(|row| Timestamp(self.time_ms[*row as usize]))
    }

    pub(super) fn last_time(&self) -> Option<Timestamp> {
        self.order
            .last()
            .map(|row| Timestamp(self.time_ms[*row as usize]))
    }

    /// Every vehicle by its number.
    pub(super) fn vehicles(&self) -> &[VehicleId] {
        &self.vehicles
    }

    /// The `position`-th row in the order of time.
    pub(super) fn played(&self, position: usize) -> Option<RowNumber> {
        self.order.get(position).map(|row| RowNumber(*row))
    }

    pub(super) fn vehicle(&self, row: RowNumber) -> u32 {
        self.vehicle[row.0 as usize]
    }

    pub(super) fn row(&self, number: RowNumber) -> Row {
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
