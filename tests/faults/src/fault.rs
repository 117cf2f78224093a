//! What may go wrong with a request, and how often it did.

/// What happens to a request, or to a part of it.
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
    /// It is one too many, as its service says that; the server never saw it.
    Throttled,
    /// A `GetRecords` finds its iterator expired; the server never saw it.
    ExpiredIterator,
    /// A subscription to a shard breaks off within one of its events.
    BrokenOff,
    /// An entry of a `PutRecords` is one too many; the server never saw this entry.
    EntryThrottled,
    /// An entry of a `PutRecords` failed; the server never saw this entry.
    EntryFailed,
    /// An entry of a `PutRecords` failed, though the server stored it.
    EntryStoredButFailed,
    /// A shard was split or merged right before a `PutRecords`.
    Resharded,
}

impl Fault {
    const KINDS: usize = Self::Resharded as usize + 1;
}

/// How many requests there were, and what failed in them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Faults of any kind. Those of a request's entries are counted one by one.
    pub faults: u64,
    kinds: [u64; Fault::KINDS],
}

impl Counts {
    /// How often this happened.
    pub fn of(&self, fault: Fault) -> u64 {
        self.kinds[fault as usize]
    }

    pub(crate) fn request(&mut self, fault: Fault) {
        self.requests += 1;
        self.fault(fault);
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults += u64::from(fault != Fault::None);
        self.kinds[fault as usize] += 1;
    }
}
