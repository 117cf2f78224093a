//! How long to wait after a failure: longer after each, and never just as long as others wait.

use std::time::Duration;

use rand::RngExt as _;

/// After a first failure.
const FIRST: Duration = Duration::from_millis(50);
/// After many.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait after so many failures in a row, from half of it to all of it at random.
pub(crate) fn after(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled
        .min(LONGEST)
        .mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_differ() {
        for _ in 0..100 {
            assert!((FIRST / 2..=FIRST).contains(&after(1)));
            assert!((LONGEST / 2..=LONGEST).contains(&after(u32::MAX)));
        }
        let different: std::collections::HashSet<_> = (0..100).map(|_| after(5)).collect();
        assert!(different.len() > 50);
    }
}
