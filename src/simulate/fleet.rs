//! A part of the simulated fleet as a source: its cabs take turns, each once an interval.

use std::sync::Arc;

use schemas::{
    CancelledBy, DriverId, FleetId, RideEvent, RideEventKind, RideId, Timestamp, VehicleId,
};

use super::{
    cab::Cab,
    device::{Device, Identity, Moment},
    drive::MAX_STEP_SECONDS,
    fault::Faults,
    receiver::{Receiver, Truth},
    ride::World,
    router::Router,
    town::Town,
};
use crate::{
    client::{Outbox, Source, VehicleIndex},
    dice::Dice,
};

/// What the whole fleet does. The same plan is the same fixes, whatever else differs.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub fleet: Option<FleetId>,
    pub vehicles: u32,
    pub seed: u64,
    pub start: Timestamp,
    pub interval_ms: i64,
    /// Fixes of the whole fleet, without what faults add or take away; None for no end.
    pub fixes: Option<u64>,
    pub conduct: Conduct,
}

/// Whether things go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduct {
    /// They do not.
    Flawless,
    /// They do, for every device in its own way.
    Faulty,
}

/// Streams of draws of one vehicle.
const STREAMS: u64 = 3;

/// Every `parts`-th vehicle of a fleet.
#[derive(Debug)]
pub(super) struct FleetPart {
    plan: Plan,
    world: World,
    members: Vec<Member>,
    events: Vec<RideEvent>,
    tick: u64,
    /// Whose turn it is within the tick.
    turn: usize,
}

#[derive(Debug)]
struct Member {
    name: VehicleId,
    driver: DriverId,
    /// Among the whole fleet.
    number: u32,
    cab: Cab,
    receiver: Receiver,
    device: Device,
}

impl FleetPart {
    /// The `part`-th of `parts`.
    pub(super) fn new(
        plan: &Plan,
        town: &Arc<Town>,
        part: u32,
        parts: u32,
    ) -> anyhow::Result<Self> {
        let mut members = Vec::new();
        for number in (part..plan.vehicles).step_by(parts as usize) {
            let index = VehicleIndex(members.len() as u32);
            members.push(Member::new(plan, town, number, index)?);
        }
        Ok(Self {
            plan: plan.clone(),
            world: World {
                town: Arc::clone(town),
                router: Router::new(town),
            },
            members,
            events: Vec::new(),
            tick: 0,
            turn: 0,
        })
    }

    /// When it is the turn of the present member: the fleet is spread over the interval.
    fn time(&self, member: &Member) -> Timestamp {
        let within =
            self.plan.interval_ms * i64::from(member.number) / i64::from(self.plan.vehicles);
        Timestamp(self.plan.start.0 + self.tick as i64 * self.plan.interval_ms + within)
    }
}

impl Plan {
    /// Fixes of one vehicle.
    fn fixes_of(&self, number: u32) -> Option<u64> {
        let vehicles = u64::from(self.vehicles);
        let fixes = self.fixes?;
        Some(fixes / vehicles + u64::from(u64::from(number) < fixes % vehicles))
    }
}

impl Source for FleetPart {
    fn vehicles(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.name.as_str().to_owned())
            .collect()
    }

    fn due(&self) -> Option<Timestamp> {
        let member = self.members.get(self.turn)?;
        // Vehicles with a smaller number have as many fixes or one more.
        match self.plan.fixes_of(member.number) {
            Some(fixes) if self.tick >= fixes => None,
            Some(_) | None => Some(self.time(member)),
        }
    }

    fn step(&mut self, outbox: &mut Outbox) -> anyhow::Result<()> {
        let now = self.time(&self.members[self.turn]);
        let member = &mut self.members[self.turn];
        member.live(now, &self.plan, &mut self.world, &mut self.events);
        let moment = member.moment(now, &self.world.town);
        member.device.report(&mut self.events, moment, outbox)?;
        if self.plan.fixes_of(member.number) == Some(self.tick + 1) {
            member.device.finish(outbox)?;
        }
        self.turn += 1;
        if self.turn == self.members.len() {
            self.turn = 0;
            self.tick += 1;
        }
        Ok(())
    }

    /// Cancels the rides under way: nobody would ever end them.
    fn take_leave(&mut self, outbox: &mut Outbox) -> anyhow::Result<()> {
        let times: Vec<_> = self
            .members
            .iter()
            .map(|member| self.time(member))
            .collect();
        for (member, time) in self.members.iter_mut().zip(times) {
            if let Some(ride) = member.cab.ride() {
                let by = CancelledBy::Dispatch;
                let cancelled =
                    member.event(&self.plan, ride, (time, RideEventKind::Cancelled { by }));
                member.device.finish_with(cancelled, outbox)?;
            }
        }
        Ok(())
    }
}

/// The id of a fleet's cab. Its rides' ids follow from it: `cab-00007-<start in s>-<number>`.
pub(crate) fn cab_name(number: u32) -> String {
    format!("cab-{number:05}")
}

impl Member {
    fn new(plan: &Plan, town: &Town, number: u32, index: VehicleIndex) -> anyhow::Result<Self> {
        let name = cab_name(number);
        let driver = format!("driver-{number:05}");
        let stream = u64::from(number) * STREAMS;
        let dice = |purpose| Dice::new(plan.seed, stream + purpose);
        let faults = match plan.conduct {
            Conduct::Flawless => None,
            Conduct::Faulty => Some(Faults::new(dice(2))),
        };
        let identity = Identity {
            fleet: plan.fleet.map(|fleet| fleet.as_str().to_owned()),
            vehicle: name.clone(),
            driver: driver.clone(),
        };
        Ok(Self {
            name: VehicleId::new(&name)?,
            driver: DriverId::new(&driver)?,
            number,
            cab: Cab::new(format!("{name}-{}", plan.start.0), town, dice(0)),
            receiver: Receiver::new(plan.interval_ms as f64 / 1e3, dice(1)),
            device: Device::new(identity, index, plan.start, faults),
        })
    }

    /// Lives through the interval that ends now.
    fn live(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        world: &mut World,
        events: &mut Vec<RideEvent>,
    ) {
        let interval = plan.interval_ms as f64 / 1e3;
        let steps = (interval / MAX_STEP_SECONDS).ceil().max(1.0) as i64;
        for step in 1..=steps {
            let Some((ride, kind)) = self.cab.step(world, interval / steps as f64) else {
                continue;
            };
            let time = Timestamp(now.0 - plan.interval_ms * (steps - step) / steps);
            events.push(self.event(plan, ride, (time, kind)));
        }
    }

    fn event(
        &self,
        plan: &Plan,
        ride: RideId,
        (time, kind): (Timestamp, RideEventKind),
    ) -> RideEvent {
        RideEvent {
            fleet: plan.fleet.unwrap_or_default(),
            ride,
            vehicle: self.name,
            driver: Some(self.driver),
            time,
            received_at: time,
            kind,
        }
    }

    fn moment(&mut self, time: Timestamp, town: &Town) -> Moment {
        let truth = Truth {
            point: self.cab.position(town),
            speed: self.cab.speed(),
            heading_cdeg: self.cab.heading_cdeg(town),
        };
        Moment {
            time,
            measured: self.receiver.measure(truth),
            state: self.cab.state(),
            ride: self.cab.ride(),
        }
    }
}

#[cfg(test)]
mod tests;
