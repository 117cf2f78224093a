//! When a range is cut: the decision alone, from sizes and ages.
//! A cut may fall after any record; what is archived does not depend on where.

use std::time::Duration;

/// A range is gathered for this part of the limit of its age at least, however old its first record
/// is: neither an old backlog nor a wrong clock makes a commit of every read.
const LEAST_GATHERING: u32 = 16;

/// Memory of rows below this says nothing of how well rows are packed: footers weigh more.
const TELLING_BYTES: usize = 1 << 20;

/// Why a range is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// What is buffered makes a file of full size.
    Size,
    /// The oldest record waits for long enough.
    Age,
    /// It is this shard's turn to make room in memory.
    Memory,
    /// The worker ends.
    End,
    /// Another member is to have the shard, or has it.
    Revoked,
    /// The shard ends: it was split or merged.
    Closed,
}

impl Cut {
    pub(crate) const ALL: [Self; 6] = [
        Self::Size,
        Self::Age,
        Self::Memory,
        Self::End,
        Self::Revoked,
        Self::Closed,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Age => "age",
            Self::Memory => "memory",
            Self::End => "end",
            Self::Revoked => "revoked",
            Self::Closed => "closed",
        }
    }
}

/// What may be buffered for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of a file.
    pub(crate) file_bytes: u64,
    /// Age of the oldest record.
    pub(crate) age: Duration,
}

impl Limits {
    /// The age that a range begins with, of that which its first record has by then.
    pub(crate) fn head_start(self, first_record: Duration) -> Duration {
        first_record.min(self.age / LEAST_GATHERING * (LEAST_GATHERING - 1))
    }
}

/// What is buffered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffered {
    /// Bytes that its files will take, about.
    pub(crate) file_bytes: u64,
    /// Age of its oldest record; None if nothing is buffered.
    pub(crate) age: Option<Duration>,
    /// Whose turn it is to make room in memory.
    pub(crate) memory: Turn,
}

/// Says whether a shard is to make room in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is room.
    Nobody,
    /// This shard is to make room.
    Ours,
    /// Another shard makes room: wait.
    Another,
}

/// Decides whether to cut now.
pub(crate) fn should_cut(buffered: Buffered, limits: Limits) -> Option<Cut> {
    let age = buffered.age?;
    if buffered.memory == Turn::Ours {
        Some(Cut::Memory)
    } else if buffered.file_bytes >= limits.file_bytes {
        Some(Cut::Size)
    } else if age >= limits.age {
        Some(Cut::Age)
    } else {
        None
    }
}

/// Encoded bytes per byte of rows in memory, as a commit has shown it; None if it was too small.
pub(crate) fn encoded_ratio(row_bytes: usize, encoded: u64) -> Option<f64> {
    (row_bytes >= TELLING_BYTES).then(|| encoded as f64 / row_bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        file_bytes: 100,
        age: Duration::from_mins(15),
    };

    fn check((file_bytes, age_s, memory): (u64, u64, Turn), expected: Option<Cut>) {
        let buffered = Buffered {
            file_bytes,
            age: Some(Duration::from_secs(age_s)),
            memory,
        };
        assert_eq!(should_cut(buffered, LIMITS), expected, "{buffered:?}");
    }

    #[test]
    fn a_range_is_cut_at_each_of_its_limits() {
        check((99, 899, Turn::Nobody), None);
        check((99, 899, Turn::Another), None);
        check((100, 0, Turn::Nobody), Some(Cut::Size));
        check((0, 900, Turn::Nobody), Some(Cut::Age));
        check((0, 0, Turn::Ours), Some(Cut::Memory));
        check((100, 900, Turn::Ours), Some(Cut::Memory));
    }

    #[test]
    fn a_range_begins_as_old_as_its_first_record_but_never_full_of_age() {
        let minutes = Duration::from_mins;
        assert_eq!(LIMITS.head_start(minutes(10)), minutes(10));
        let oldest = LIMITS.head_start(Duration::MAX);
        assert!((minutes(14)..minutes(15)).contains(&oldest), "{oldest:?}");
    }

    #[test]
    fn only_a_commit_of_some_size_tells_how_rows_are_packed() {
        assert_eq!(encoded_ratio(0, 500), None);
        assert_eq!(encoded_ratio(TELLING_BYTES, 1 << 18), Some(0.25));
    }

    #[test]
    fn an_empty_range_is_never_cut() {
        let buffered = Buffered {
            file_bytes: u64::MAX,
            age: None,
            memory: Turn::Ours,
        };
        assert_eq!(should_cut(buffered, LIMITS), None);
    }
}
