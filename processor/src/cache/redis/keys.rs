//! What keys are called. The part in braces decides the slot in a cluster: a fleet lies in one, so
//! that a ride and the list of rides are written together. They are a public contract:
//! schemas/cache.md.

use schemas::{FleetId, RideId, VehicleId};

/// A ride: a hash, and the channel on which its changes are told.
pub(super) fn ride(fleet: FleetId, ride: RideId) -> String {
    format!("hansom:{{{fleet}}}:ride:{ride}")
}

/// A vehicle: a hash.
pub(super) fn vehicle(fleet: FleetId, vehicle: VehicleId) -> String {
    format!("hansom:{{{fleet}}}:vehicle:{vehicle}")
}

/// The ids of a fleet's rides: a sorted set in which all have the same score.
pub(super) fn rides(fleet: FleetId) -> String {
    format!("hansom:{{{fleet}}}:rides")
}

/// Where a fleet's vehicles are: a geospatial index.
pub(super) fn places(fleet: FleetId) -> String {
    format!("hansom:{{{fleet}}}:places")
}
