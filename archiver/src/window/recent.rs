//! The latest names of one kind, bounded by count and by the stream's clock.
//! Names are kept as digests: 16 bytes say whether two are equal.

use std::collections::VecDeque;

use hashbrown::HashSet;
use schemas::{Timestamp, seen::Sighting};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Names kept at most: 20,000 rides of five events each, in at most 3 MB of a stored window.
pub(crate) const MAX_NAMES: usize = 100_000;

/// The first half of a name's SHA-256.
type Digest = [u8; 16];

/// The latest names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(super) struct Recent {
    /// In the order of sightings.
    order: VecDeque<Seen>,
    /// The latest time that a forgotten name had: of one that is not later it is not known whether
    /// it was seen.
    floor: Option<Timestamp>,
    #[serde(skip)]
    known: HashSet<Digest>,
}

/// A name that was seen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    digest: Digest,
    /// When it was first seen, by the stream's clock.
    at_ms: i64,
    /// When what it names happened.
    time: Timestamp,
}

/// What is stored of them.
#[derive(Deserialize)]
struct Stored {
    order: VecDeque<Seen>,
    floor: Option<Timestamp>,
}

/// What names a fact, in parts, and when the fact happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) parts: &'a [&'a [u8]],
    pub(super) time: Timestamp,
}

impl Recent {
    /// Puts a name into the set and says whether it was there.
    pub(super) fn insert(&mut self, name: Name<'_>, now_ms: i64) -> Sighting {
        let digest = digest(name.parts);
        if !self.known.insert(digest) {
            return Sighting::Repeat;
        }
        let sighting = if self.floor.is_some_and(|floor| name.time <= floor) {
            Sighting::BeyondMemory
        } else {
            Sighting::New
        };
        self.order.push_back(Seen {
            digest,
            at_ms: now_ms,
            time: name.time,
        });
        if self.order.len() > MAX_NAMES {
            self.forget_oldest();
        }
        sighting
    }

    /// Forgets names first seen before `horizon_ms`.
    pub(super) fn forget_before(&mut self, horizon_ms: i64) {
        while self
            .order
            .front()
            .is_some_and(|seen| seen.at_ms < horizon_ms)
        {
            self.forget_oldest();
        }
    }

    /// Adds what another set knows, each name as of its first sighting.
    pub(super) fn merge(&mut self, other: Self) {
        let mut seen: Vec<Seen> = self.order.drain(..).chain(other.order).collect();
        seen.sort_unstable_by_key(|seen| (seen.at_ms, seen.digest));
        self.known.clear();
        self.order = seen
            .into_iter()
            .filter(|seen| self.known.insert(seen.digest))
            .collect();
        self.floor = self.floor.max(other.floor);
        while self.order.len() > MAX_NAMES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(seen) = self.order.pop_front() {
            self.known.remove(&seen.digest);
            self.floor = self.floor.max(Some(seen.time));
        }
    }
}

impl From<Stored> for Recent {
    fn from(Stored { order, floor }: Stored) -> Self {
        let known = order.iter().map(|seen| seen.digest).collect();
        Self {
            order,
            floor,
            known,
        }
    }
}

/// Each part goes in with its length before it, so that no two names run together.
fn digest(name: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in name {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut digest = Digest::default();
    digest.copy_from_slice(&hasher.finalize()[..16]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(recent: &mut Recent, parts: &[&[u8]], time: i64, now_ms: i64) -> Sighting {
        let time = Timestamp(time);
        recent.insert(Name { parts, time }, now_ms)
    }

    fn numbered(recent: &mut Recent, number: i64) -> Sighting {
        insert(recent, &[&number.to_be_bytes()], number, 0)
    }

    #[test]
    fn the_oldest_name_makes_room_and_is_beyond_memory_then() {
        let mut recent = Recent::default();
        for number in 0..=MAX_NAMES as i64 {
            assert_eq!(numbered(&mut recent, number), Sighting::New);
        }
        assert_eq!(numbered(&mut recent, 1), Sighting::Repeat);
        assert_eq!(numbered(&mut recent, 0), Sighting::BeyondMemory);
        assert_eq!(numbered(&mut recent, 0), Sighting::Repeat);
    }

    #[test]
    fn a_name_is_forgotten_by_the_time_of_its_first_sighting() {
        let mut recent = Recent::default();
        let _ = insert(&mut recent, &[b"old"], 5, 10);
        let _ = insert(&mut recent, &[b"new"], 6, 20);
        let _ = insert(&mut recent, &[b"old"], 5, 20);
        recent.forget_before(20);
        assert_eq!(insert(&mut recent, &[b"new"], 6, 20), Sighting::Repeat);
        assert_eq!(
            insert(&mut recent, &[b"old"], 5, 20),
            Sighting::BeyondMemory
        );
        assert_eq!(insert(&mut recent, &[b"later"], 6, 20), Sighting::New);
    }

    #[test]
    fn names_of_other_parts_are_other_names() {
        let mut recent = Recent::default();
        assert_eq!(insert(&mut recent, &[b"ab", b"c"], 0, 0), Sighting::New);
        assert_eq!(insert(&mut recent, &[b"a", b"bc"], 0, 0), Sighting::New);
    }
}
