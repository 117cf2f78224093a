//! How a ride looks to riders and dispatchers: distances, share, time of arrival.
//! It is a pure function of the ride.

use schemas::{Meters, Phase, RideProgress, Timestamp, kept::VehicleKey};

use crate::{
    eta::{Share, motion::Motion},
    ride::{Planned, Ride},
};

/// Shows a ride of a vehicle that moves so.
pub(crate) fn of(ride: &Ride, vehicle: &VehicleKey, motion: Option<Motion>) -> RideProgress {
    let phase = ride.phase();
    let way = Remaining::of(ride, phase);
    let arrival = |share| Some(ride.promised()?.arrival_at(share, ride.as_of));
    let arrives = arrival(Share::P50);
    RideProgress {
        fleet_id: vehicle.fleet(),
        ride_id: ride.id(),
        vehicle_id: vehicle.id(),
        driver_id: ride.driver(),
        version: ride.version.number(),
        phase,
        phase_since_ms: ride.phase_since(),
        as_of_ms: ride.as_of,
        lat: ride.here.map(|here| here.position.lat()),
        lng: ride.here.map(|here| here.position.lng()),
        travelled_m: rounded(ride.travelled),
        remaining_m: way.left.map(rounded),
        fraction: way.fraction,
        eta_ms: arrives,
        eta_p10_ms: arrival(Share::P10),
        eta_p90_ms: arrival(Share::P90),
        eta_s: arrives.map(|arrives| arrives.seconds_since(ride.as_of)),
        off_route: phase == Phase::OnTrip
            && ride.plan.route.as_deref().is_some_and(Planned::is_off),
        stalled_since_ms: match phase {
            Phase::ToPickup | Phase::OnTrip => ride.stall.since(ride.destination()),
            Phase::Waiting | Phase::Completed | Phase::Cancelled => None,
        },
        stale_after_ms: stale_after(ride, motion),
    }
}

/// When a silence of the vehicle is longer than is usual of it.
fn stale_after(ride: &Ride, motion: Option<Motion>) -> Option<Timestamp> {
    let silence = motion.filter(|_| !ride.phase().is_over())?.silence();
    let seen = ride.here?.time;
    Some(Timestamp(seen.0.saturating_add(silence.as_millis() as i64)))
}

/// What is left of the way in this phase; nothing known for a place or a vehicle that is not.
#[derive(Default)]
struct Remaining {
    left: Option<Meters>,
    fraction: Option<f64>,
}

impl Remaining {
    fn of(ride: &Ride, phase: Phase) -> Self {
        if phase == Phase::Completed {
            return Self {
                left: Some(Meters(0.0)),
                fraction: Some(1.0),
            };
        }
        let (Some(here), Some(destination)) = (ride.here, ride.destination()) else {
            return Self::default();
        };
        let crow = here.position.distance(destination);
        let (left, behind) = match ride.plan.route.as_deref() {
            Some(planned) if phase == Phase::OnTrip && !planned.is_off() => {
                (planned.left().length, planned.behind())
            }
            _ => (crow, ride.travelled),
        };
        let whole = left.0 + behind.0;
        let fraction = if whole > 0.0 { behind.0 / whole } else { 1.0 };
        Self {
            left: Some(left),
            fraction: Some((fraction * 1e4).round() / 1e4),
        }
    }
}

/// To the decimetre: more digits would be noise on the wire.
fn rounded(length: Meters) -> f64 {
    (length.0 * 10.0).round() / 10.0
}
