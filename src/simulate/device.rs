//! A driver's device: it numbers its fixes and sends them, or, with faults, does not quite.
//! What it sends is a function of its draws and its fixes; nobody's answers play a part.

use schemas::{PingName, RideEvent, RideId, Timestamp, VehicleState};

use super::{
    fault::{self, Defect, Faults, Link},
    plane::Point,
    receiver::Measured,
};
use crate::client::{Expectation, Outbox, Reading, VehicleIndex};

/// The ids that a device writes into what it sends.
#[derive(Debug)]
pub(super) struct Identity {
    pub fleet: Option<String>,
    pub vehicle: String,
    pub driver: String,
}

/// A device and what it still has to send.
#[derive(Debug)]
pub(super) struct Device {
    identity: Identity,
    index: VehicleIndex,
    counter: PingName,
    faults: Option<Box<Unreliable>>,
}

/// What a device has to do with while things go wrong.
#[derive(Debug)]
struct Unreliable {
    faults: Faults,
    skew_ms: i64,
    link: Link,
    /// Waits for the end of a gap.
    backlog: Vec<Queued>,
    /// Is sent after so many fixes more.
    later: Vec<(u32, Queued)>,
}

#[derive(Debug)]
enum Queued {
    Fix(Box<Fix>),
    Event(Box<RideEvent>),
}

/// A moment of a cab as its device sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub time: Timestamp,
    pub measured: Measured,
    pub state: VehicleState,
    pub ride: Option<RideId>,
}

/// A numbered moment, and what ingest must say to it.
#[derive(Debug, Clone)]
struct Fix {
    name: PingName,
    moment: Moment,
    defect: Option<Defect>,
    expected: Expectation,
}

impl Device {
    /// A device that starts counting at `start`; without `faults` nothing ever goes wrong.
    pub(super) fn new(
        identity: Identity,
        index: VehicleIndex,
        start: Timestamp,
        faults: Option<Faults>,
    ) -> Self {
        let faults = faults.map(|mut faults| {
            let skew_ms = faults.skew_ms();
            let (link, backlog, later) = (Link::Up, Vec::new(), Vec::new());
            Box::new(Unreliable {
                faults,
                skew_ms,
                link,
                backlog,
                later,
            })
        });
        let counter = PingName {
            epoch: start.0.max(0) as u64,
            seq: 0,
        };
        Self {
            identity,
            index,
            counter,
            faults,
        }
    }

    /// Takes in what happened to the cab's ride, then where the cab is; sends what it can.
    pub(super) fn report(
        &mut self,
        events: &mut Vec<RideEvent>,
        moment: Moment,
        outbox: &mut Outbox,
    ) -> anyhow::Result<()> {
        if let Some(mut unreliable) = self.faults.take() {
            let reported = self.report_badly(&mut unreliable, events, moment, outbox);
            self.faults = Some(unreliable);
            return reported;
        }
        for event in events.drain(..) {
            outbox.event(self.index, &event)?;
        }
        let fix = self.number(moment);
        self.send(&fix, outbox);
        Ok(())
    }

    /// Sends all that still waits.
    pub(super) fn finish(&mut self, outbox: &mut Outbox) -> anyhow::Result<()> {
        let Some(mut unreliable) = self.faults.take() else {
            return Ok(());
        };
        for queued in unreliable.backlog.drain(..) {
            self.send_queued(&queued, outbox)?;
        }
        for (_, queued) in unreliable.later.drain(..) {
            self.send_queued(&queued, outbox)?;
        }
        self.faults = Some(unreliable);
        Ok(())
    }

    /// Sends a last ride event after all that still waits.
    pub(super) fn finish_with(
        &mut self,
        mut last: RideEvent,
        outbox: &mut Outbox,
    ) -> anyhow::Result<()> {
        self.finish(outbox)?;
        last.time.0 += self.faults.as_ref().map_or(0, |faults| faults.skew_ms);
        outbox.event(self.index, &last)
    }

    fn report_badly(
        &mut self,
        unreliable: &mut Unreliable,
        events: &mut Vec<RideEvent>,
        mut moment: Moment,
        outbox: &mut Outbox,
    ) -> anyhow::Result<()> {
        moment.time.0 += unreliable.skew_ms;
        let before = unreliable.link;
        unreliable.link = unreliable.faults.next_link(before);
        if before != Link::Up && unreliable.link == Link::Up {
            self.catch_up(before, unreliable, outbox)?;
        }
        for mut event in events.drain(..) {
            event.time.0 += unreliable.skew_ms;
            self.tell(event, unreliable, outbox)?;
        }
        if matches!(unreliable.link, Link::Tunnel(_)) {
            return Ok(());
        }
        if unreliable.faults.happens(fault::RESTART) {
            self.counter = PingName {
                epoch: moment.time.0.max(0) as u64,
                seq: 0,
            };
        }
        if let Some(defect) = unreliable.faults.defect() {
            let fix = Fix {
                defect: Some(defect),
                expected: Expectation::Rejected(defect.rejection()),
                ..self.number(moment)
            };
            self.pass_on(fix, unreliable, outbox);
        }
        if let Some((east, north)) = unreliable.faults.jump() {
            let Point { east: x, north: y } = moment.measured.point;
            moment.measured.point = Point {
                east: x + east,
                north: y + north,
            };
        }
        let fix = self.number(moment);
        self.pass_on(fix, unreliable, outbox);
        self.send_what_is_late(unreliable, outbox)
    }

    /// After a gap: an offline device sends all in its order; one that fell behind sends its
    /// backlog some fixes later.
    fn catch_up(
        &self,
        after: Link,
        unreliable: &mut Unreliable,
        outbox: &mut Outbox,
    ) -> anyhow::Result<()> {
        let delay = unreliable.faults.delay();
        for queued in unreliable.backlog.drain(..) {
            match after {
                Link::Behind(_) => unreliable.later.push((delay, queued)),
                Link::Up | Link::Tunnel(_) | Link::Offline(_) => {
                    self.send_queued(&queued, outbox)?;
                }
            }
        }
        Ok(())
    }

    fn tell(
        &self,
        event: RideEvent,
        unreliable: &mut Unreliable,
        outbox: &mut Outbox,
    ) -> anyhow::Result<()> {
        let repeats = unreliable.faults.happens(fault::EVENT_REPEAT);
        if matches!(unreliable.link, Link::Offline(_)) {
            unreliable.backlog.push(Queued::Event(Box::new(event)));
            return Ok(());
        }
        outbox.event(self.index, &event)?;
        if repeats {
            outbox.event(self.index, &event)?;
        }
        Ok(())
    }

    /// Sends a fix now or later, and perhaps twice.
    fn pass_on(&self, fix: Fix, unreliable: &mut Unreliable, outbox: &mut Outbox) {
        let Unreliable {
            faults,
            link,
            backlog,
            later,
            ..
        } = unreliable;
        if matches!(link, Link::Offline(_) | Link::Behind(_)) {
            backlog.push(Queued::Fix(Box::new(fix)));
        } else if faults.happens(fault::DELAY) {
            later.push((faults.delay(), Queued::Fix(Box::new(fix))));
        } else {
            self.send(&fix, outbox);
            if fix.defect.is_none() && faults.happens(fault::REPEAT) {
                let again = Fix {
                    expected: Expectation::Repeated,
                    ..fix
                };
                later.push((faults.delay(), Queued::Fix(Box::new(again))));
            }
        }
    }

    fn send_what_is_late(
        &self,
        unreliable: &mut Unreliable,
        outbox: &mut Outbox,
    ) -> anyhow::Result<()> {
        if unreliable.later.is_empty() || matches!(unreliable.link, Link::Offline(_)) {
            return Ok(());
        }
        for (wait, _) in &mut unreliable.later {
            *wait = wait.saturating_sub(1);
        }
        for (_, queued) in unreliable.later.extract_if(.., |(wait, _)| *wait == 0) {
            self.send_queued(&queued, outbox)?;
        }
        Ok(())
    }

    fn number(&mut self, moment: Moment) -> Fix {
        let name = self.counter;
        self.counter.seq += 1;
        Fix {
            name,
            moment,
            defect: None,
            expected: Expectation::Accepted,
        }
    }

    fn send_queued(&self, queued: &Queued, outbox: &mut Outbox) -> anyhow::Result<()> {
        match queued {
            Queued::Fix(fix) => {
                self.send(fix, outbox);
                Ok(())
            }
            Queued::Event(event) => outbox.event(self.index, event),
        }
    }

    fn send(&self, fix: &Fix, outbox: &mut Outbox) {
        let Moment {
            time,
            measured,
            state,
            ride,
        } = &fix.moment;
        let (lat_e7, lng_e7) = measured.point.to_e7();
        let mut reading = Reading {
            fleet: self.identity.fleet.as_deref(),
            vehicle: &self.identity.vehicle,
            driver: Some(&self.identity.driver),
            ride: ride.as_ref().map(RideId::as_str),
            name: fix.name,
            time: *time,
            lat_e7,
            lng_e7,
            speed_cm_s: Some(measured.speed_cm_s),
            heading_cdeg: measured.heading_cdeg,
            accuracy_dm: Some(measured.accuracy_dm),
            altitude_dm: Some(measured.altitude_dm),
            state: *state,
        };
        if let Some(defect) = fix.defect {
            spoil(&mut reading, defect);
        }
        outbox.ping(self.index, fix.expected, &reading);
    }
}

/// The time of a device whose clock has lost its battery: 1970, whatever the fleet's time is.
const LOST_CLOCK: Timestamp = Timestamp(1);
/// The time of a device whose clock was set wrong: 2100.
const WRONG_CLOCK: Timestamp = Timestamp(4_102_444_800_000);

fn spoil(reading: &mut Reading<'_>, defect: Defect) {
    match defect {
        Defect::NullIsland => (reading.lat_e7, reading.lng_e7) = (0, 0),
        Defect::FarNorth => reading.lat_e7 = 950_000_000,
        Defect::FarEast => reading.lng_e7 = 2_000_000_000,
        Defect::TooFast => reading.speed_cm_s = Some(20_000),
        Defect::BadId => reading.vehicle = "no id",
        Defect::TooOld => reading.time = LOST_CLOCK,
        Defect::TooNew => reading.time = WRONG_CLOCK,
    }
}
