//! A vehicle's time on duty, by its pings and ride events: sessions that end by what the app says, by
//! another driver, or in silence; and how far it drove. Who reports it is the generators'.
//!
//! **Distance** is measured from fix to fix by the crow, in legs of at least 10 m, so that a standing
//! vehicle's jitter adds nothing. A leg that would need more than 70 m/s is a jump of the receiver and
//! is not driven. Legs are rounded to 1 mm once, so sums do not depend on how they are grouped.

use arrayvec::ArrayVec;

use crate::{
    Coordinate, DriverId, Ping, RideEvent, RideEventKind, RideId, Timestamp, VehicleState,
};

/// A shorter way is jitter, m.
const MIN_LEG_M: f64 = 10.0;
/// Nothing on wheels is faster, m/s.
const MAX_SPEED_M_S: f64 = 70.0;
/// A vehicle has at most so many rides on board; one more takes the place of the first.
const MAX_ON_BOARD: usize = 8;

/// One vehicle.
#[derive(Debug, Clone, Default)]
pub(super) struct Duty {
    open: Option<Open>,
    /// When it was heard last.
    heard: Timestamp,
    /// Where it was last.
    place: Option<Coordinate>,
    leg: Option<Leg>,
    on_board: ArrayVec<RideId, MAX_ON_BOARD>,
    driven: Driven,
}

/// A leg that is driven now. Whether a passenger is on board is what holds where it begins.
#[derive(Debug, Clone, Copy)]
struct Leg {
    from: Coordinate,
    since: Timestamp,
    is_on_board: bool,
}

/// How far a vehicle drove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Driven {
    pub(super) all_mm: i64,
    /// With a passenger.
    pub(super) on_board_mm: i64,
}

/// A session that goes on.
#[derive(Debug, Clone, Copy)]
struct Open {
    driver: Option<DriverId>,
    began: Timestamp,
    driven: Driven,
}

/// A session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) driver: Option<DriverId>,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) driven: Driven,
    pub(super) ending: Ending,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The app said that it is off duty, or another driver is there.
    Told,
    /// Nothing more was heard.
    Silence,
}

impl Driven {
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            all_mm: self.all_mm - earlier.all_mm,
            on_board_mm: self.on_board_mm - earlier.on_board_mm,
        }
    }
}

impl Duty {
    /// When the session began that goes on.
    pub(super) fn began(&self) -> Option<Timestamp> {
        Some(self.open?.began)
    }

    /// How far it drove since it is followed.
    pub(super) fn driven(&self) -> Driven {
        self.driven
    }

    /// Where it was last.
    pub(super) fn place(&self) -> Option<Coordinate> {
        self.place
    }

    /// Takes a ping; gives the session that it ends.
    pub(super) fn ping(&mut self, ping: &Ping, silence_ms: i64) -> Option<Session> {
        if matches!(
            ping.state,
            VehicleState::NonContactable | VehicleState::Missing
        ) {
            return None;
        }
        let mut ended = self.pass(ping.time, silence_ms);
        if is_off_duty(ping.state) {
            self.drive(ping);
            ended = ended.or_else(|| self.end(ping.time, Ending::Told));
            self.leg = None;
            return ended;
        }
        ended = ended.or_else(|| self.change(ping.driver));
        self.hear(ping.time, ping.driver);
        self.drive(ping);
        ended
    }

    /// Takes an event of one of its rides; gives the session that it ends.
    pub(super) fn event(&mut self, event: &RideEvent, silence_ms: i64) -> Option<Session> {
        let mut ended = self.pass(event.time, silence_ms);
        ended = ended.or_else(|| self.change(event.driver));
        self.hear(event.time, event.driver);
        match event.kind {
            RideEventKind::PickedUp if !self.on_board.contains(&event.ride) => {
                if self.on_board.is_full() {
                    self.on_board.remove(0);
                }
                self.on_board.push(event.ride);
            }
            RideEventKind::DroppedOff { .. } | RideEventKind::Cancelled { .. } => {
                self.on_board.retain(|ride| *ride != event.ride);
            }
            _ => {}
        }
        ended
    }

    /// Says that nothing more was heard until `now`; gives the session that ended in silence.
    pub(super) fn pass(&mut self, now: Timestamp, silence_ms: i64) -> Option<Session> {
        self.open?;
        if now.0.saturating_sub(self.heard.0) <= silence_ms {
            return None;
        }
        self.leg = None;
        self.end(self.heard, Ending::Silence)
    }

    /// Ends the session of a driver whose place another one has. The way between is of neither.
    fn change(&mut self, driver: Option<DriverId>) -> Option<Session> {
        let known = self.open.and_then(|open| open.driver);
        let is_other = matches!((known, driver), (Some(known), Some(driver)) if known != driver);
        if !is_other {
            return None;
        }
        self.leg = None;
        self.end(self.heard, Ending::Told)
    }

    fn hear(&mut self, time: Timestamp, driver: Option<DriverId>) {
        self.heard = time;
        let open = self.open.get_or_insert(Open {
            driver,
            began: time,
            driven: self.driven,
        });
        open.driver = open.driver.or(driver);
    }

    fn drive(&mut self, ping: &Ping) {
        self.place = Some(ping.position);
        let is_on_trip = matches!(ping.state, VehicleState::OnTrip | VehicleState::Stopped);
        let mut next = Leg {
            from: ping.position,
            since: ping.time,
            is_on_board: is_on_trip || !self.on_board.is_empty(),
        };
        if let Some(leg) = self.leg {
            let meters = leg.from.distance(ping.position).0;
            if meters < MIN_LEG_M {
                next.from = leg.from;
            } else if meters <= MAX_SPEED_M_S * ping.time.seconds_since(leg.since) {
                let mm = (meters * 1000.0).round() as i64;
                self.driven.all_mm += mm;
                if leg.is_on_board {
                    self.driven.on_board_mm += mm;
                }
            }
        }
        self.leg = Some(next);
    }

    fn end(&mut self, ended: Timestamp, ending: Ending) -> Option<Session> {
        let open = self.open.take()?;
        Some(Session {
            driver: open.driver,
            began: open.began,
            ended,
            driven: self.driven.since(open.driven),
            ending,
        })
    }
}

pub(super) fn is_off_duty(state: VehicleState) -> bool {
    matches!(
        state,
        VehicleState::NonOperational | VehicleState::Removed | VehicleState::Decommissioned
    )
}
