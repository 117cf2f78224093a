//! What a device reports, right or wrong, in the integers of the wire.
//! Nothing is checked here: a simulated device also sends what ingest must refuse.

use schemas::{PingName, Timestamp, VehicleState};

/// One report of a device. Fields and units are those of `Ping` in `hansom.proto`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading<'a> {
    /// The fleet; the server's default if missing.
    pub fleet: Option<&'a str>,
    /// The vehicle.
    pub vehicle: &'a str,
    /// Who drives.
    pub driver: Option<&'a str>,
    /// The ride that the app believes it is on.
    pub ride: Option<&'a str>,
    /// The report's name among those of its vehicle.
    pub name: PingName,
    /// Time of the fix by the device.
    pub time: Timestamp,
    /// Latitude in 1e-7 degree.
    pub lat_e7: i32,
    /// Longitude in 1e-7 degree.
    pub lng_e7: i32,
    /// Speed in cm/s.
    pub speed_cm_s: Option<u32>,
    /// Direction in 1/100 degree.
    pub heading_cdeg: Option<u32>,
    /// Accuracy in dm.
    pub accuracy_dm: Option<u32>,
    /// Altitude in dm.
    pub altitude_dm: Option<i32>,
    /// The vehicle's state.
    pub state: VehicleState,
}
