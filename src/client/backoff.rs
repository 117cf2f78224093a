//! How long to wait before the same is sent again. Pure: the waiting is the courier's.

use std::time::Duration;

use crate::dice::Dice;

/// The first wait: about the time a restarted server needs to listen again.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait of our own choice, so that a server that is back is found soon.
const LONGEST: Duration = Duration::from_secs(2);
/// The longest wait that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// Waits that double, with jitter, so that many clients do not come back at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait; `asked` is what the server's `Retry-After` said.
    pub(super) fn next(&mut self, asked: Option<Duration>, dice: &mut Dice) -> Duration {
        let doubled = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures += 1;
        let jittered = doubled.mul_f64(dice.between(0.5, 1.0));
        match asked {
            Some(asked) => asked.min(LONGEST_ASKED) + jittered.min(FIRST),
            None => jittered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_no_further() {
        let mut dice = Dice::new(1, 0);
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.next(None, &mut dice)).collect();
        assert!(waits[0] <= FIRST);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[19] >= LONGEST / 2);
    }

    #[test]
    fn a_server_that_asks_is_given_its_time_but_not_for_ever() {
        let mut dice = Dice::new(1, 0);
        let mut next = |asked| Backoff::default().next(Some(Duration::from_secs(asked)), &mut dice);
        assert!(next(3) >= Duration::from_secs(3));
        assert!(next(100_000) <= LONGEST_ASKED + FIRST);
    }
}
