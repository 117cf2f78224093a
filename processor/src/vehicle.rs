//! A vehicle of a shard with its rides: what one accepted ping moves.
//! Which vehicle a ride belongs to, and when its trip is due, is `shard_state`'s.

use schemas::{
    Meters, Ping, RideEvent, RideId, Timestamp, VehiclePosition, VehicleState, id,
    kept::{KeptId, VehicleKey},
};
use serde::{Deserialize, Serialize};

use crate::{
    agenda::Agenda,
    eta::{
        Models,
        motion::{Motion, Movement},
        tempo::Tempo,
    },
    fix::{Fix, Spot, Step},
    gate::{Gate, Verdict},
    ride::Ride,
    version::Version,
    way::Inserted,
};

/// Rides of one vehicle, open ones and those that are over for less than an hour. Nobody drives
/// more in an hour; a client that makes them up loses the oldest.
pub(crate) const MAX_RIDES: usize = 16;

/// One vehicle: 256 bytes without rides, as long as its ids are short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vehicle {
    pub(crate) key: VehicleKey,
    driver: Option<KeptId<id::Driver>>,
    /// The ride that the app says it is on.
    claimed: Option<KeptId<id::Ride>>,
    version: Version,
    gate: Gate,
    fix: Option<Fix>,
    /// None before it was seen twice.
    motion: Option<Motion>,
    tempo: Tempo,
    state: VehicleState,
    pub(crate) rides: Vec<Tracked>,
    /// When the stream last had something of this vehicle.
    pub(crate) heard_ms: i64,
    #[serde(skip)]
    pub(crate) is_dirty: bool,
}

/// A ride with what is due for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tracked {
    pub(crate) ride: Ride,
    /// The version of the trip that was written last; 0 before the first.
    pub(crate) trip_version: u32,
    /// When the next version is due, by the stream's clock.
    pub(crate) due_ms: Option<i64>,
    /// When the stream last had an event of this ride.
    pub(crate) heard_ms: i64,
    #[serde(skip)]
    pub(crate) is_dirty: bool,
}

impl Vehicle {
    /// A vehicle of which nothing is known yet.
    pub(crate) fn new(key: VehicleKey, first: Timestamp) -> Self {
        Self {
            key,
            driver: None,
            claimed: None,
            version: Version::beginning_at(first),
            gate: Gate::default(),
            fix: None,
            motion: None,
            tempo: Tempo::default(),
            state: VehicleState::default(),
            rides: Vec::new(),
            heard_ms: 0,
            is_dirty: false,
        }
    }

    /// Takes a ping: judges it, and moves the vehicle and its rides.
    pub(crate) fn on_ping(&mut self, ping: &Ping, agenda: &mut Agenda, models: &Models) -> Verdict {
        let fix = Fix::from(ping);
        let leg = self.last_seen().map(|last| fix.spot.leg_from(last));
        let verdict = self.gate.judge(ping.name, fix.spot, leg);
        match verdict {
            Verdict::Accepted => {
                let moved = leg.map_or(Meters(0.0), |leg| leg.distance);
                self.note_motion(&fix);
                self.advance(ping, fix, Step::Drove(moved), agenda);
                self.promise(models);
            }
            Verdict::JumpConfirmed => {
                self.advance(ping, fix, Step::Jumped, agenda);
                self.promise(models);
            }
            Verdict::Late => {
                for tracked in &mut self.rides {
                    tracked.on_late_fix(&self.key, fix.spot, agenda);
                }
            }
            Verdict::Held | Verdict::Repeat | Verdict::Forgotten => {}
        }
        verdict
    }

    /// Adds a ride that `event` makes known.
    pub(crate) fn begin_ride(&mut self, event: &RideEvent) {
        self.take_ride(Tracked {
            ride: Ride::known_by(event, self.last_seen()),
            trip_version: 0,
            due_ms: None,
            heard_ms: 0,
            is_dirty: true,
        });
    }

    /// Adds a ride. Vehicles have few: room is made for one at a time.
    pub(crate) fn take_ride(&mut self, tracked: Tracked) {
        self.rides.reserve_exact(1);
        self.rides.push(tracked);
    }

    /// Its ride of this id.
    pub(crate) fn ride_mut(&mut self, ride: RideId) -> Option<&mut Tracked> {
        self.rides.iter_mut().find(|tracked| tracked.ride.is(ride))
    }

    /// Takes a ride away.
    pub(crate) fn remove_ride(&mut self, ride: RideId) -> Option<Tracked> {
        let index = self
            .rides
            .iter()
            .position(|tracked| tracked.ride.is(ride))?;
        Some(self.rides.remove(index))
    }

    /// The ride to forget when there are too many: the oldest that is over, else the oldest.
    pub(crate) fn surplus_ride(&self) -> Option<RideId> {
        if self.rides.len() < MAX_RIDES {
            return None;
        }
        let over = self
            .rides
            .iter()
            .find(|tracked| tracked.ride.phase().is_over());
        over.or(self.rides.first()).map(|tracked| tracked.ride.id())
    }

    /// Adds what another shard knows of the same vehicle, and its rides. Where both have a word, the
    /// shard's stands that heard of it last; the version is not less than either.
    pub(crate) fn merge(&mut self, mut other: Self) {
        if (other.heard_ms, other.version) > (self.heard_ms, self.version) {
            std::mem::swap(self, &mut other);
        }
        self.version = self.version.max(other.version);
        for tracked in other.rides {
            match self.ride_mut(tracked.ride.id()) {
                Some(known) if known.ride.version < tracked.ride.version => *known = tracked,
                Some(_) => {}
                None => self.take_ride(tracked),
            }
        }
    }

    /// Counts a change that is not its own: of the ride that it serves.
    pub(crate) fn note_change(&mut self) {
        self.version.advance();
    }

    /// Where it was seen last.
    pub(crate) fn last_seen(&self) -> Option<Spot> {
        self.fix.map(|fix| fix.spot)
    }

    /// As the live API shows it; None before its first fix.
    pub(crate) fn position(&self) -> Option<VehiclePosition> {
        let fix = self.fix?;
        Some(VehiclePosition {
            fleet_id: self.key.fleet(),
            vehicle_id: self.key.id(),
            driver_id: self.driver.as_ref().map(KeptId::id),
            ride_id: self
                .serves()
                .or_else(|| self.claimed.as_ref().map(KeptId::id)),
            version: self.version.number(),
            time_ms: fix.spot.time,
            lat: fix.spot.position.lat(),
            lng: fix.spot.position.lng(),
            speed_mps: fix.speed.map(schemas::Speed::mps),
            heading_deg: fix.heading.map(schemas::Heading::degrees),
            accuracy_m: fix.accuracy.map(|accuracy| accuracy.meters().0),
            state: self.state,
        })
    }

    /// Renews what its ride's rider is told after an event of it.
    pub(crate) fn promise_anew(&mut self, ride: RideId, models: &Models) {
        let (motion, tempo) = (self.motion, self.tempo);
        if let Some(tracked) = self.ride_mut(ride) {
            tracked.ride.promise(motion, tempo, models);
        }
    }

    /// Takes how much longer one of its drives took than was predicted.
    pub(crate) fn note_tempo(&mut self, longer: f32, ended: Timestamp) {
        self.tempo.learn(longer, ended);
    }

    fn promise(&mut self, models: &Models) {
        for tracked in &mut self.rides {
            tracked.ride.promise(self.motion, self.tempo, models);
        }
    }

    /// Takes how it moved from its last fix to this one.
    fn note_motion(&mut self, fix: &Fix) {
        let Some(last) = self.fix else {
            return;
        };
        let (east, north) = last.spot.position.offset_to(fix.spot.position);
        let movement = Movement {
            seconds: fix.spot.time.seconds_since(last.spot.time),
            east,
            north,
            speed: fix.speed,
        };
        self.motion = Some(Motion::after(self.motion, movement));
    }

    fn advance(&mut self, ping: &Ping, fix: Fix, step: Step, agenda: &mut Agenda) {
        self.fix = Some(fix);
        if ping.driver.is_some() {
            KeptId::replace(&mut self.driver, ping.driver);
        }
        KeptId::replace(&mut self.claimed, ping.ride);
        self.state = ping.state;
        self.version.advance();
        for tracked in &mut self.rides {
            if tracked.ride.phase().is_over() {
                tracked.on_late_fix(&self.key, fix.spot, agenda);
            } else {
                tracked.ride.on_fix(&fix, step);
                tracked.is_dirty = true;
            }
        }
    }

    /// The open ride that is farthest on.
    fn serves(&self) -> Option<RideId> {
        let open = self
            .rides
            .iter()
            .filter(|tracked| !tracked.ride.phase().is_over());
        open.max_by_key(|tracked| {
            let story = &tracked.ride.story;
            (story.picked_up.is_some(), story.arrived.is_some())
        })
        .map(|tracked| tracked.ride.id())
    }
}

impl Tracked {
    fn on_late_fix(&mut self, vehicle: &VehicleKey, spot: Spot, agenda: &mut Agenda) {
        if self.ride.on_late_fix(spot) == Inserted::Changed && self.ride.phase().is_over() {
            agenda.plan(vehicle.fleet(), self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_each_vehicle_is_small() {
        assert!(size_of::<Vehicle>() <= 256, "{}", size_of::<Vehicle>());
    }
}
