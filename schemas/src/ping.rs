//! A ping: one position fix of one vehicle, checked and exact.
//! Decoding it from what clients send is `upload`'s and `record`'s work.

use serde::{Deserialize, Serialize};

use crate::{
    Accuracy, Altitude, Coordinate, DriverId, FleetId, Heading, Rejection, RideId, Speed,
    Timestamp, VehicleId,
};

/// One position fix of one vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct Ping {
    /// The fleet.
    pub fleet: FleetId,
    /// The vehicle, within the fleet.
    pub vehicle: VehicleId,
    /// Who drives, if known.
    pub driver: Option<DriverId>,
    /// The ride that the app believes it is on.
    pub ride: Option<RideId>,
    /// The ping's name among those of its vehicle.
    pub name: PingName,
    /// When the device took the fix.
    pub time: Timestamp,
    /// Where.
    pub position: Coordinate,
    /// Speed over ground.
    pub speed: Option<Speed>,
    /// Direction of travel.
    pub heading: Option<Heading>,
    /// Horizontal accuracy.
    pub accuracy: Option<Accuracy>,
    /// Height above the ellipsoid.
    pub altitude: Option<Altitude>,
    /// The vehicle's state as the app tells it.
    pub state: VehicleState,
    /// When ingest received it.
    pub received_at: Timestamp,
    /// How it reached ingest.
    pub protocol: Protocol,
}

/// Names a ping among those of its vehicle, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PingName {
    /// When the device started counting.
    pub epoch: u64,
    /// Counts from there.
    pub seq: u64,
}

/// Vehicle states of MDS 2.0, passenger services.
///
/// Source: <https://github.com/openmobilityfoundation/mobility-data-specification>,
/// `modes/passenger-services.md`, "Vehicle States".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VehicleState {
    /// The app did not say.
    #[default]
    Unspecified,
    /// Not in the jurisdiction.
    Removed,
    /// Free for a ride.
    Available,
    /// Off duty.
    NonOperational,
    /// On the way to a pickup, or waiting there.
    Reserved,
    /// Moving with a passenger.
    OnTrip,
    /// Standing with a passenger.
    Stopped,
    /// Out of reach.
    NonContactable,
    /// Out of reach for long.
    Missing,
    /// Out of service for ever.
    Decommissioned,
}

impl VehicleState {
    /// Every state, in the order of its Protobuf number.
    pub const ALL: [Self; 10] = [
        Self::Unspecified,
        Self::Removed,
        Self::Available,
        Self::NonOperational,
        Self::Reserved,
        Self::OnTrip,
        Self::Stopped,
        Self::NonContactable,
        Self::Missing,
        Self::Decommissioned,
    ];

    /// The state's name on the wire, as MDS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Removed => "removed",
            Self::Available => "available",
            Self::NonOperational => "non_operational",
            Self::Reserved => "reserved",
            Self::OnTrip => "on_trip",
            Self::Stopped => "stopped",
            Self::NonContactable => "non_contactable",
            Self::Missing => "missing",
            Self::Decommissioned => "decommissioned",
        }
    }
}

impl PingName {
    /// Names a ping by its device's counter.
    ///
    /// # Errors
    /// [`Rejection::OutOfRange`] for numbers from 2^63 up, which most databases cannot hold.
    pub fn of_counter(epoch: u64, seq: u64) -> Result<Self, Rejection> {
        if epoch.max(seq) > i64::MAX as u64 {
            Err(Rejection::OutOfRange)
        } else {
            Ok(Self { epoch, seq })
        }
    }

    /// Names a ping of a device that does not count: epoch 0, and its time in ms.
    pub fn of_time(time: Timestamp) -> Self {
        Self {
            epoch: 0,
            seq: time.0.max(0) as u64,
        }
    }
}

/// How a ping reached ingest.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Not recorded.
    #[default]
    Unspecified,
    /// `POST /v1/pings` with a JSON object or array.
    HttpJson,
    /// `POST /v1/pings` with NDJSON.
    HttpNdjson,
    /// `POST /v1/pings` with Protobuf.
    HttpProtobuf,
    /// A JSON frame of `/v1/stream`.
    WebsocketJson,
    /// A Protobuf frame of `/v1/stream`.
    WebsocketProtobuf,
    /// A stream of gRPC.
    Grpc,
    /// The query protocol of OsmAnd and of older Traccar clients.
    Osmand,
    /// The JSON of Traccar Client 9 and of the background-geolocation plugin.
    Traccar,
    /// OwnTracks over HTTP.
    Owntracks,
    /// The custom URL of GPSLogger.
    Gpslogger,
    /// OwnTracks over MQTT.
    MqttOwntracks,
    /// Pings as JSON over MQTT.
    MqttJson,
    /// Pings as Protobuf over MQTT.
    MqttProtobuf,
}

impl Protocol {
    /// Every protocol, in the order of its Protobuf number.
    pub const ALL: [Self; 14] = [
        Self::Unspecified,
        Self::HttpJson,
        Self::HttpNdjson,
        Self::HttpProtobuf,
        Self::WebsocketJson,
        Self::WebsocketProtobuf,
        Self::Grpc,
        Self::Osmand,
        Self::Traccar,
        Self::Owntracks,
        Self::Gpslogger,
        Self::MqttOwntracks,
        Self::MqttJson,
        Self::MqttProtobuf,
    ];

    /// The protocol's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::HttpJson => "http_json",
            Self::HttpNdjson => "http_ndjson",
            Self::HttpProtobuf => "http_protobuf",
            Self::WebsocketJson => "websocket_json",
            Self::WebsocketProtobuf => "websocket_protobuf",
            Self::Grpc => "grpc",
            Self::Osmand => "osmand",
            Self::Traccar => "traccar",
            Self::Owntracks => "owntracks",
            Self::Gpslogger => "gpslogger",
            Self::MqttOwntracks => "mqtt_owntracks",
            Self::MqttJson => "mqtt_json",
            Self::MqttProtobuf => "mqtt_protobuf",
        }
    }
}
