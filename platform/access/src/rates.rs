//! How often somebody may do something: a share for each key, such as a credential or a fleet, that
//! grows back with time. What is done about who wants more is the caller's.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

/// So many seconds' worth of the rate may be used at once: phones that come out of a tunnel
/// together.
const BURST_SECONDS: u32 = 10;
/// After so many checks the keys that have their whole share again are forgotten: whoever makes up
/// keys takes a few MB at most.
const CHECKS_BETWEEN_SWEEPS: u32 = 1 << 16;

/// A rate for each key; none, if so set.
#[derive(Default)]
pub struct Rates<K: Clone + Eq + Hash>(Option<Limiter<K>>);

struct Limiter<K: Clone + Eq + Hash> {
    shares: DefaultKeyedRateLimiter<K>,
    checks: AtomicU32,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// So many a second for each key, with bursts of ten seconds' worth; 0 is no limit.
    pub fn new(per_second: u32) -> Self {
        let Some(rate) = NonZeroU32::new(per_second) else {
            return Self(None);
        };
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        Self(Some(Limiter {
            shares: RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)),
            checks: AtomicU32::new(0),
        }))
    }

    /// Takes one out of the key's share.
    ///
    /// # Errors
    /// How long to wait until there is one again.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let Some(Limiter { shares, checks }) = &self.0 else {
            return Ok(());
        };
        if checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == 0 {
            shares.retain_recent();
            shares.shrink_to_fit();
        }
        let taken = shares.check_key(key);
        taken.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_used_up_a_share_takes_nobody_elses() {
        let rates = Rates::new(1);
        for _ in 0..BURST_SECONDS {
            assert_eq!(rates.take(&"loud"), Ok(()));
        }
        let wait = rates.take(&"loud").unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rates.take(&"quiet"), Ok(()));
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let rates = Rates::new(0);
        for _ in 0..100_000 {
            assert_eq!(rates.take(&"loud"), Ok(()));
        }
    }
}
