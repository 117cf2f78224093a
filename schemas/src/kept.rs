//! Ids as they are kept for long and in great numbers: 24 bytes, and an allocation only for those
//! longer than 23. What passes by has a [`crate::id::Id`], which is copied whatever its length.

use std::{borrow::Borrow, fmt, hash::Hash, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::{SmolStr, SmolStrBuilder};

use crate::{FleetId, id, id::Id};

/// What stands between the parts of a [`Key`]; no id has it.
const SEPARATOR: char = '/';

/// An id that is kept.
pub struct KeptId<Kind>(SmolStr, PhantomData<fn() -> Kind>);

/// An id with its fleet, kept as one text.
///
/// It hashes and sorts as the pair `(FleetId, Id<Kind>)` does.
pub struct Key<Kind>(SmolStr, PhantomData<fn() -> Kind>);

/// Names a vehicle among those of all fleets.
pub type VehicleKey = Key<id::Vehicle>;
/// Names a ride among those of all fleets.
pub type RideKey = Key<id::Ride>;

impl<Kind> KeptId<Kind> {
    /// The id, to be passed on.
    pub fn id(&self) -> Id<Kind> {
        Id::of_kept(&self.0)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is kept is `id`, or there is neither.
    pub fn is(kept: Option<&Self>, id: Option<Id<Kind>>) -> bool {
        kept.map(Self::as_str) == id.as_ref().map(Id::as_str)
    }

    /// Puts `id` into `kept`. Nothing is allocated where it is there already, the usual case.
    pub fn replace(kept: &mut Option<Self>, id: Option<Id<Kind>>) {
        if !Self::is(kept.as_ref(), id) {
            *kept = id.map(Self::from);
        }
    }
}

impl<Kind> From<Id<Kind>> for KeptId<Kind> {
    fn from(id: Id<Kind>) -> Self {
        Self(id.as_str().into(), PhantomData)
    }
}

impl<Kind> Borrow<str> for KeptId<Kind> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<Kind> Key<Kind> {
    /// Joins a fleet and an id of it.
    pub fn new(fleet: FleetId, id: Id<Kind>) -> Self {
        let (fleet, id) = (fleet.as_str(), id.as_str());
        let mut text = SmolStrBuilder::new();
        text.push_str(fleet);
        text.push(SEPARATOR);
        text.push_str(id);
        Self(text.finish(), PhantomData)
    }

    /// Whether it names this one.
    pub fn is(&self, fleet: FleetId, id: Id<Kind>) -> bool {
        // With the lengths right, what is left between the two is the separator.
        self.0.len() == fleet.as_str().len() + 1 + id.as_str().len()
            && self.0.ends_with(id.as_str())
            && self.0.starts_with(fleet.as_str())
    }

    /// The fleet.
    pub fn fleet(&self) -> FleetId {
        Id::of_kept(self.parts().0)
    }

    /// The id within the fleet.
    pub fn id(&self) -> Id<Kind> {
        Id::of_kept(self.parts().1)
    }

    /// Both as text: the fleet and the id.
    pub fn parts(&self) -> (&str, &str) {
        self.split()
    }

    #[expect(clippy::expect_used, reason = "a key is made with its separator")]
    fn split(&self) -> (&str, &str) {
        self.0.split_once(SEPARATOR).expect("a key has two parts")
    }
}

impl<Kind> Hash for Key<Kind> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl<Kind> Clone for KeptId<Kind> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<Kind> Clone for Key<Kind> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<Kind> PartialEq for KeptId<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<Kind> PartialEq for Key<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<Kind> Eq for KeptId<Kind> {}

impl<Kind> Eq for Key<Kind> {}

impl<Kind> PartialOrd for KeptId<Kind> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Kind> PartialOrd for Key<Kind> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Kind> Ord for KeptId<Kind> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<Kind> Ord for Key<Kind> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl<Kind> fmt::Debug for KeptId<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

impl<Kind> fmt::Debug for Key<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

impl<Kind> Serialize for KeptId<Kind> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, Kind> Deserialize<'de> for KeptId<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Id::deserialize(deserializer).map(Self::from)
    }
}

impl<Kind> Serialize for Key<Kind> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parts().serialize(serializer)
    }
}

impl<'de, Kind> Deserialize<'de> for Key<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (fleet, id) = Deserialize::deserialize(deserializer)?;
        Ok(Self::new(fleet, id))
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use proptest::prelude::*;

    use super::*;
    use crate::{RideId, VehicleId};

    fn id<Kind>() -> impl Strategy<Value = Id<Kind>> {
        "[A-Za-z0-9._:-]{1,64}".prop_map(|text| Id::new(&text).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_it_was_made_of(fleet in id(), vehicle in id()) {
            let key = VehicleKey::new(fleet, vehicle);
            prop_assert!(key.is(fleet, vehicle));
            prop_assert_eq!((key.fleet(), key.id()), (fleet, vehicle));
            prop_assert_eq!(KeptId::from(vehicle).id(), vehicle);
            let json = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<VehicleKey>(&json).unwrap(), key);
        }

        #[test]
        fn a_key_is_no_other(
            one in ("[ab]{1,3}", "[ab]{1,3}"), other in ("[ab]{1,3}", "[ab]{1,3}"),
        ) {
            let fleet = FleetId::new(&other.0).unwrap();
            let ride = RideId::new(&other.1).unwrap();
            let key = RideKey::new(FleetId::new(&one.0).unwrap(), RideId::new(&one.1).unwrap());
            prop_assert_eq!(key.is(fleet, ride), one == other);
        }

        #[test]
        fn a_key_hashes_and_sorts_as_its_parts_do(one in (id(), id()), other in (id(), id())) {
            let hasher = RandomState::new();
            let (key, other_key) =
                (VehicleKey::new(one.0, one.1), VehicleKey::new(other.0, other.1));
            prop_assert_eq!(hasher.hash_one(&key), hasher.hash_one(one));
            prop_assert_eq!(key.cmp(&other_key), one.cmp(&other));
        }
    }

    #[test]
    fn replacing_leaves_what_is_there_only_where_it_is_the_same() {
        let mut kept: Option<KeptId<id::Vehicle>> = None;
        for text in [Some("a"), Some("a"), Some("b"), None] {
            let id = text.map(|text| VehicleId::new(text).unwrap());
            KeptId::replace(&mut kept, id);
            assert_eq!(kept.as_ref().map(KeptId::id), id);
        }
    }
}
