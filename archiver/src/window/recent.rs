//! The latest names of one kind, bounded by count and by the stream's clock.
//! Names are kept as digests: 16 bytes say whether two are equal.

use std::collections::VecDeque;

use hashbrown::HashSet;
use schemas::seen::Sighting;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Names kept at most: 20,000 rides of five events each, in at most 2 MB of a stored window.
pub(crate) const MAX_NAMES: usize = 100_000;

/// The first half of a name's SHA-256.
type Digest = [u8; 16];

/// The latest names.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// With the time of the first sighting, in the order of sightings.
    order: VecDeque<(Digest, i64)>,
    known: HashSet<Digest>,
}

impl Recent {
    /// Puts a name of several parts into the set and says whether it was there.
    pub(crate) fn insert(&mut self, name: &[&[u8]], now_ms: i64) -> Sighting {
        let digest = digest(name);
        if !self.known.insert(digest) {
            return Sighting::Repeat;
        }
        self.order.push_back((digest, now_ms));
        if self.order.len() > MAX_NAMES {
            self.forget_oldest();
        }
        Sighting::New
    }

    /// Forgets names first seen before `horizon_ms`.
    pub(crate) fn forget_before(&mut self, horizon_ms: i64) {
        while self
            .order
            .front()
            .is_some_and(|(_, seen_ms)| *seen_ms < horizon_ms)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((digest, _)) = self.order.pop_front() {
            self.known.remove(&digest);
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

impl Serialize for Recent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.order.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Recent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let order = VecDeque::<(Digest, i64)>::deserialize(deserializer)?;
        let known = order.iter().map(|(digest, _)| *digest).collect();
        Ok(Self { order, known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_name_makes_room() {
        let mut recent = Recent::default();
        for number in 0..=MAX_NAMES {
            assert_eq!(recent.insert(&[&number.to_be_bytes()], 0), Sighting::New);
        }
        assert_eq!(
            recent.insert(&[&1_usize.to_be_bytes()], 0),
            Sighting::Repeat
        );
        assert_eq!(recent.insert(&[&0_usize.to_be_bytes()], 0), Sighting::New);
    }

    #[test]
    fn a_name_is_forgotten_by_the_time_of_its_first_sighting() {
        let mut recent = Recent::default();
        let _ = recent.insert(&[b"old"], 10);
        let _ = recent.insert(&[b"new"], 20);
        let _ = recent.insert(&[b"old"], 20);
        recent.forget_before(20);
        assert_eq!(recent.insert(&[b"new"], 20), Sighting::Repeat);
        assert_eq!(recent.insert(&[b"old"], 20), Sighting::New);
    }

    #[test]
    fn names_of_other_parts_are_other_names() {
        let mut recent = Recent::default();
        assert_eq!(recent.insert(&[b"ab", b"c"], 0), Sighting::New);
        assert_eq!(recent.insert(&[b"a", b"bc"], 0), Sighting::New);
    }
}
