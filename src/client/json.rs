//! A reading as the JSON object that `POST /v1/pings` takes.
//! Written by hand: at full speed the generator must cost less than the server that reads it.

use schemas::VehicleState;

use super::{
    Reading,
    decimal::{write_decimal, write_integer, write_unsigned},
};

/// Appends one object. Ids go in as they are: none that is sent needs an escape.
pub(super) fn write_reading(reading: &Reading<'_>, text: &mut Vec<u8>) {
    text.extend_from_slice(b"{\"vehicle_id\":\"");
    text.extend_from_slice(reading.vehicle.as_bytes());
    text.push(b'"');
    write_text(b",\"fleet_id\":\"", reading.fleet, text);
    write_text(b",\"driver_id\":\"", reading.driver, text);
    write_text(b",\"ride_id\":\"", reading.ride, text);
    text.extend_from_slice(b",\"epoch\":");
    write_unsigned(reading.name.epoch, text);
    text.extend_from_slice(b",\"seq\":");
    write_unsigned(reading.name.seq, text);
    text.extend_from_slice(b",\"time_ms\":");
    write_integer(reading.time.0, text);
    text.extend_from_slice(b",\"lat\":");
    write_decimal(i64::from(reading.lat_e7), 7, text);
    text.extend_from_slice(b",\"lng\":");
    write_decimal(i64::from(reading.lng_e7), 7, text);
    write_quantity(b",\"speed_mps\":", reading.speed_cm_s, 2, text);
    write_quantity(b",\"heading_deg\":", reading.heading_cdeg, 2, text);
    write_quantity(b",\"accuracy_m\":", reading.accuracy_dm, 1, text);
    write_quantity(b",\"altitude_m\":", reading.altitude_dm, 1, text);
    if reading.state != VehicleState::Unspecified {
        write_text(b",\"state\":\"", Some(reading.state.as_str()), text);
    }
    text.push(b'}');
}

fn write_text(key: &[u8], value: Option<&str>, text: &mut Vec<u8>) {
    if let Some(value) = value {
        text.extend_from_slice(key);
        text.extend_from_slice(value.as_bytes());
        text.push(b'"');
    }
}

fn write_quantity(key: &[u8], value: Option<impl Into<i64>>, places: u32, text: &mut Vec<u8>) {
    if let Some(value) = value {
        text.extend_from_slice(key);
        write_decimal(value.into(), places, text);
    }
}
