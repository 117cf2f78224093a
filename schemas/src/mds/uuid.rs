//! UUIDs made of names: MDS wants one for every device, trip, event and fix, and ours have texts that
//! clients chose. The same names give the same UUID, on every machine and for ever. It creates no
//! random ones.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A UUID of version 8 (RFC 9562, section 5.8), which leaves to us how its 122 bits are made.
///
/// They are the first of a SHA-256, or of an HMAC-SHA-256, over the parts of the name, each preceded
/// by its length in bytes as eight bytes, the highest first. So no two lists of parts are written
/// alike: `["a", "bc"]` and `["ab", "c"]` differ. The first part says what is named, such as `trip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// Names what need not be hidden. Whoever guesses the parts can check the guess.
    pub fn named(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        feed(parts, |bytes| hash.update(bytes));
        Self::of_digest(hash.finalize().into())
    }

    /// Names what must stay hidden from those without the key; another key, other names.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "HMAC takes keys of any length"
    )]
    pub fn keyed(key: &[u8], parts: &[&str]) -> Self {
        let mut code = Hmac::<Sha256>::new_from_slice(key).expect("a key");
        feed(parts, |bytes| code.update(bytes));
        Self::of_digest(code.finalize().into_bytes().into())
    }

    /// Its bytes, the first first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first 16 bytes, with the version 8 in the seventh and the variant 0b10 in the ninth.
    fn of_digest(digest: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = 0x80 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }
}

fn feed(parts: &[&str], mut take: impl FnMut(&[u8])) {
    for part in parts {
        take(&(part.len() as u64).to_be_bytes());
        take(part.as_bytes());
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(uuid: Uuid, expected: &str) {
        assert_eq!(uuid.to_string(), expected);
    }

    /// Computed by Python's hashlib and hmac.
    #[test]
    fn a_name_has_this_uuid_for_ever() {
        check(
            Uuid::named(&["trip", "sf", "ride-1"]),
            "d0dbda94-b89a-8215-a56e-efc2d59191de",
        );
        check(Uuid::named(&[]), "e3b0c442-98fc-8c14-9afb-f4c8996fb924");
        check(
            Uuid::keyed(b"key", &["trip", "sf", "ride-1"]),
            "e849c147-c020-8d7e-a194-71a505f391aa",
        );
    }

    proptest! {
        #[test]
        fn what_differs_is_named_differently(
            one in prop::collection::vec("[a-c]{0,3}", 0..4),
            other in prop::collection::vec("[a-c]{0,3}", 0..4),
        ) {
            let of = |list: &[String]| {
                let list: Vec<&str> = list.iter().map(String::as_str).collect();
                (Uuid::named(&list), Uuid::keyed(b"k", &list))
            };
            prop_assert_eq!(of(&one).0 == of(&other).0, one == other);
            prop_assert_eq!(of(&one).1 == of(&other).1, one == other);
            prop_assert_ne!(of(&one).0, of(&one).1);
        }

        #[test]
        fn it_is_of_version_8_and_written_as_mds_wants(parts in prop::collection::vec(".*", 0..3)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let text = Uuid::named(&parts).to_string();
            prop_assert_eq!(text.len(), 36);
            prop_assert_eq!(&text[14..15], "8");
            prop_assert!("89ab".contains(&text[19..20]));
            for (at, sign) in text.chars().enumerate() {
                let is_dash = matches!(at, 8 | 13 | 18 | 23);
                let is_right = if is_dash { sign == '-' } else { "0123456789abcdef".contains(sign) };
                prop_assert!(is_right, "{}", text);
            }
        }
    }
}
