//! What is drawn next, and what was drawn and seen.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{Call, Counts, Fault, Plan};

/// The longest that a subscription goes on before it breaks off.
const MOST_EVENTS: usize = 5;

/// One sequence of draws from a seed.
#[derive(Debug)]
pub(crate) struct Draws {
    pub(crate) plan: Plan,
    pub(crate) counts: Counts,
    pub(crate) calls: BTreeMap<Call, u64>,
    dice: StdRng,
}

/// What was drawn for one request.
pub(crate) struct Draw {
    pub(crate) plan: Plan,
    pub(crate) fault: Fault,
    /// After how many events a subscription breaks off, if it does.
    pub(crate) events: usize,
}

impl Draws {
    pub(crate) fn of(plan: Plan, seed: u64) -> Self {
        Self {
            plan,
            counts: Counts::default(),
            calls: BTreeMap::new(),
            dice: StdRng::seed_from_u64(seed),
        }
    }

    /// Notes a call and draws what happens to it.
    pub(crate) fn draw(&mut self, call: &Call) -> Draw {
        *self.calls.entry(call.clone()).or_default() += 1;
        let plan = self.plan;
        let fault = plan.fault(&call.action, self.dice.random());
        self.counts.request(fault);
        let events = match fault {
            Fault::BrokenOff | Fault::Truncated => self.dice.random_range(0..=MOST_EVENTS),
            _ => 0,
        };
        Draw {
            plan,
            fault,
            events,
        }
    }

    /// Draws what happens to each entry of a `PutRecords`.
    pub(crate) fn entries(&mut self, entries: usize) -> Vec<Fault> {
        let mut drawn = Vec::with_capacity(entries);
        for _ in 0..entries {
            let fault = self.plan.kinesis.entry_fault(self.dice.random());
            if fault != Fault::None {
                self.counts.fault(fault);
            }
            drawn.push(fault);
        }
        drawn
    }
}
