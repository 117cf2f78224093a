//! Draws that are a function of a seed and a stream's number alone, on every machine alike.
//! Not for secrets.

use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// An odd constant with well-mixed bits (the golden ratio), to set streams of one seed apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of draws.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The draws of one stream of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // SplitMix64's finisher, so that neighbouring seeds and streams share nothing.
        let mut mixed = seed.wrapping_add(stream.wrapping_add(1).wrapping_mul(GOLDEN));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed ^ (mixed >> 31)))
    }

    /// Draws of their own that follow from where these have come to.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.0.next_u64(), 0)
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        const SPAN: f64 = (1_u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 / SPAN
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in `0..count`; 0 if there is nothing to choose from.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }

    /// About normal with mean 0 and deviation 1: the sum of four uniform draws, from one word.
    pub(crate) fn bell(&mut self) -> f64 {
        let word = self.0.next_u64();
        let sum = (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
        (sum as f64 / 65_535.0 - 2.0) * 1.732_050_807_568_877_2
    }

    /// Exponential with this mean: the time to the next of events that come at random.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_from_its_neighbour() {
        let draws = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            (0..10).map(|_| dice.unit()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7, 3), draws(7, 3));
        assert_ne!(draws(7, 3), draws(7, 4));
        assert_ne!(draws(7, 3), draws(8, 3));
    }

    #[test]
    fn the_bell_has_mean_0_and_deviation_1() {
        let mut dice = Dice::new(1, 1);
        let draws: Vec<_> = (0..100_000).map(|_| dice.bell()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
    }
}
