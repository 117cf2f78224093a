//! Vehicles and rides as the cache in memory keeps them: small, because there are many. What it is
//! given goes in and comes out the same. How long they stay is decided in `memory`.

use std::time::Duration;

use schemas::{
    Accuracy, Coordinate, Heading, Phase, RideProgress, Speed, Timestamp, VehiclePosition,
    VehicleState, id,
    kept::{KeptId, RideKey, VehicleKey},
};

use super::rides::Name;

/// A time as whole seconds since the cache began, rounded up: for 136 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Second(u32);

/// A vehicle: 128 bytes, as long as its ids are short.
pub(super) struct KeptVehicle {
    pub(super) key: VehicleKey,
    driver: Option<KeptId<id::Driver>>,
    ride: Option<KeptId<id::Ride>>,
    pub(super) fix: KeptFix,
    pub(super) until: Second,
}

/// What changes of a vehicle with every ping.
pub(super) struct KeptFix {
    pub(super) version: u64,
    time: Timestamp,
    pub(super) place: Coordinate,
    speed: Option<Speed>,
    heading: Option<Heading>,
    accuracy: Option<Accuracy>,
    state: VehicleState,
}

/// A ride: 280 bytes, as long as its ids are short.
pub(super) struct KeptRide {
    pub(super) key: RideKey,
    vehicle: KeptId<id::Vehicle>,
    driver: Option<KeptId<id::Driver>>,
    pub(super) stage: KeptStage,
    pub(super) until: Second,
}

/// What changes of a ride with every ping.
pub(super) struct KeptStage {
    pub(super) version: u64,
    pub(super) phase: Phase,
    phase_since: Timestamp,
    as_of: Timestamp,
    lat: Option<f64>,
    lng: Option<f64>,
    travelled_m: f64,
    remaining_m: Option<f64>,
    fraction: Option<f64>,
    eta: Option<Timestamp>,
    eta_p10: Option<Timestamp>,
    eta_p90: Option<Timestamp>,
    eta_s: Option<f64>,
    off_route: bool,
    stalled_since: Option<Timestamp>,
    stale_after: Option<Timestamp>,
}

impl From<Duration> for Second {
    fn from(since_began: Duration) -> Self {
        let seconds = since_began.as_secs() + u64::from(since_began.subsec_nanos() > 0);
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

impl KeptVehicle {
    pub(super) fn new(vehicle: &VehiclePosition, fix: KeptFix, until: Second) -> Self {
        Self {
            key: VehicleKey::new(vehicle.fleet_id, vehicle.vehicle_id),
            driver: vehicle.driver_id.map(KeptId::from),
            ride: vehicle.ride_id.map(KeptId::from),
            fix,
            until,
        }
    }

    /// Puts what is known now in the place of what was.
    pub(super) fn update(&mut self, vehicle: &VehiclePosition, fix: KeptFix, until: Second) {
        KeptId::replace(&mut self.driver, vehicle.driver_id);
        KeptId::replace(&mut self.ride, vehicle.ride_id);
        self.fix = fix;
        self.until = until;
    }

    /// As the live API shows it.
    pub(super) fn show(&self) -> VehiclePosition {
        let KeptFix {
            version,
            time,
            place,
            speed,
            heading,
            accuracy,
            state,
        } = self.fix;
        VehiclePosition {
            fleet_id: self.key.fleet(),
            vehicle_id: self.key.id(),
            driver_id: self.driver.as_ref().map(KeptId::id),
            ride_id: self.ride.as_ref().map(KeptId::id),
            version,
            time_ms: time,
            lat: place.lat(),
            lng: place.lng(),
            speed_mps: speed.map(Speed::mps),
            heading_deg: heading.map(Heading::degrees),
            accuracy_m: accuracy.map(|accuracy| accuracy.meters().0),
            state,
        }
    }
}

impl KeptFix {
    /// The numbers of `vehicle` in the units that they were made of; None if it is nowhere.
    pub(super) fn of(vehicle: &VehiclePosition) -> Option<Self> {
        Some(Self {
            version: vehicle.version,
            time: vehicle.time_ms,
            place: Coordinate::from_degrees(vehicle.lat, vehicle.lng).ok()?,
            speed: vehicle.speed_mps.and_then(Speed::from_mps),
            heading: vehicle.heading_deg.and_then(Heading::from_degrees),
            accuracy: vehicle.accuracy_m.and_then(Accuracy::from_meters),
            state: vehicle.state,
        })
    }
}

impl KeptRide {
    pub(super) fn new(ride: &RideProgress, until: Second) -> Self {
        Self {
            key: RideKey::new(ride.fleet_id, ride.ride_id),
            vehicle: ride.vehicle_id.into(),
            driver: ride.driver_id.map(KeptId::from),
            stage: KeptStage::of(ride),
            until,
        }
    }

    pub(super) fn is(&self, name: Name) -> bool {
        self.key.is(name.fleet, name.ride)
    }

    /// Puts what is known now in the place of what was.
    pub(super) fn update(&mut self, ride: &RideProgress, until: Second) {
        if self.vehicle.as_str() != ride.vehicle_id.as_str() {
            self.vehicle = ride.vehicle_id.into();
        }
        KeptId::replace(&mut self.driver, ride.driver_id);
        self.stage = KeptStage::of(ride);
        self.until = until;
    }

    /// As the live API shows it.
    pub(super) fn show(&self) -> RideProgress {
        let stage = &self.stage;
        RideProgress {
            fleet_id: self.key.fleet(),
            ride_id: self.key.id(),
            vehicle_id: self.vehicle.id(),
            driver_id: self.driver.as_ref().map(KeptId::id),
            version: stage.version,
            phase: stage.phase,
            phase_since_ms: stage.phase_since,
            as_of_ms: stage.as_of,
            lat: stage.lat,
            lng: stage.lng,
            travelled_m: stage.travelled_m,
            remaining_m: stage.remaining_m,
            fraction: stage.fraction,
            eta_ms: stage.eta,
            eta_p10_ms: stage.eta_p10,
            eta_p90_ms: stage.eta_p90,
            eta_s: stage.eta_s,
            off_route: stage.off_route,
            stalled_since_ms: stage.stalled_since,
            stale_after_ms: stage.stale_after,
        }
    }
}

impl KeptStage {
    fn of(ride: &RideProgress) -> Self {
        Self {
            version: ride.version,
            phase: ride.phase,
            phase_since: ride.phase_since_ms,
            as_of: ride.as_of_ms,
            lat: ride.lat,
            lng: ride.lng,
            travelled_m: ride.travelled_m,
            remaining_m: ride.remaining_m,
            fraction: ride.fraction,
            eta: ride.eta_ms,
            eta_p10: ride.eta_p10_ms,
            eta_p90: ride.eta_p90_ms,
            eta_s: ride.eta_s,
            off_route: ride.off_route,
            stalled_since: ride.stalled_since_ms,
            stale_after: ride.stale_after_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::{DriverId, FleetId, VehicleId};

    use super::*;

    const NOW: Second = Second(7);

    proptest! {
        #[test]
        fn a_vehicle_comes_out_as_it_went_in(
            (lat, lng) in (-900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000),
            speed in proptest::option::of(0_u32..=15_000),
            heading in proptest::option::of(0_u32..36_000),
            accuracy in proptest::option::of(0_u32..=1_000_000),
            driver in proptest::option::of("[a-z]{1,64}"),
        ) {
            let Ok(place) = Coordinate::from_e7(lat, lng) else { return Ok(()) };
            let vehicle = VehiclePosition {
                fleet_id: FleetId::default(),
                vehicle_id: VehicleId::new("v").unwrap(),
                driver_id: driver.map(|text| DriverId::new(&text).unwrap()),
                ride_id: None,
                version: 3,
                time_ms: Timestamp(5),
                lat: place.lat(),
                lng: place.lng(),
                speed_mps: speed.and_then(Speed::from_cm_s).map(Speed::mps),
                heading_deg: heading.and_then(Heading::from_cdeg).map(Heading::degrees),
                accuracy_m: accuracy.and_then(Accuracy::from_dm).map(|dm| dm.meters().0),
                state: VehicleState::OnTrip,
            };
            let fix = || KeptFix::of(&vehicle).unwrap();
            let mut kept = KeptVehicle::new(&vehicle, fix(), NOW);
            prop_assert_eq!(kept.show(), vehicle.clone());
            let other = VehiclePosition { driver_id: None, ..vehicle.clone() };
            kept.update(&other, fix(), NOW);
            prop_assert_eq!(kept.show(), other);
        }
    }

    #[test]
    fn what_is_kept_of_each_vehicle_is_small() {
        assert!(size_of::<KeptVehicle>() <= 128);
        assert!(size_of::<KeptRide>() <= 280);
    }
}
