//! Which way an append goes: to the stream, or to the lane's log before it. It decides, for one lane;
//! time is an argument, and who acts on it is the worker.
//!
//! A lane goes [`Mode::Direct`] until there is trouble, then [`Mode::Spooling`]. Back it comes by
//! [`Mode::Closing`]: under load a log is never empty by itself, so that appends are held for a
//! moment while the little that is left is forwarded.

use std::{collections::BTreeMap, time::Duration};

use hashbrown::HashMap;

/// A lane that spools does so for this long at least, as one that tried the stream at once again
/// would try, and tell, with every record of a stream that comes and goes.
const SETTLES_AFTER: Duration = Duration::from_secs(1);

/// So few records left are forwarded with one or two calls: appends may wait for that.
const FEW_RECORDS: u64 = 4_096;

/// Names an append of a lane. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Where an append goes that has just come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the stream, now.
    Stream,
    /// Nowhere yet: the lane says when and where.
    Wait,
    /// To the log.
    Log,
}

/// How the way to the stream looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    /// Records that are in the log or on their way to it, and not yet on the stream.
    pub(super) waiting: u64,
    /// Whether the stream took what was forwarded last, and soon.
    pub(super) is_answering: bool,
    /// Whether another lane comes first.
    pub(super) must_yield: bool,
}

/// What is to be done as time went on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Stay,
    /// These appends go to the log, in this order, and whatever they are about on the stream is
    /// given up.
    Spool(Vec<Ticket>, Trouble),
    /// The lane goes direct again, and these appends go to the stream.
    GoDirect(Vec<Ticket>),
}

/// Why appends go to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The stream did not answer an append in time.
    Slow,
    /// Another lane comes first.
    Yields,
    /// The log was not empty in the time that appends may be held for.
    NotDrained,
}

/// Which way appends go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// To the stream.
    Direct,
    /// To the log, until this time at least.
    Spooling { until: Duration },
    /// Nowhere, until the log is empty or it is this time.
    Closing { until: Duration },
}

/// One lane.
#[derive(Debug)]
pub(super) struct Lane {
    patience: Duration,
    mode: Mode,
    next: u64,
    /// Appends that are neither answered nor on their way to the log.
    pending: BTreeMap<Ticket, Pending>,
    /// The last of them that has the key, by the key's hash.
    last_of_key: HashMap<u64, Ticket>,
}

#[derive(Debug)]
struct Pending {
    /// When it goes to the log if it is not answered.
    due: Duration,
    keys: Vec<u64>,
    /// How many appends it waits for, as they have keys of its own.
    earlier: usize,
    /// Which appends wait for it.
    later: Vec<Ticket>,
}

impl Lane {
    /// A lane whose log is empty.
    pub(super) fn direct(patience: Duration) -> Self {
        Self::new(patience, Mode::Direct)
    }

    /// A lane whose log has records.
    pub(super) fn spooling(patience: Duration) -> Self {
        let until = Duration::ZERO;
        Self::new(patience, Mode::Spooling { until })
    }

    fn new(patience: Duration, mode: Mode) -> Self {
        Self {
            patience,
            mode,
            next: 0,
            pending: BTreeMap::new(),
            last_of_key: HashMap::new(),
        }
    }

    /// Whether appends go to the stream.
    pub(super) fn is_direct(&self) -> bool {
        self.mode == Mode::Direct
    }

    /// Takes an append with the hashes of its keys, each once.
    pub(super) fn take(&mut self, keys: Vec<u64>, now: Duration) -> (Ticket, Way) {
        let ticket = Ticket(self.next);
        self.next += 1;
        if matches!(self.mode, Mode::Spooling { .. }) {
            return (ticket, Way::Log);
        }
        let mut earlier = 0;
        for key in &keys {
            let before = self.last_of_key.insert(*key, ticket);
            let Some(before) = before.and_then(|before| self.pending.get_mut(&before)) else {
                continue;
            };
            if before.later.last() != Some(&ticket) {
                before.later.push(ticket);
                earlier += 1;
            }
        }
        let pending = Pending {
            due: now + self.patience,
            keys,
            earlier,
            later: Vec::new(),
        };
        self.pending.insert(ticket, pending);
        if self.is_direct() && earlier == 0 {
            (ticket, Way::Stream)
        } else {
            (ticket, Way::Wait)
        }
    }

    /// The stream has answered an append for good: these go to the stream now.
    pub(super) fn answered(&mut self, ticket: Ticket) -> Vec<Ticket> {
        let Some(answered) = self.pending.remove(&ticket) else {
            return Vec::new();
        };
        for key in answered.keys {
            if self.last_of_key.get(&key) == Some(&ticket) {
                self.last_of_key.remove(&key);
            }
        }
        let mut ready = Vec::new();
        for later in answered.later {
            if let Some(pending) = self.pending.get_mut(&later) {
                pending.earlier -= 1;
                if pending.earlier == 0 {
                    ready.push(later);
                }
            }
        }
        ready
    }

    /// The stream does not take something now: these go to the log, in this order.
    pub(super) fn spool(&mut self, now: Duration) -> Vec<Ticket> {
        if !matches!(self.mode, Mode::Spooling { .. }) {
            let until = now + SETTLES_AFTER;
            self.mode = Mode::Spooling { until };
        }
        self.last_of_key.clear();
        std::mem::take(&mut self.pending).into_keys().collect()
    }

    /// Goes on as time and outlook say.
    pub(super) fn advance(&mut self, now: Duration, outlook: Outlook) -> Step {
        let first_due = self.pending.values().next().map(|pending| pending.due);
        let is_due = first_due.is_some_and(|due| due <= now);
        let is_empty = outlook.waiting == 0;
        match self.mode {
            Mode::Direct | Mode::Closing { .. } if outlook.must_yield => {
                Step::Spool(self.spool(now), Trouble::Yields)
            }
            Mode::Direct if is_due => Step::Spool(self.spool(now), Trouble::Slow),
            Mode::Closing { .. } if is_empty => self.go_direct(),
            Mode::Closing { until } if is_due || until <= now => {
                Step::Spool(self.spool(now), Trouble::NotDrained)
            }
            Mode::Spooling { until } if now < until || outlook.must_yield => Step::Stay,
            Mode::Spooling { .. } if is_empty => self.go_direct(),
            Mode::Spooling { .. } if outlook.waiting <= FEW_RECORDS && outlook.is_answering => {
                // Half, so that the stream has as long to answer those that were held.
                let until = now + self.patience / 2;
                self.mode = Mode::Closing { until };
                Step::Stay
            }
            Mode::Direct | Mode::Closing { .. } | Mode::Spooling { .. } => Step::Stay,
        }
    }

    fn go_direct(&mut self) -> Step {
        self.mode = Mode::Direct;
        let ready = self.pending.iter();
        let ready = ready.filter(|(_, pending)| pending.earlier == 0);
        Step::GoDirect(ready.map(|(ticket, _)| *ticket).collect())
    }

    /// When time alone may change something; None while only events can.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let first_due = self.pending.values().next().map(|pending| pending.due);
        match self.mode {
            Mode::Direct => first_due,
            Mode::Closing { until } => Some(first_due.map_or(until, |due| due.min(until))),
            Mode::Spooling { until } => Some(until).filter(|until| *until > now),
        }
    }
}

#[cfg(test)]
mod tests;
