//! The states and event types of MDS 2.0, passenger-services, and which event leads from which state
//! to which. It is the official table and nothing else: who goes along its edges is `timeline`'s.
//!
//! Source: `modes/passenger-services.md`, "Vehicle States", "Event Types" and "Vehicle States Events".

use serde::{Deserialize, Serialize};

use State::{
    Available, Elsewhere, NonContactable, NonOperational, OnTrip, Removed, Reserved, Stopped,
};
use VehicleEvent::{
    CommsLost, CommsRestored, Decommissioned, DriverCancellation, Maintenance, MaintenanceEnd,
    MaintenancePickUp, PassengerCancellation, ProviderCancellation, Recommissioned,
    ReservationStart, ReservationStop, ServiceEnd, ServiceStart, TripEnd, TripEnterJurisdiction,
    TripLeaveJurisdiction, TripResume, TripStart, TripStop,
};

/// The vehicle states of the mode.
///
/// A ping's [`crate::VehicleState`] is what an app says; this is what an agency is told. The mode has
/// no `missing`, and what is decommissioned is `removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not on the streets: in a depot, or for ever.
    Removed,
    /// Free for a ride.
    Available,
    /// Off duty.
    NonOperational,
    /// On the way to a pickup.
    Reserved,
    /// With a passenger.
    OnTrip,
    /// Standing for a ride: at the pickup, on the way, or at the drop-off.
    Stopped,
    /// Out of reach.
    NonContactable,
    /// Outside the jurisdiction.
    Elsewhere,
}

/// What makes a vehicle change its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VehicleEvent {
    /// Nothing was heard of the vehicle for too long.
    CommsLost,
    /// The vehicle is heard again.
    CommsRestored,
    /// It left the fleet.
    Decommissioned,
    /// The driver called the ride off.
    DriverCancellation,
    /// It is maintained where it stands.
    Maintenance,
    /// It was maintained.
    MaintenanceEnd,
    /// It was taken away to be maintained.
    MaintenancePickUp,
    /// The rider called the ride off.
    PassengerCancellation,
    /// The provider called the ride off.
    ProviderCancellation,
    /// It is of the fleet again.
    Recommissioned,
    /// It was sent to a rider.
    ReservationStart,
    /// It stands at the pickup.
    ReservationStop,
    /// It goes off duty.
    ServiceEnd,
    /// It goes on duty.
    ServiceStart,
    /// The rider got out where they wanted to.
    TripEnd,
    /// It came into the jurisdiction.
    TripEnterJurisdiction,
    /// It left the jurisdiction.
    TripLeaveJurisdiction,
    /// It goes on with its passenger.
    TripResume,
    /// The rider is on board.
    TripStart,
    /// It stands with its passenger.
    TripStop,
}

/// Every edge: from a state, by an event, to a state.
pub const EDGES: [(State, VehicleEvent, State); 42] = [
    (Available, TripLeaveJurisdiction, Elsewhere),
    (Available, CommsLost, NonContactable),
    (Available, ServiceEnd, NonOperational),
    (Available, ReservationStart, Reserved),
    (Elsewhere, TripEnterJurisdiction, Available),
    (Elsewhere, CommsLost, NonContactable),
    (Elsewhere, TripEnterJurisdiction, NonOperational),
    (Elsewhere, TripEnterJurisdiction, OnTrip),
    (Elsewhere, TripEnterJurisdiction, Reserved),
    (NonContactable, CommsRestored, Available),
    (NonContactable, CommsRestored, Elsewhere),
    (NonContactable, CommsRestored, NonOperational),
    (NonContactable, CommsRestored, OnTrip),
    (NonContactable, CommsRestored, Removed),
    (NonContactable, CommsRestored, Reserved),
    (NonContactable, CommsRestored, Stopped),
    (NonOperational, ServiceStart, Available),
    (NonOperational, TripLeaveJurisdiction, Elsewhere),
    (NonOperational, CommsLost, NonContactable),
    (NonOperational, Maintenance, NonOperational),
    (NonOperational, MaintenanceEnd, NonOperational),
    (NonOperational, MaintenancePickUp, Removed),
    (NonOperational, Decommissioned, Removed),
    (OnTrip, TripLeaveJurisdiction, Elsewhere),
    (OnTrip, CommsLost, NonContactable),
    (OnTrip, TripStop, Stopped),
    (Removed, CommsLost, NonContactable),
    (Removed, MaintenanceEnd, NonOperational),
    (Removed, Recommissioned, NonOperational),
    (Reserved, DriverCancellation, Available),
    (Reserved, PassengerCancellation, Available),
    (Reserved, ProviderCancellation, Available),
    (Reserved, TripLeaveJurisdiction, Elsewhere),
    (Reserved, CommsLost, NonContactable),
    (Reserved, ReservationStop, Stopped),
    (Stopped, DriverCancellation, Available),
    (Stopped, PassengerCancellation, Available),
    (Stopped, ProviderCancellation, Available),
    (Stopped, TripEnd, Available),
    (Stopped, CommsLost, NonContactable),
    (Stopped, TripResume, OnTrip),
    (Stopped, TripStart, OnTrip),
];

impl State {
    /// The name that MDS gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Removed => "removed",
            Available => "available",
            NonOperational => "non_operational",
            Reserved => "reserved",
            OnTrip => "on_trip",
            Stopped => "stopped",
            NonContactable => "non_contactable",
            Elsewhere => "elsewhere",
        }
    }

    /// Whether `event` may lead from here to `to`.
    pub fn leads_to(self, event: VehicleEvent, to: Self) -> bool {
        EDGES.contains(&(self, event, to))
    }

    /// Where `event` leads from here. None if it leads nowhere, and if the table leaves it open:
    /// who is heard again, or comes back into the jurisdiction, may be in several states.
    pub fn after(self, event: VehicleEvent) -> Option<Self> {
        let is_this = |edge: &&(Self, VehicleEvent, Self)| edge.0 == self && edge.1 == event;
        let mut edges = EDGES.iter().filter(is_this);
        match (edges.next(), edges.next()) {
            (Some((_, _, to)), None) => Some(*to),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    /// Whether the vehicle is on duty, so that somebody expects to hear of it.
    pub fn is_on_duty(self) -> bool {
        match self {
            Available | Reserved | OnTrip | Stopped => true,
            Removed | NonOperational | NonContactable | Elsewhere => false,
        }
    }
}

impl VehicleEvent {
    /// Every event type, by its name.
    pub const ALL: [Self; 20] = [
        CommsLost,
        CommsRestored,
        Decommissioned,
        DriverCancellation,
        Maintenance,
        MaintenanceEnd,
        MaintenancePickUp,
        PassengerCancellation,
        ProviderCancellation,
        Recommissioned,
        ReservationStart,
        ReservationStop,
        ServiceEnd,
        ServiceStart,
        TripEnd,
        TripEnterJurisdiction,
        TripLeaveJurisdiction,
        TripResume,
        TripStart,
        TripStop,
    ];

    /// The name that MDS gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            CommsLost => "comms_lost",
            CommsRestored => "comms_restored",
            Decommissioned => "decommissioned",
            DriverCancellation => "driver_cancellation",
            Maintenance => "maintenance",
            MaintenanceEnd => "maintenance_end",
            MaintenancePickUp => "maintenance_pick_up",
            PassengerCancellation => "passenger_cancellation",
            ProviderCancellation => "provider_cancellation",
            Recommissioned => "recommissioned",
            ReservationStart => "reservation_start",
            ReservationStop => "reservation_stop",
            ServiceEnd => "service_end",
            ServiceStart => "service_start",
            TripEnd => "trip_end",
            TripEnterJurisdiction => "trip_enter_jurisdiction",
            TripLeaveJurisdiction => "trip_leave_jurisdiction",
            TripResume => "trip_resume",
            TripStart => "trip_start",
            TripStop => "trip_stop",
        }
    }

    /// Whether such an event must name its trip ("Trip ID Requirements"). Those of a jurisdiction
    /// must where there is a trip.
    pub fn names_a_trip(self) -> bool {
        match self {
            DriverCancellation
            | PassengerCancellation
            | ProviderCancellation
            | ReservationStart
            | ReservationStop
            | TripEnd
            | TripResume
            | TripStart
            | TripStop => true,
            CommsLost
            | CommsRestored
            | Decommissioned
            | Maintenance
            | MaintenanceEnd
            | MaintenancePickUp
            | Recommissioned
            | ServiceEnd
            | ServiceStart
            | TripEnterJurisdiction
            | TripLeaveJurisdiction => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: State, event: VehicleEvent, to: Option<State>) {
        assert_eq!(from.after(event), to, "{from:?} {event:?}");
    }

    #[test]
    fn nobody_gets_in_or_out_but_where_the_vehicle_stands() {
        check(Available, TripStart, None);
        check(Reserved, TripStart, None);
        check(Stopped, TripStart, Some(OnTrip));
        check(OnTrip, TripEnd, None);
        check(OnTrip, PassengerCancellation, None);
        check(Stopped, TripEnd, Some(Available));
    }

    #[test]
    fn who_is_heard_again_may_be_in_any_state() {
        check(NonContactable, CommsRestored, None);
        let known = [
            Removed,
            Available,
            NonOperational,
            Reserved,
            OnTrip,
            Stopped,
            Elsewhere,
        ];
        for state in known {
            check(state, CommsLost, Some(NonContactable));
            assert!(NonContactable.leads_to(CommsRestored, state), "{state:?}");
        }
    }

    #[test]
    fn no_edge_stands_twice_and_every_event_has_one() {
        for (at, edge) in EDGES.iter().enumerate() {
            assert!(!EDGES[at + 1..].contains(edge), "{edge:?}");
        }
        for event in VehicleEvent::ALL {
            assert!(EDGES.iter().any(|edge| edge.1 == event), "{event:?}");
        }
    }

    /// The file that agencies' answers are checked by has the table from the other side.
    #[test]
    fn the_json_schema_takes_the_events_that_lead_to_a_state() {
        let text = include_str!("../../json/mds/events.schema.json");
        let schema: serde_json::Value = serde_json::from_str(text).unwrap();
        let event = &schema["$defs"]["event"];
        let states = event["oneOf"].as_array().unwrap();
        assert_eq!(states.len(), 8);
        for state in states {
            let rule = &state["properties"];
            let state: State =
                serde_json::from_value(rule["vehicle_state"]["const"].clone()).unwrap();
            let listed = &rule["event_types"]["items"]["enum"];
            let listed: Vec<VehicleEvent> = serde_json::from_value(listed.clone()).unwrap();
            for event in VehicleEvent::ALL {
                let leads = EDGES.iter().any(|edge| edge.1 == event && edge.2 == state);
                assert_eq!(listed.contains(&event), leads, "{state:?} {event:?}");
            }
        }
        let named = &event["if"]["properties"]["event_types"]["contains"]["enum"];
        let named: Vec<VehicleEvent> = serde_json::from_value(named.clone()).unwrap();
        for event in VehicleEvent::ALL {
            assert_eq!(named.contains(&event), event.names_a_trip(), "{event:?}");
        }
    }

    #[test]
    fn names_are_what_serde_writes() {
        for event in VehicleEvent::ALL {
            let written = serde_json::to_value(event).unwrap();
            assert_eq!(written, event.as_str());
        }
        for (from, _, to) in EDGES {
            assert_eq!(serde_json::to_value(from).unwrap(), from.as_str());
            assert_eq!(serde_json::to_value(to).unwrap(), to.as_str());
        }
    }
}
