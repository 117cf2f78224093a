//! What goes wrong with a device, drawn fix by fix. What follows from it is the device's.

use schemas::Rejection;

use crate::dice::Dice;

/// Fixes in every so many at which something begins or happens.
pub(super) const TUNNEL: f64 = 1.0 / 1_500.0;
pub(super) const OFFLINE: f64 = 1.0 / 1_500.0;
pub(super) const BEHIND: f64 = 1.0 / 1_500.0;
pub(super) const RESTART: f64 = 1.0 / 2_000.0;
pub(super) const INVALID: f64 = 1.0 / 200.0;
pub(super) const JUMP: f64 = 1.0 / 300.0;
pub(super) const DELAY: f64 = 1.0 / 100.0;
pub(super) const REPEAT: f64 = 1.0 / 100.0;
/// Ride events that are sent twice.
pub(super) const EVENT_REPEAT: f64 = 0.02;

/// Fixes that a gap lasts.
const GAP_FIXES: (f64, f64) = (20.0, 120.0);
/// Fixes after which a delayed, a repeated, or a backlog's fix is sent.
const DELAY_FIXES: (f64, f64) = (2.0, 9.0);
/// How far a jump leads, in metres.
const JUMP_METERS: (f64, f64) = (300.0, 3_000.0);
/// How far a device's clock may be off, in ms.
const SKEW_MS: f64 = 2_000.0;

/// Draws what goes wrong.
#[derive(Debug)]
pub(super) struct Faults(Dice);

/// How a device is connected, for so many fixes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// All is sent at once.
    Up,
    /// No satellites and no network: no fixes at all.
    Tunnel(u32),
    /// No network: fixes and events wait, and are sent in their order when it is back.
    Offline(u32),
    /// Fixes wait, and are sent some time after those that follow them.
    Behind(u32),
}

/// Why a fix is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    /// Latitude and longitude 0.
    NullIsland,
    /// A latitude of 95 degrees.
    FarNorth,
    /// A longitude of 200 degrees.
    FarEast,
    /// 200 m/s.
    TooFast,
    /// A vehicle id with a space.
    BadId,
    /// A clock at its beginning.
    TooOld,
    /// A clock set far ahead.
    TooNew,
}

impl Defect {
    const ALL: [Self; 7] = [
        Self::NullIsland,
        Self::FarNorth,
        Self::FarEast,
        Self::TooFast,
        Self::BadId,
        Self::TooOld,
        Self::TooNew,
    ];

    /// How ingest must call it.
    pub(super) fn rejection(self) -> Rejection {
        match self {
            Self::NullIsland => Rejection::NullIsland,
            Self::FarNorth | Self::FarEast => Rejection::InvalidCoordinate,
            Self::TooFast => Rejection::OutOfRange,
            Self::BadId => Rejection::InvalidId,
            Self::TooOld => Rejection::TooOld,
            Self::TooNew => Rejection::TooNew,
        }
    }
}

impl Faults {
    pub(super) fn new(dice: Dice) -> Self {
        Self(dice)
    }

    /// How far the device's clock is ahead, in ms.
    pub(super) fn skew_ms(&mut self) -> i64 {
        self.0.between(-SKEW_MS, SKEW_MS) as i64
    }

    /// How the link is at the next fix.
    pub(super) fn next_link(&mut self, link: Link) -> Link {
        match link {
            Link::Tunnel(left) if left > 1 => Link::Tunnel(left - 1),
            Link::Offline(left) if left > 1 => Link::Offline(left - 1),
            Link::Behind(left) if left > 1 => Link::Behind(left - 1),
            Link::Tunnel(_) | Link::Offline(_) | Link::Behind(_) => Link::Up,
            Link::Up => {
                let draw = self.0.unit();
                let fixes = |dice: &mut Dice| dice.between(GAP_FIXES.0, GAP_FIXES.1) as u32;
                if draw < TUNNEL {
                    Link::Tunnel(fixes(&mut self.0))
                } else if draw < TUNNEL + OFFLINE {
                    Link::Offline(fixes(&mut self.0))
                } else if draw < TUNNEL + OFFLINE + BEHIND {
                    Link::Behind(fixes(&mut self.0))
                } else {
                    Link::Up
                }
            }
        }
    }

    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.0.chance(probability)
    }

    pub(super) fn defect(&mut self) -> Option<Defect> {
        self.0
            .chance(INVALID)
            .then(|| Defect::ALL[self.0.below(Defect::ALL.len())])
    }

    /// Metres east and north by which a fix is wrong.
    pub(super) fn jump(&mut self) -> Option<(f64, f64)> {
        self.0.chance(JUMP).then(|| {
            let meters = self.0.between(JUMP_METERS.0, JUMP_METERS.1);
            let (sin, cos) = self.0.between(0.0, std::f64::consts::TAU).sin_cos();
            (meters * sin, meters * cos)
        })
    }

    /// After how many fixes something late is sent.
    pub(super) fn delay(&mut self) -> u32 {
        self.0.between(DELAY_FIXES.0, DELAY_FIXES.1) as u32
    }
}
