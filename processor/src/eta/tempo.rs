//! How a vehicle's drives went lately against what was predicted: who drives it, and in which
//! traffic. It is a vehicle's own; what all vehicles have in common is the model's.

use schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// A drive counts half after so long.
const HALF_LIFE_S: f64 = 8.0 * 3_600.0;
/// Drives that say nothing, beside those that were seen: a few are no proof.
const DOUBT: f32 = 8.0;
/// No drive counts for more, as a logarithm.
const MOST: f32 = 0.5;

/// A time-decayed mean of logarithms: how much longer drives took than was predicted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tempo {
    sum: f32,
    drives: f32,
    until: Timestamp,
}

impl Tempo {
    /// Takes a drive that took longer than was predicted by this logarithm.
    pub(crate) fn learn(&mut self, longer: f32, ended: Timestamp) {
        let decay = self.decay(ended);
        self.sum = self.sum * decay + longer.clamp(-MOST, MOST);
        self.drives = self.drives * decay + 1.0;
        self.until = self.until.max(ended);
    }

    /// By which logarithm a drive takes longer than is predicted.
    pub(crate) fn longer(&self, now: Timestamp) -> f32 {
        let decay = self.decay(now);
        self.sum * decay / (self.drives * decay + DOUBT)
    }

    fn decay(&self, now: Timestamp) -> f32 {
        let age_s = now.seconds_since(self.until).max(0.0);
        (-age_s / HALF_LIFE_S).exp2() as f32
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_few_slow_drives_count_a_little_and_half_after_eight_hours() {
        let mut tempo = Tempo::default();
        assert!(tempo.longer(Timestamp(0)).abs() < 1e-6);
        for _ in 0..8 {
            tempo.learn(0.2, Timestamp(0));
        }
        assert!((tempo.longer(Timestamp(0)) - 0.1).abs() < 1e-6);
        let later = tempo.longer(Timestamp(8 * 3_600_000));
        assert!((later - 0.8 / 12.0).abs() < 1e-6, "{later}");
    }

    proptest! {
        #[test]
        fn it_never_says_more_than_the_most(drives in vec((-9.0_f32..9.0, 0_i64..1 << 40), 0..50)) {
            let mut tempo = Tempo::default();
            for (longer, ended) in drives {
                tempo.learn(longer, Timestamp(ended));
                prop_assert!(tempo.longer(Timestamp(ended)).abs() <= MOST);
            }
        }
    }
}
