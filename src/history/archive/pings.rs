//! Pings of an hour, as the archive has them: 40 bytes each.

use std::collections::HashMap;

use anyhow::Context;
use bytes::Bytes;
use schemas::{
    Accuracy, Coordinate, FleetId, Ping, PingName, Protocol, Speed, Timestamp, VehicleId,
    VehicleState,
};

use crate::{
    history::Settings,
    table::{self, Cell, Column, Kind, TimeUnit},
};

/// Pings of some vehicles.
#[derive(Debug, Default)]
pub(super) struct Pings {
    vehicles: Vec<(FleetId, VehicleId)>,
    numbers: HashMap<(String, String), Option<u32>>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    vehicle: u32,
    time: Timestamp,
    position: Coordinate,
    speed: Option<Speed>,
    accuracy: Option<Accuracy>,
    name: PingName,
}

fn columns() -> [Column<'static>; 9] {
    [
        Column::of("fleet_id", Kind::Text),
        Column::of("vehicle_id", Kind::Text),
        Column::of("time", Kind::Time),
        Column::of("lat_e7", Kind::Whole),
        Column::of("lng_e7", Kind::Whole),
        Column::optional("speed_cm_s", Kind::Whole),
        Column::optional("accuracy_dm", Kind::Whole),
        Column::of("epoch", Kind::Whole),
        Column::of("seq", Kind::Whole),
    ]
}

impl Pings {
    /// Adds the pings of a file that the settings take.
    pub(super) fn read(&mut self, bytes: Bytes, settings: &Settings) -> anyhow::Result<()> {
        let until = settings.until.unwrap_or(Timestamp(i64::MAX));
        table::read_bytes(bytes, &columns(), &mut |row| {
            let time = row.cell(2).time(TimeUnit::Ms)?;
            let ids = (row.cell(0).text()?, row.cell(1).text()?);
            let Some(vehicle) = self.number_of(ids, settings)? else {
                return Ok(());
            };
            if time > until {
                return Ok(());
            }
            let lat_e7 = i32::try_from(row.cell(3).whole()?)?;
            let lng_e7 = i32::try_from(row.cell(4).whole()?)?;
            let position = Coordinate::from_e7(lat_e7, lng_e7).ok();
            self.rows.push(Row {
                vehicle,
                time,
                position: position.context("a place is out of range")?,
                speed: count(row.cell(5))?.and_then(Speed::from_cm_s),
                accuracy: count(row.cell(6))?.and_then(Accuracy::from_dm),
                // From 2^63 on they are written minus 2^64.
                name: PingName {
                    epoch: row.cell(7).whole()? as u64,
                    seq: row.cell(8).whole()? as u64,
                },
            });
            Ok(())
        })
    }

    /// Puts them in the order of time.
    pub(super) fn sort(&mut self) {
        self.rows.sort_by_key(|row| row.time);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A ping as it was on the stream, as far as that matters.
    pub(super) fn ping(&self, at: usize) -> Ping {
        let row = self.rows[at];
        let (fleet, vehicle) = self.vehicles[row.vehicle as usize];
        Ping {
            fleet,
            vehicle,
            driver: None,
            ride: None,
            name: row.name,
            time: row.time,
            position: row.position,
            speed: row.speed,
            heading: None,
            accuracy: row.accuracy,
            altitude: None,
            state: VehicleState::Unspecified,
            received_at: row.time,
            protocol: Protocol::Unspecified,
        }
    }

    /// The number of a vehicle; none of one that the settings leave out.
    fn number_of(
        &mut self,
        (fleet, vehicle): (&str, &str),
        settings: &Settings,
    ) -> anyhow::Result<Option<u32>> {
        // Rows are sorted by vehicle.
        if let Some(row) = self.rows.last() {
            let (last_fleet, last_vehicle) = &self.vehicles[row.vehicle as usize];
            if last_vehicle.as_str() == vehicle && last_fleet.as_str() == fleet {
                return Ok(Some(row.vehicle));
            }
        }
        let ids = (fleet.to_owned(), vehicle.to_owned());
        if let Some(number) = self.numbers.get(&ids) {
            return Ok(*number);
        }
        let fleet = FleetId::new(fleet).context("fleet_id")?;
        let vehicle = VehicleId::new(vehicle).context("vehicle_id")?;
        let number = settings.has(vehicle).then(|| {
            self.vehicles.push((fleet, vehicle));
            self.vehicles.len() as u32 - 1
        });
        self.numbers.insert(ids, number);
        Ok(number)
    }
}

fn count(cell: Cell<'_>) -> anyhow::Result<Option<u32>> {
    let number = cell.present().map(Cell::whole).transpose()?;
    Ok(number.map(u32::try_from).transpose()?)
}
