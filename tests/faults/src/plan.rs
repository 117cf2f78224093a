//! How often what fails. It draws nothing itself.

use axum::http::{HeaderMap, Method, Uri};

use crate::json;

/// Whether a request may change what a server keeps: for [`Plan::one_at_a_time`].
pub fn writes(method: &Method, _: &Uri, headers: &HeaderMap) -> bool {
    const READS: [&str; 8] = [
        "BatchGet",
        "Describe",
        "Get",
        "List",
        "Query",
        "Scan",
        "Subscribe",
        "TransactGet",
    ];
    match json::action(headers) {
        Some(action) => !READS.iter().any(|read| action.starts_with(read)),
        None => method != Method::GET && method != Method::HEAD,
    }
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered as the server answers.
    None,
    /// 503, and the server never saw it.
    ErrorBefore,
    /// The connection breaks, and the server never saw it.
    SilenceBefore,
    /// 500, though the server did it.
    ErrorAfter,
    /// The connection breaks, though the server did it.
    SilenceAfter,
    /// The answer is cut off within its body.
    Truncated,
    /// The answer comes late.
    Slow,
}

/// How often what fails: each a part of all requests, together at most 1.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Of [`Fault::ErrorBefore`].
    pub error_before: f64,
    /// Of [`Fault::SilenceBefore`].
    pub silence_before: f64,
    /// Of [`Fault::ErrorAfter`].
    pub error_after: f64,
    /// Of [`Fault::SilenceAfter`].
    pub silence_after: f64,
    /// Of [`Fault::Truncated`].
    pub truncated: f64,
    /// Of [`Fault::Slow`].
    pub slow: f64,
    /// Which requests the server gets one at a time.
    pub one_at_a_time: fn(&Method, &Uri, &HeaderMap) -> bool,
}

impl Plan {
    /// Nothing fails.
    pub const CALM: Self = Self {
        error_before: 0.0,
        silence_before: 0.0,
        error_after: 0.0,
        silence_after: 0.0,
        truncated: 0.0,
        slow: 0.0,
        one_at_a_time: |_, _, _| false,
    };

    /// Every fault once in `one_in` requests.
    pub fn each(one_in: u32) -> Self {
        let part = 1.0 / f64::from(one_in);
        Self {
            error_before: part,
            silence_before: part,
            error_after: part,
            silence_after: part,
            truncated: part,
            slow: part,
            ..Self::CALM
        }
    }

    /// The fault of a draw between 0 and 1.
    pub(crate) fn fault(&self, draw: f64) -> Fault {
        let mut below = 0.0;
        for (part, fault) in [
            (self.error_before, Fault::ErrorBefore),
            (self.silence_before, Fault::SilenceBefore),
            (self.error_after, Fault::ErrorAfter),
            (self.silence_after, Fault::SilenceAfter),
            (self.truncated, Fault::Truncated),
            (self.slow, Fault::Slow),
        ] {
            below += part;
            if draw < below {
                return fault;
            }
        }
        Fault::None
    }
}

/// How many requests there were, and how many of them failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Those with a fault of any kind.
    pub faults: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, fault: Fault) {
        self.requests += 1;
        self.faults += u64::from(fault != Fault::None);
    }
}
