//! A reading as a `PingBatch` of one: Protobuf messages of one type may be joined end to end.

use buffa::{EnumValue, RepeatedView, ViewEncode as _};
use schemas::{
    VehicleState,
    proto::__buffa::view::{PingBatchView, PingView},
};

use super::Reading;

/// Appends one batch of one ping.
pub(super) fn write_reading(reading: &Reading<'_>, bytes: &mut Vec<u8>) {
    let state = VehicleState::ALL
        .iter()
        .position(|state| *state == reading.state);
    let ping = PingView {
        fleet_id: reading.fleet.unwrap_or_default(),
        vehicle_id: reading.vehicle,
        driver_id: reading.driver,
        ride_id: reading.ride,
        epoch: reading.name.epoch,
        seq: reading.name.seq,
        time_ms: reading.time.0,
        lat_e7: reading.lat_e7,
        lng_e7: reading.lng_e7,
        speed_cm_s: reading.speed_cm_s,
        heading_cdeg: reading.heading_cdeg,
        accuracy_dm: reading.accuracy_dm,
        altitude_dm: reading.altitude_dm,
        state: EnumValue::from(state.unwrap_or_default() as i32),
        ..PingView::default()
    };
    PingBatchView {
        pings: RepeatedView::new(vec![ping]),
    }
    .encode(bytes);
}
