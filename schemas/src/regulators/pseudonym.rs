//! Pseudonyms: names in a report that only who has the operator's secret can lead back to a vehicle,
//! a driver or a ride. Never a bare hash, which whoever guesses an id can check.
//!
//! - A key of 32 bytes is derived from the secret for each regulator (profile and jurisdiction) and
//!   each turn (what the profile's `rotate` says: a period, a month, a year, or for ever) by
//!   HKDF-SHA256 (RFC 5869): the salt is `hansom pseudonyms 1`, and the info is profile,
//!   jurisdiction and turn, each preceded by its length in bytes as eight bytes, the highest first.
//! - A pseudonym is HMAC-SHA256 by that key over kind, fleet and id, framed alike, cut to 128 bits,
//!   and written as 32 hexadecimal digits or as a UUID of version 8 (RFC 9562, 5.8), of which 122
//!   bits are the code's.
//!
//! What belongs to one id within a turn has one pseudonym, so that rows can be joined; across turns,
//! regulators and kinds nothing can.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Period, column::Pseudonym};
use crate::FleetId;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

const SALT: &[u8] = b"hansom pseudonyms 1";
/// A secret is at least as long as what is derived from it.
pub const MIN_SECRET_BYTES: usize = 32;

/// When the names change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// With every period that is reported.
    Period,
    /// With the local month in which the period begins.
    Month,
    /// With the local year in which the period begins.
    Year,
    /// Never: the regulator follows vehicles over time.
    Never,
}

impl Rotation {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "period" => Some(Self::Period),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            "never" => Some(Self::Never),
            _ => None,
        }
    }

    /// What the keys of `period` are derived for.
    pub(crate) fn turn(self, period: &Period) -> String {
        match self {
            Self::Period => period.name.clone(),
            Self::Month => period.label(7),
            Self::Year => period.label(4),
            Self::Never => String::new(),
        }
    }
}

/// How a pseudonym is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Hex,
    Uuid,
}

/// Gives names by the key of one regulator and one turn.
#[derive(Clone)]
pub(crate) struct Pseudonyms(Hmac<Sha256>);

impl Pseudonyms {
    pub(crate) fn derive(secret: &[u8], profile: &str, jurisdiction: &str, turn: &str) -> Self {
        let mut info = Vec::new();
        frame(&[profile, jurisdiction, turn], |bytes| {
            info.extend_from_slice(bytes);
        });
        Self(keyed(&expand_once(&extract(SALT, secret), &info)))
    }

    /// Appends the pseudonym of an id.
    pub(crate) fn spell(&self, parts: &[&str], form: Form, to: &mut String) {
        let mut code = self.0.clone();
        frame(parts, |bytes| code.update(bytes));
        let digest = code.finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        if form == Form::Uuid {
            bytes[6] = 0x80 | (bytes[6] & 0x0f);
            bytes[8] = 0x80 | (bytes[8] & 0x3f);
        }
        for (at, byte) in bytes.iter().enumerate() {
            if form == Form::Uuid && matches!(at, 4 | 6 | 8 | 10) {
                to.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                to.push(char::from(DIGITS[usize::from(digit)]));
            }
        }
    }
}

/// The pseudonyms of a report as its rows are written. It remembers the last one of each kind: rows come by
/// vehicle and time, so that most have the same again.
pub(crate) struct Names {
    /// None where the profile gives none.
    pseudonyms: Option<Pseudonyms>,
    last: Vec<Last>,
}

/// A pseudonym that was given.
struct Last {
    of: Pseudonym,
    fleet: FleetId,
    id: String,
    name: String,
}

impl Names {
    pub(crate) fn new(pseudonyms: Option<Pseudonyms>) -> Self {
        let last = Vec::new();
        Self { pseudonyms, last }
    }

    /// Appends the pseudonym of a fleet's id.
    pub(crate) fn spell(&mut self, of: &Pseudonym, (fleet, id): (FleetId, &str), to: &mut String) {
        // A report of a profile with pseudonyms is never begun without a secret.
        let Some(pseudonyms) = &self.pseudonyms else {
            return;
        };
        let place = self.last.iter().position(|last| last.of == *of);
        let place = place.unwrap_or_else(|| {
            self.last.push(Last {
                of: of.clone(),
                fleet,
                id: String::new(),
                name: String::new(),
            });
            self.last.len() - 1
        });
        let last = &mut self.last[place];
        if last.name.is_empty() || (last.fleet, last.id.as_str()) != (fleet, id) {
            last.fleet = fleet;
            last.id.replace_range(.., id);
            last.name.clear();
            let parts = [of.kind.as_str(), fleet.as_str(), id];
            pseudonyms.spell(&parts, of.form, &mut last.name);
        }
        to.push_str(&last.name);
    }
}

/// Writes parts so that no two lists of them are written alike.
fn frame(parts: &[&str], mut take: impl FnMut(&[u8])) {
    for part in parts {
        take(&(part.len() as u64).to_be_bytes());
        take(part.as_bytes());
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key")
}

/// RFC 5869, 2.2.
fn extract(salt: &[u8], secret: &[u8]) -> [u8; 32] {
    let mut code = keyed(salt);
    code.update(secret);
    code.finalize().into_bytes().into()
}

/// The first 32 bytes of what RFC 5869, 2.3 expands: T(1).
fn expand_once(key: &[u8; 32], info: &[u8]) -> [u8; 32] {
    let mut code = keyed(key);
    code.update(info);
    code.update(&[1]);
    code.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        let mut text = String::new();
        for byte in bytes {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    }

    /// RFC 5869, test cases A.1 and A.3, as far as their first 32 bytes.
    #[test]
    fn keys_are_derived_as_the_rfc_says() {
        let secret = [0x0b; 22];
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = extract(&salt, &secret);
        assert_eq!(
            hex(&key),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
        );
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(hex(&expand_once(&key, &info)), expected);
        let key = extract(&[], &secret);
        assert_eq!(
            hex(&key),
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"
        );
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
        assert_eq!(hex(&expand_once(&key, &[])), expected);
    }

    fn name(scope: [&str; 3], parts: [&str; 3], form: Form) -> String {
        let mut text = String::new();
        Pseudonyms::derive(&[7; 32], scope[0], scope[1], scope[2]).spell(&parts, form, &mut text);
        text
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_given_again(
            asked in vec((select(vec!["a", "b"]), any::<bool>(), "[fg]", "[ij]{1,2}"), 0..40),
        ) {
            let pseudonyms = Pseudonyms::derive(&[7; 32], "p", "j", "");
            let mut names = Names::new(Some(pseudonyms.clone()));
            for (kind, is_uuid, fleet, id) in asked {
                let form = if is_uuid { Form::Uuid } else { Form::Hex };
                let (mut given, mut again) = (String::new(), String::new());
                let of = Pseudonym { kind: kind.to_owned(), form };
                names.spell(&of, (FleetId::new(&fleet).unwrap(), &id), &mut given);
                pseudonyms.spell(&[kind, &fleet, &id], form, &mut again);
                prop_assert_eq!(given, again);
            }
        }

        #[test]
        fn equal_names_mean_equal_ids_of_one_turn(
            one in prop::array::uniform6("a{0,2}"),
            other in prop::array::uniform6("a{0,2}"),
        ) {
            let of = |all: &[String; 6], form| {
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                name([all[0], all[1], all[2]], [all[3], all[4], all[5]], form)
            };
            for form in [Form::Hex, Form::Uuid] {
                prop_assert_eq!(of(&one, form) == of(&other, form), one == other);
            }
            prop_assert_eq!(of(&one, Form::Hex).len(), 32);
            let uuid = of(&one, Form::Uuid);
            prop_assert_eq!(uuid.len(), 36);
            prop_assert_eq!(&uuid[14..15], "8");
            prop_assert!("89ab".contains(&uuid[19..20]));
        }
    }
}
