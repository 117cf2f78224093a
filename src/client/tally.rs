//! What one sender counted; the report adds the senders up.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use reqwest::StatusCode;
use schemas::Rejection;

use super::verdict::Outcome;

/// So many surprises are told in words; more would not say more.
const MAX_SURPRISES: usize = 5;
/// Latencies are kept to two digits: a percent.
const LATENCY_DIGITS: u8 = 2;
/// A minute: twice the longest that a request may take.
const LONGEST_LATENCY_MICROS: u64 = 60_000_000;

/// Attempts that did not bring a decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    pub too_many_requests: u64,
    pub unavailable: u64,
    pub unreachable: u64,
    pub lost_answers: u64,
}

impl Attempts {
    pub(super) fn count_busy(&mut self, status: StatusCode) {
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.too_many_requests += 1;
        } else {
            self.unavailable += 1;
        }
    }

    /// Every attempt after which the same was sent again.
    pub(super) fn total(&self) -> u64 {
        self.too_many_requests + self.unavailable + self.unreachable + self.lost_answers
    }

    pub(super) fn add(&mut self, other: Self) {
        self.too_many_requests += other.too_many_requests;
        self.unavailable += other.unavailable;
        self.unreachable += other.unreachable;
        self.lost_answers += other.lost_answers;
    }
}

/// Counts of pings, events and attempts.
#[derive(Debug)]
pub(super) struct Tally {
    pub sent: u64,
    pub accepted: u64,
    pub repeated: u64,
    /// In the order of [`Rejection::ALL`].
    pub rejected: [u64; Rejection::ALL.len()],
    pub events_sent: u64,
    pub events_accepted: u64,
    pub attempts: Attempts,
    /// Pings and events without an answer.
    pub given_up: u64,
    pub unexpected: u64,
    pub surprises: Vec<String>,
    /// Of the attempts that brought a decision, in microseconds.
    pub latency: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Self> {
        let latency = Histogram::new_with_bounds(1, LONGEST_LATENCY_MICROS, LATENCY_DIGITS)
            .context("make a histogram of latencies")?;
        Ok(Self {
            sent: 0,
            accepted: 0,
            repeated: 0,
            rejected: [0; Rejection::ALL.len()],
            events_sent: 0,
            events_accepted: 0,
            attempts: Attempts::default(),
            given_up: 0,
            unexpected: 0,
            surprises: Vec::new(),
            latency,
        })
    }

    /// Counts what came of a ping; a surprise is told under the name that `name` gives it.
    pub(super) fn count(&mut self, outcome: Outcome, name: impl FnOnce() -> String) {
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Repeated => self.repeated += 1,
            Outcome::Rejected(reason) => self.reject(reason),
            Outcome::Unexpected(reason, words) => {
                if let Some(reason) = reason {
                    self.reject(reason);
                }
                self.surprise(|| format!("{}: {words}", name()));
            }
        }
    }

    fn reject(&mut self, reason: Rejection) {
        if let Some(at) = Rejection::ALL.iter().position(|known| *known == reason) {
            self.rejected[at] += 1;
        }
    }

    /// Counts something that had to be otherwise.
    pub(super) fn surprise(&mut self, words: impl FnOnce() -> String) {
        self.unexpected += 1;
        if self.surprises.len() < MAX_SURPRISES {
            self.surprises.push(words());
        }
    }

    pub(super) fn time(&mut self, latency: Duration) {
        self.latency.saturating_record(latency.as_micros() as u64);
    }

    pub(super) fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.repeated += other.repeated;
        for (sum, more) in self.rejected.iter_mut().zip(other.rejected) {
            *sum += more;
        }
        self.events_sent += other.events_sent;
        self.events_accepted += other.events_accepted;
        self.attempts.add(other.attempts);
        self.given_up += other.given_up;
        self.unexpected += other.unexpected;
        let room = MAX_SURPRISES - self.surprises.len();
        self.surprises
            .extend(other.surprises.into_iter().take(room));
        self.latency.add(other.latency).context("add latencies")
    }
}
