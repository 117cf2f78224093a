//! Pings in memory at 56 bytes each, and as columns in the order of vehicle and time.
//! What pings of one vehicle share for long (driver, ride, epoch) is stored once, as a context.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, types::Int32Type,
};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use schemas::{
    Altitude, Ping, Protocol, Timestamp, VehicleState, id,
    kept::{KeptId, VehicleKey},
};

use crate::{
    chunked::Chunked,
    columns::{Kind, optional, required, times, words},
    encode::ROWS_A_PAGE,
    layout::Hour,
    window::VehicleNumber,
};

/// Pings, in the order they were pushed.
#[derive(Debug, Default)]
pub(crate) struct PingRows {
    rows: Chunked<Row>,
    contexts: Vec<Context>,
    /// Bytes of the contexts' ids that lie elsewhere.
    long_ids: usize,
    /// The latest context of each vehicle, by its number in the window.
    latest: Vec<Option<u32>>,
}

/// What hardly changes from ping to ping of a vehicle: 80 bytes, as long as its ids are short.
#[derive(Debug)]
struct Context {
    vehicle: VehicleKey,
    driver: Option<KeptId<id::Driver>>,
    ride: Option<KeptId<id::Ride>>,
    epoch: u64,
}

/// A ping within its context; the values that no ping has stand for null.
#[derive(Debug, Clone, Copy)]
struct Row {
    seq: u64,
    time: i64,
    received_at: i64,
    context: u32,
    lat_e7: i32,
    lng_e7: i32,
    accuracy_dm: i32,
    altitude_dm: i32,
    speed_cm_s: u16,
    heading_cdeg: u16,
    state: u8,
    protocol: u8,
}

/// Bytes of the longest id that lies in its context.
const SHORT_ID_BYTES: usize = 23;

const NO_ACCURACY: i32 = -1;
const NO_ALTITUDE: i32 = i32::MIN;
const NO_SPEED: u16 = u16::MAX;
const NO_HEADING: u16 = u16::MAX;

/// The table's columns.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required("fleet_id", Kind::Name, "the fleet"),
        required("vehicle_id", Kind::Name, "the vehicle, within the fleet"),
        optional("driver_id", Kind::Name, "who drives, if known"),
        optional(
            "ride_id",
            Kind::Name,
            "the ride that the app believes it is on",
        ),
        required(
            "epoch",
            Kind::Long,
            "when the device started counting; from 2^63 on minus 2^64",
        ),
        required(
            "seq",
            Kind::Long,
            "counts from there; from 2^63 on minus 2^64",
        ),
        required("time", Kind::Time, "when the device took the fix, UTC"),
        required("lat_e7", Kind::Int, "WGS84 latitude, 1e-7 degree"),
        required("lng_e7", Kind::Int, "WGS84 longitude, 1e-7 degree"),
        optional("speed_cm_s", Kind::Int, "speed over ground, cm/s"),
        optional(
            "heading_cdeg",
            Kind::Int,
            "clockwise from north, 1/100 degree",
        ),
        optional(
            "accuracy_dm",
            Kind::Int,
            "radius that holds the truth with 68 %, dm",
        ),
        optional("altitude_dm", Kind::Int, "above the WGS84 ellipsoid, dm"),
        required("state", Kind::Word, "vehicle state of MDS 2.0"),
        required("received_at", Kind::Time, "when ingest received it, UTC"),
        required("protocol", Kind::Word, "how it reached ingest"),
    ]))
}

/// The columns that the rows of a file are sorted by.
pub(crate) const SORTED_BY: &[&str] = &["fleet_id", "vehicle_id", "time", "epoch", "seq"];

impl PingRows {
    /// Adds a ping of the vehicle that has `number` in the window.
    pub(crate) fn push(&mut self, number: VehicleNumber, ping: &Ping) {
        let context = self.context(number, ping);
        self.rows.push(Row {
            seq: ping.name.seq,
            time: ping.time.0,
            received_at: ping.received_at.0,
            context,
            lat_e7: ping.position.lat_e7(),
            lng_e7: ping.position.lng_e7(),
            accuracy_dm: ping
                .accuracy
                .map_or(NO_ACCURACY, |accuracy| accuracy.dm() as i32),
            altitude_dm: ping.altitude.map_or(NO_ALTITUDE, Altitude::dm),
            speed_cm_s: ping.speed.map_or(NO_SPEED, |speed| speed.cm_s() as u16),
            heading_cdeg: ping
                .heading
                .map_or(NO_HEADING, |heading| heading.cdeg() as u16),
            state: ping.state as u8,
            protocol: ping.protocol as u8,
        });
    }

    /// Bytes that the rows take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes()
            + self.contexts.capacity() * size_of::<Context>()
            + self.long_ids
            + self.latest.capacity() * size_of::<Option<u32>>()
    }

    /// The rows of each hour, sorted.
    pub(crate) fn by_hour(&self) -> BTreeMap<Hour, Vec<u32>> {
        let hour = |index: &u32| Hour::of(self.time(*index));
        let mut hours: BTreeMap<Hour, Vec<u32>> = BTreeMap::new();
        for rows in self.sorted().chunk_by(|a, b| hour(a) == hour(b)) {
            // Pings whose time has no hour are not pushed.
            if let Some(hour) = hour(&rows[0]) {
                hours.entry(hour).or_default().extend_from_slice(rows);
            }
        }
        hours
    }

    /// When a row's ping was taken.
    pub(crate) fn time(&self, row: u32) -> Timestamp {
        Timestamp(self.rows.get(row).time)
    }

    /// What the columns of all batches share.
    pub(crate) fn dictionaries(&self) -> Dictionaries {
        let ids = |id: fn(&Context) -> Option<&str>| -> ArrayRef {
            Arc::new(self.contexts.iter().map(id).collect::<StringArray>())
        };
        Dictionaries {
            schema: schema(),
            fleets: ids(|context| Some(context.vehicle.parts().0)),
            vehicles: ids(|context| Some(context.vehicle.parts().1)),
            drivers: ids(|context| context.driver.as_ref().map(KeptId::as_str)),
            rides: ids(|context| context.ride.as_ref().map(KeptId::as_str)),
        }
    }

    /// The rows as columns, a page at a time: that is little enough to stay in the caches.
    pub(crate) fn batches<'a>(
        &'a self,
        rows: &'a [u32],
        dictionaries: &'a Dictionaries,
    ) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + 'a {
        rows.chunks(ROWS_A_PAGE)
            .map(|rows| self.batch(rows, dictionaries))
    }

    fn batch(&self, rows: &[u32], shared: &Dictionaries) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<Row> = rows.iter().map(|index| *self.rows.get(*index)).collect();
        let keys = Int32Array::from_iter_values(rows.iter().map(|row| row.context as i32));
        let ids = |values: &ArrayRef| -> Result<ArrayRef, ArrowError> {
            Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
                keys.clone(),
                values.clone(),
            )?))
        };
        let ints = |value: fn(&Row) -> i32| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values(rows.iter().map(value)))
        };
        let optional_ints = |value: fn(&Row) -> Option<i32>| -> ArrayRef {
            Arc::new(rows.iter().map(value).collect::<Int32Array>())
        };
        let epochs = rows
            .iter()
            .map(|row| self.contexts[row.context as usize].epoch as i64);
        let states = VehicleState::ALL.iter().map(|state| state.as_str());
        let protocols = Protocol::ALL.iter().map(|protocol| protocol.as_str());
        let columns = vec![
            ids(&shared.fleets)?,
            ids(&shared.vehicles)?,
            ids(&shared.drivers)?,
            ids(&shared.rides)?,
            Arc::new(Int64Array::from_iter_values(epochs)),
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row.seq as i64),
            )),
            times(rows.iter().map(|row| row.time)),
            ints(|row| row.lat_e7),
            ints(|row| row.lng_e7),
            optional_ints(|row| (row.speed_cm_s != NO_SPEED).then_some(i32::from(row.speed_cm_s))),
            optional_ints(|row| {
                (row.heading_cdeg != NO_HEADING).then_some(i32::from(row.heading_cdeg))
            }),
            optional_ints(|row| (row.accuracy_dm != NO_ACCURACY).then_some(row.accuracy_dm)),
            optional_ints(|row| (row.altitude_dm != NO_ALTITUDE).then_some(row.altitude_dm)),
            words(states, rows.iter().map(|row| Some(row.state as i8)))?,
            times(rows.iter().map(|row| row.received_at)),
            words(protocols, rows.iter().map(|row| Some(row.protocol as i8)))?,
        ];
        RecordBatch::try_new(Arc::clone(&shared.schema), columns)
    }

    /// The number of the ping's context: its vehicle's latest one, or a new one.
    fn context(&mut self, VehicleNumber(number): VehicleNumber, ping: &Ping) -> u32 {
        let number = number as usize;
        if number >= self.latest.len() {
            self.latest.resize(number + 1, None);
        }
        if let Some(latest) = self.latest[number] {
            let context = &self.contexts[latest as usize];
            if context.epoch == ping.name.epoch
                && KeptId::is(context.ride.as_ref(), ping.ride)
                && KeptId::is(context.driver.as_ref(), ping.driver)
            {
                return latest;
            }
        }
        let new = self.contexts.len() as u32;
        let context = Context {
            vehicle: VehicleKey::new(ping.fleet, ping.vehicle),
            driver: ping.driver.map(KeptId::from),
            ride: ping.ride.map(KeptId::from),
            epoch: ping.name.epoch,
        };
        self.long_ids += context.long_ids();
        self.contexts.push(context);
        self.latest[number] = Some(new);
        new
    }

    /// All rows by vehicle, then time, epoch and seq; equals as they were pushed.
    ///
    /// Vehicles by counting; a vehicle's own rows mostly come in order already.
    fn sorted(&self) -> Vec<u32> {
        let (ranks, vehicles) = self.vehicle_ranks();
        let mut starts = vec![0_u32; vehicles + 1];
        for row in self.rows.iter() {
            starts[ranks[row.context as usize] as usize + 1] += 1;
        }
        for vehicle in 0..vehicles {
            starts[vehicle + 1] += starts[vehicle];
        }
        let mut next = starts.clone();
        let mut sorted = vec![0_u32; self.rows.len()];
        for (index, row) in (0..).zip(self.rows.iter()) {
            let slot = &mut next[ranks[row.context as usize] as usize];
            sorted[*slot as usize] = index;
            *slot += 1;
        }
        let key = |index: &u32| {
            let row = self.rows.get(*index);
            (
                row.time,
                self.contexts[row.context as usize].epoch as i64,
                row.seq as i64,
            )
        };
        for vehicle in 0..vehicles {
            let rows = &mut sorted[starts[vehicle] as usize..starts[vehicle + 1] as usize];
            if !rows.is_sorted_by_key(key) {
                rows.sort_by_key(key);
            }
        }
        sorted
    }

    /// For each context the place of its vehicle in the order of fleet and vehicle; and how many
    /// vehicles there are.
    fn vehicle_ranks(&self) -> (Vec<u32>, usize) {
        let vehicle = |index: u32| self.contexts[index as usize].vehicle.parts();
        let mut order: Vec<u32> = (0..self.contexts.len() as u32).collect();
        order.sort_by(|one, other| vehicle(*one).cmp(&vehicle(*other)));
        let mut ranks = vec![0; order.len()];
        let mut vehicles = 0;
        for same in order.chunk_by(|one, other| vehicle(*one) == vehicle(*other)) {
            for index in same {
                ranks[*index as usize] = vehicles;
            }
            vehicles += 1;
        }
        (ranks, vehicles as usize)
    }
}

impl Context {
    /// Bytes of its ids that lie elsewhere.
    fn long_ids(&self) -> usize {
        let (fleet, vehicle) = self.vehicle.parts();
        let driver = self.driver.as_ref().map_or(0, |id| id.as_str().len());
        let ride = self.ride.as_ref().map_or(0, |id| id.as_str().len());
        [fleet.len() + 1 + vehicle.len(), driver, ride]
            .into_iter()
            .filter(|bytes| *bytes > SHORT_ID_BYTES)
            .sum()
    }
}

/// The ids of all contexts, as the columns of every batch refer to them.
#[derive(Debug)]
pub(crate) struct Dictionaries {
    schema: SchemaRef,
    fleets: ArrayRef,
    vehicles: ArrayRef,
    drivers: ArrayRef,
    rides: ArrayRef,
}

#[cfg(test)]
mod tests {
    use schemas::{Accuracy, FleetId, Heading, RideId, Speed};

    use super::*;

    #[test]
    fn no_ping_has_a_value_that_stands_for_null() {
        assert!(Speed::from_cm_s(u32::from(NO_SPEED)).is_none());
        assert!(Heading::from_cdeg(u32::from(NO_HEADING)).is_none());
        assert!(Accuracy::from_dm(NO_ACCURACY as u32).is_none());
        assert!(Altitude::from_dm(NO_ALTITUDE).is_none());
    }

    #[test]
    fn ids_that_lie_elsewhere_are_counted() {
        let context = |vehicle: &str, ride: &str| Context {
            vehicle: VehicleKey::new(FleetId::default(), vehicle.parse().unwrap()),
            driver: None,
            ride: Some(ride.parse::<RideId>().unwrap().into()),
            epoch: 0,
        };
        let fleet = FleetId::default().as_str().len();
        let long = "i".repeat(24);
        assert_eq!(context("v", &long[1..]).long_ids(), 0);
        assert_eq!(context(&long, &long).long_ids(), fleet + 1 + 24 + 24);
    }

    #[test]
    fn a_ping_takes_56_bytes() {
        assert_eq!(size_of::<Row>(), 56);
    }
}
