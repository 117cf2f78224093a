//! A sample: what was shown at a ping, and what was true.

use processor::eta::{Promise, Share};
use schemas::Timestamp;

use crate::history::{Ride, RideNumber};

/// What riders saw at a ping with them on board. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub ride: RideNumber,
    /// Since the ride began.
    pub after_s: f32,
    /// Until it ended.
    pub left_s: f32,
    /// What was shown as left for each of [`Share::ALL`], if anything.
    pub shown_s: Option<[f32; Share::ALL.len()]>,
}

impl Sample {
    pub(super) fn new(
        number: RideNumber,
        ride: &Ride,
        now: Timestamp,
        promise: Option<&Promise>,
    ) -> Self {
        Self {
            ride: number,
            after_s: now.seconds_since(ride.picked_up) as f32,
            left_s: ride.dropped_off.seconds_since(now) as f32,
            shown_s: promise.map(|promise| {
                Share::ALL.map(|share| promise.arrival_at(share, now).seconds_since(now) as f32)
            }),
        }
    }

    /// What was shown as left.
    pub(super) fn promised_s(&self) -> Option<f64> {
        self.shown_at(Share::P50)
    }

    /// What was shown as left for a share of drives.
    pub(super) fn shown_at(&self, share: Share) -> Option<f64> {
        self.shown_s.map(|shown| f64::from(shown[share as usize]))
    }

    /// What was shown as left, less what was left.
    pub(super) fn error_s(&self) -> Option<f64> {
        Some(self.promised_s()? - f64::from(self.left_s))
    }
}
