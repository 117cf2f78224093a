//! The one message of the stream: a ping, a ride event or a trip, as Protobuf.
//! Decoding checks everything that the types promise; what fails is for the dead letters.

use buffa::{EnumValue, Enumeration, MessageFieldView, MessageView as _, ViewEncode as _};

use crate::{
    Accuracy, Altitude, CancelledBy, Coordinate, FleetId, Heading, Money, Ping, PingName, Protocol,
    Rejection, RideEvent, RideEventKind, Speed, Timestamp, Trip, TripOutcome, VehicleId,
    VehicleState,
    id::Id,
    proto,
    proto::__buffa::view::{
        self, PingView,
        oneof::{record::Fact, ride_event::Kind},
    },
    ride_event::{Currency, PlannedRoute},
    units::InvalidCoordinate,
};

/// One entry of the stream.
#[expect(clippy::large_enum_variant, reason = "nearly every record is a ping")]
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A position fix.
    Ping(Ping),
    /// Something that happened to a ride.
    RideEvent(Box<RideEvent>),
    /// A finished ride.
    Trip(Box<Trip>),
}

/// Says why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not Protobuf.
    #[error("not protobuf: {0}")]
    Protobuf(String),
    /// Protobuf without a fact that this version knows.
    #[error("holds no ping, ride event or trip")]
    UnknownFact,
    /// A fact with a field that is missing or out of its range.
    #[error("{0}")]
    Invalid(#[from] Rejection),
}

/// Appends the key under which all that happened to a vehicle keeps its order: `fleet/vehicle`.
pub fn write_key(fleet: FleetId, vehicle: VehicleId, key: &mut Vec<u8>) {
    key.extend_from_slice(fleet.as_str().as_bytes());
    key.push(b'/');
    key.extend_from_slice(vehicle.as_str().as_bytes());
}

impl Record {
    /// The fleet and vehicle that it is about.
    pub fn subject(&self) -> (FleetId, VehicleId) {
        match self {
            Self::Ping(ping) => (ping.fleet, ping.vehicle),
            Self::RideEvent(event) => (event.fleet, event.vehicle),
            Self::Trip(trip) => (trip.fleet, trip.vehicle),
        }
    }

    /// Appends the record's bytes.
    pub fn encode(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Ping(ping) => encode_ping(ping, buffer),
            Self::RideEvent(event) => {
                encode_fact(Fact::RideEvent(Box::new(event_view(event))), buffer);
            }
            Self::Trip(trip) => {
                encode_fact(Fact::Trip(Box::new(trip_view(trip))), buffer);
            }
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no record, and for a field that breaks its type's promise.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let record = view::RecordView::decode_view(bytes)
            .map_err(|error| DecodeError::Protobuf(error.to_string()))?;
        match record.fact.ok_or(DecodeError::UnknownFact)? {
            Fact::Ping(ping) => Ok(Self::Ping(ping_from(&ping)?)),
            Fact::RideEvent(event) => Ok(Self::RideEvent(Box::new(event_from(&event)?))),
            Fact::Trip(trip) => Ok(Self::Trip(Box::new(trip_from(&trip)?))),
        }
    }
}

/// Appends the bytes of a record that holds `ping`, without a copy of it.
pub fn encode_ping(ping: &Ping, buffer: &mut Vec<u8>) {
    encode_fact(Fact::Ping(Box::new(ping_view(ping))), buffer);
}

fn encode_fact(fact: Fact<'_>, buffer: &mut Vec<u8>) {
    view::RecordView { fact: Some(fact) }.encode(buffer);
}

fn ping_view(ping: &Ping) -> PingView<'_> {
    PingView {
        fleet_id: ping.fleet.as_str(),
        vehicle_id: ping.vehicle.as_str(),
        driver_id: ping.driver.as_ref().map(Id::as_str),
        ride_id: ping.ride.as_ref().map(Id::as_str),
        epoch: ping.name.epoch,
        seq: ping.name.seq,
        time_ms: ping.time.0,
        lat_e7: ping.position.lat_e7(),
        lng_e7: ping.position.lng_e7(),
        speed_cm_s: ping.speed.map(Speed::cm_s),
        heading_cdeg: ping.heading.map(Heading::cdeg),
        accuracy_dm: ping.accuracy.map(Accuracy::dm),
        altitude_dm: ping.altitude.map(Altitude::dm),
        state: to_wire(&VehicleState::ALL, &ping.state),
        received_at_ms: ping.received_at.0,
        protocol: to_wire(&Protocol::ALL, &ping.protocol),
    }
}

/// Checks a ping as it came over the wire, from a client or from the stream.
///
/// # Errors
/// [`Rejection`] by what is wrong with it.
pub fn ping_from(wire: &PingView<'_>) -> Result<Ping, Rejection> {
    Ok(Ping {
        fleet: if wire.fleet_id.is_empty() {
            FleetId::default()
        } else {
            id(wire.fleet_id)?
        },
        vehicle: id(wire.vehicle_id)?,
        driver: wire.driver_id.map(id).transpose()?,
        ride: wire.ride_id.map(id).transpose()?,
        name: PingName {
            epoch: wire.epoch,
            seq: wire.seq,
        },
        time: Timestamp(wire.time_ms),
        position: coordinate(wire.lat_e7, wire.lng_e7)?,
        speed: in_range(wire.speed_cm_s, Speed::from_cm_s)?,
        heading: in_range(wire.heading_cdeg, Heading::from_cdeg)?,
        accuracy: in_range(wire.accuracy_dm, Accuracy::from_dm)?,
        altitude: in_range(wire.altitude_dm, Altitude::from_dm)?,
        state: from_wire(&VehicleState::ALL, wire.state),
        received_at: Timestamp(wire.received_at_ms),
        protocol: from_wire(&Protocol::ALL, wire.protocol),
    })
}

/// Checks a ping as a client uploads it; what the server sets is set, a name is made where none is.
///
/// # Errors
/// [`Rejection`] by what is wrong with it.
pub fn uploaded_ping_from(
    wire: &PingView<'_>,
    received_at: Timestamp,
    protocol: Protocol,
) -> Result<Ping, Rejection> {
    if wire.state.as_known().is_none() {
        return Err(Rejection::WrongShape);
    }
    let name = match (wire.epoch, wire.seq) {
        (0, 0) => PingName::of_time(Timestamp(wire.time_ms)),
        (0, _) => return Err(Rejection::UnpairedName),
        (epoch, seq) => PingName::of_counter(epoch, seq)?,
    };
    Ok(Ping {
        name,
        received_at,
        protocol,
        ..ping_from(wire)?
    })
}

fn event_view(event: &RideEvent) -> view::RideEventView<'_> {
    let kind = match &event.kind {
        RideEventKind::Assigned {
            pickup,
            dropoff,
            route,
        } => Kind::Assigned(Box::new(view::AssignedView {
            pickup: coordinate_view(Some(*pickup)),
            dropoff: coordinate_view(Some(*dropoff)),
            route: route.as_ref().map(|route| &*route.way),
            route_duration_s: route.as_ref().and_then(PlannedRoute::duration_s),
        })),
        RideEventKind::Arrived => Kind::Arrived(Box::default()),
        RideEventKind::PickedUp => Kind::PickedUp(Box::default()),
        RideEventKind::Rerouted { dropoff, route } => {
            Kind::Rerouted(Box::new(view::ReroutedView {
                dropoff: coordinate_view(Some(*dropoff)),
                route: route.as_ref().map(|route| &*route.way),
                route_duration_s: route.as_ref().and_then(PlannedRoute::duration_s),
            }))
        }
        RideEventKind::DroppedOff { fare } => Kind::DroppedOff(Box::new(view::DroppedOffView {
            fare: money_view(fare.as_ref()),
        })),
        RideEventKind::Cancelled { by } => Kind::Cancelled(Box::new(view::CancelledView {
            by: to_wire(&CancelledBy::ALL, by),
            ..view::CancelledView::default()
        })),
    };
    view::RideEventView {
        fleet_id: event.fleet.as_str(),
        vehicle_id: event.vehicle.as_str(),
        ride_id: event.ride.as_str(),
        driver_id: event.driver.as_ref().map(Id::as_str),
        time_ms: event.time.0,
        received_at_ms: event.received_at.0,
        kind: Some(kind),
    }
}

fn event_from(wire: &view::RideEventView<'_>) -> Result<RideEvent, Rejection> {
    let kind = match wire.kind.as_ref().ok_or(Rejection::WrongShape)? {
        Kind::Assigned(assigned) => RideEventKind::Assigned {
            pickup: required_coordinate(&assigned.pickup)?,
            dropoff: required_coordinate(&assigned.dropoff)?,
            route: PlannedRoute::check(assigned.route, assigned.route_duration_s.map(f64::from))?,
        },
        Kind::Arrived(_) => RideEventKind::Arrived,
        Kind::PickedUp(_) => RideEventKind::PickedUp,
        Kind::Rerouted(rerouted) => RideEventKind::Rerouted {
            dropoff: required_coordinate(&rerouted.dropoff)?,
            route: PlannedRoute::check(rerouted.route, rerouted.route_duration_s.map(f64::from))?,
        },
        Kind::DroppedOff(dropped) => RideEventKind::DroppedOff {
            fare: money_from(&dropped.fare)?,
        },
        Kind::Cancelled(cancelled) => RideEventKind::Cancelled {
            by: from_wire(&CancelledBy::ALL, cancelled.by),
        },
    };
    Ok(RideEvent {
        fleet: id(wire.fleet_id)?,
        vehicle: id(wire.vehicle_id)?,
        ride: id(wire.ride_id)?,
        driver: wire.driver_id.map(id).transpose()?,
        time: Timestamp(wire.time_ms),
        received_at: Timestamp(wire.received_at_ms),
        kind,
    })
}

fn trip_view(trip: &Trip) -> view::TripView<'_> {
    view::TripView {
        fleet_id: trip.fleet.as_str(),
        ride_id: trip.ride.as_str(),
        vehicle_id: trip.vehicle.as_str(),
        driver_id: trip.driver.as_ref().map(Id::as_str),
        version: trip.version,
        outcome: EnumValue::Known(match trip.outcome {
            TripOutcome::Completed => proto::TripOutcome::TRIP_OUTCOME_COMPLETED,
            TripOutcome::Cancelled => proto::TripOutcome::TRIP_OUTCOME_CANCELLED,
        }),
        cancelled_by: to_wire(&CancelledBy::ALL, &trip.cancelled_by),
        assigned_ms: trip.assigned.map(|time| time.0),
        arrived_ms: trip.arrived.map(|time| time.0),
        picked_up_ms: trip.picked_up.map(|time| time.0),
        ended_ms: trip.ended.0,
        pickup: coordinate_view(trip.pickup),
        dropoff: coordinate_view(trip.dropoff),
        distance_m: trip.distance_m,
        to_pickup_m: trip.to_pickup_m,
        duration_s: trip.duration_s,
        waiting_s: trip.waiting_s,
        route: &trip.route,
        fare: money_view(trip.fare.as_ref()),
        pings: trip.pings,
        largest_gap_s: trip.largest_gap_s,
    }
}

fn trip_from(wire: &view::TripView<'_>) -> Result<Trip, Rejection> {
    Ok(Trip {
        fleet: id(wire.fleet_id)?,
        ride: id(wire.ride_id)?,
        vehicle: id(wire.vehicle_id)?,
        driver: wire.driver_id.map(id).transpose()?,
        version: wire.version,
        outcome: match wire.outcome.as_known() {
            Some(proto::TripOutcome::TRIP_OUTCOME_COMPLETED) => TripOutcome::Completed,
            Some(proto::TripOutcome::TRIP_OUTCOME_CANCELLED) => TripOutcome::Cancelled,
            Some(proto::TripOutcome::TRIP_OUTCOME_UNSPECIFIED) | None => {
                return Err(Rejection::WrongShape);
            }
        },
        cancelled_by: from_wire(&CancelledBy::ALL, wire.cancelled_by),
        assigned: wire.assigned_ms.map(Timestamp),
        arrived: wire.arrived_ms.map(Timestamp),
        picked_up: wire.picked_up_ms.map(Timestamp),
        ended: Timestamp(wire.ended_ms),
        pickup: optional_coordinate(&wire.pickup)?,
        dropoff: optional_coordinate(&wire.dropoff)?,
        distance_m: wire.distance_m,
        to_pickup_m: wire.to_pickup_m,
        duration_s: wire.duration_s,
        waiting_s: wire.waiting_s,
        route: wire.route.to_owned(),
        fare: money_from(&wire.fare)?,
        pings: wire.pings,
        largest_gap_s: wire.largest_gap_s,
    })
}

fn id<Kind>(text: &str) -> Result<Id<Kind>, Rejection> {
    Id::new(text).map_err(|_| Rejection::InvalidId)
}

fn in_range<Wire, Unit>(
    value: Option<Wire>,
    check: impl Fn(Wire) -> Option<Unit>,
) -> Result<Option<Unit>, Rejection> {
    value
        .map(|value| check(value).ok_or(Rejection::OutOfRange))
        .transpose()
}

fn coordinate(lat_e7: i32, lng_e7: i32) -> Result<Coordinate, Rejection> {
    Ok(Coordinate::from_e7(lat_e7, lng_e7)?)
}

impl From<InvalidCoordinate> for Rejection {
    fn from(invalid: InvalidCoordinate) -> Self {
        match invalid {
            InvalidCoordinate::OutOfRange => Self::InvalidCoordinate,
            InvalidCoordinate::NullIsland => Self::NullIsland,
        }
    }
}

fn coordinate_view<'a>(at: Option<Coordinate>) -> MessageFieldView<view::CoordinateView<'a>> {
    at.map_or_else(MessageFieldView::unset, |at| {
        MessageFieldView::set(view::CoordinateView {
            lat_e7: at.lat_e7(),
            lng_e7: at.lng_e7(),
            ..view::CoordinateView::default()
        })
    })
}

fn optional_coordinate(
    wire: &MessageFieldView<view::CoordinateView<'_>>,
) -> Result<Option<Coordinate>, Rejection> {
    wire.as_option()
        .map(|at| coordinate(at.lat_e7, at.lng_e7))
        .transpose()
}

fn required_coordinate(
    wire: &MessageFieldView<view::CoordinateView<'_>>,
) -> Result<Coordinate, Rejection> {
    optional_coordinate(wire)?.ok_or(Rejection::WrongShape)
}

fn money_view(money: Option<&Money>) -> MessageFieldView<view::MoneyView<'_>> {
    money.map_or_else(MessageFieldView::unset, |money| {
        MessageFieldView::set(view::MoneyView {
            minor_units: money.minor_units,
            currency: money.currency.as_str(),
        })
    })
}

fn money_from(wire: &MessageFieldView<view::MoneyView<'_>>) -> Result<Option<Money>, Rejection> {
    let Some(money) = wire.as_option() else {
        return Ok(None);
    };
    let currency = Currency::new(money.currency).ok_or(Rejection::InvalidCurrency)?;
    Ok(Some(Money {
        minor_units: money.minor_units,
        currency,
    }))
}

/// The enums of this crate list their values in the order of their Protobuf numbers from 0.
fn to_wire<Value: PartialEq, Wire: Enumeration>(all: &[Value], value: &Value) -> EnumValue<Wire> {
    let number = all
        .iter()
        .position(|candidate| candidate == value)
        .unwrap_or_default();
    EnumValue::from(number as i32)
}

/// A number that this version does not know is read as unspecified, the first value.
fn from_wire<Value: Copy, Wire: Enumeration>(all: &[Value], wire: EnumValue<Wire>) -> Value {
    let number = usize::try_from(wire.to_i32()).unwrap_or_default();
    *all.get(number).unwrap_or(&all[0])
}
