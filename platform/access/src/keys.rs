//! API keys: long random secrets that do not expire, for fleets' servers and for apps that know no
//! tokens. The server keeps digests; who reads its file can write nothing with it.
//!
//! A key is `hansom_<id>_<secret>`: the id (8 characters) is no secret and finds the entry, the
//! secret is 256 bits from the system's generator. One SHA-256 is enough for such a secret, since
//! nobody guesses it; a password would want a slow digest.

use std::{collections::HashMap, fmt::Write as _};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    Refusal,
    grant::{Grant, Part, Right},
};

/// What every key begins with, so that a leaked one is recognised for what it is.
const PREFIX: &str = "hansom_";
const ID_LENGTH: usize = 8;
const SECRET_BYTES: usize = 32;
/// More keys than this are no file any more.
const MAX_KEYS: usize = 100_000;

/// What a new key is for.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// What may be done with it.
    pub right: Right,
    /// In which fleet.
    pub fleet: String,
    /// For one vehicle alone.
    pub vehicle: Option<String>,
}

/// A new key: its text, which is shown once, and its entry for the file of keys.
#[derive(Debug)]
pub struct NewKey {
    /// What its holder is given.
    pub text: String,
    /// What the server is given.
    pub entry: String,
}

/// The keys that are known.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, Entry>);

/// The file of keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Entry>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    /// Of the secret, in hexadecimal.
    sha256: String,
    may: Right,
    fleet: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vehicle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
}

impl NewKey {
    /// Makes a key of random bytes.
    ///
    /// # Errors
    /// None so far: an entry can always be written.
    pub fn make(purpose: Purpose) -> anyhow::Result<Self> {
        let mut random = rand::rng();
        let (mut id, mut secret) = ([0; ID_LENGTH / 2], [0; SECRET_BYTES]);
        random.fill(&mut id);
        random.fill(&mut secret);
        let (id, secret) = (hexadecimal(&id), URL_SAFE_NO_PAD.encode(secret));
        let entry = Entry {
            sha256: digest(&secret),
            id: id.clone(),
            may: purpose.right,
            fleet: purpose.fleet,
            vehicle: purpose.vehicle,
            driver: None,
        };
        let file = File { key: vec![entry] };
        Ok(Self {
            text: format!("{PREFIX}{id}_{secret}"),
            entry: toml::to_string(&file).context("write the entry")?,
        })
    }
}

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// What is wrong with it; no secret is in it that could be told.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        ensure!(file.key.len() <= MAX_KEYS, "more than {MAX_KEYS} keys");
        let mut keys = HashMap::with_capacity(file.key.len());
        for entry in file.key {
            let id = entry.id.clone();
            let is_digest = entry.sha256.len() == 64
                && entry.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(is_digest, "key {id}: sha256 must be 64 hexadecimal digits");
            ensure!(
                entry.part().within().is_some(),
                "key {id}: a vehicle or a driver, not both"
            );
            if keys.insert(id.clone(), entry).is_some() {
                bail!("key {id} is there twice");
            }
        }
        Ok(Self(keys))
    }

    /// Whether a credential is meant as a key.
    pub(crate) fn is_key(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The id of what looks like a key.
    pub(crate) fn id(text: &str) -> Option<&str> {
        let (id, _secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_plain = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_plain.then_some(id)
    }

    /// What a key allows.
    ///
    /// # Errors
    /// [`Refusal`] for one that is not known or allows something else.
    pub(crate) fn admit(&self, text: &str, right: Right) -> Result<Grant, Refusal> {
        let (id, secret) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(Refusal::Malformed)?;
        // Which ids there are is no secret; how far a digest agrees would be one.
        let entry = self.0.get(id).ok_or(Refusal::UnknownKey)?;
        let known = entry.sha256.to_ascii_lowercase();
        if !bool::from(digest(secret).as_bytes().ct_eq(known.as_bytes())) {
            return Err(Refusal::UnknownKey);
        }
        if entry.may != right {
            return Err(Refusal::WrongRight);
        }
        Ok(Grant {
            holder: format!("key {id}"),
            fleet: Some(entry.fleet.clone()),
            within: entry.part().within().ok_or(Refusal::WrongClaims)?,
        })
    }
}

impl Entry {
    fn part(&self) -> Part {
        Part {
            vehicle: self.vehicle.clone(),
            driver: self.driver.clone(),
            ride: None,
        }
    }
}

fn digest(secret: &str) -> String {
    hexadecimal(&Sha256::digest(secret))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // To a text one can always write.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Within;

    fn new(vehicle: Option<&str>) -> NewKey {
        NewKey::make(Purpose {
            right: Right::Write,
            fleet: "blue".to_owned(),
            vehicle: vehicle.map(str::to_owned),
        })
        .unwrap()
    }

    #[test]
    fn a_key_is_for_what_it_was_made() {
        let (fleet, cab) = (new(None), new(Some("cab-1")));
        let keys = Keys::parse(&format!("{}\n{}", fleet.entry, cab.entry)).unwrap();
        let whole = keys.admit(&fleet.text, Right::Write).unwrap();
        assert_eq!(whole.fleet.as_deref(), Some("blue"));
        assert_eq!(whole.within, Within::Whole);
        let own = keys.admit(&cab.text, Right::Write).unwrap();
        assert_eq!(own.within, Within::Vehicle("cab-1".to_owned()));
        let other_right = keys.admit(&cab.text, Right::Read);
        assert_eq!(other_right, Err(Refusal::WrongRight));
    }

    #[test]
    fn the_file_has_no_secret() {
        let key = new(None);
        let secret = key.text.rsplit_once('_').unwrap().1;
        assert!(!key.entry.contains(secret));
    }

    #[test]
    fn a_key_is_known_by_its_id_and_its_secret() {
        let (one, other) = (new(None), new(None));
        let keys = Keys::parse(&one.entry).unwrap();
        let secret_of = |key: &NewKey| key.text[PREFIX.len() + ID_LENGTH + 1..].to_owned();
        let id = &one.text[..PREFIX.len() + ID_LENGTH];
        for (text, why) in [
            (other.text.clone(), Refusal::UnknownKey),
            (format!("{id}_{}", secret_of(&other)), Refusal::UnknownKey),
            (format!("{id}_"), Refusal::UnknownKey),
            (one.text.clone() + "x", Refusal::UnknownKey),
            ("hansom_".to_owned(), Refusal::Malformed),
        ] {
            assert_eq!(keys.admit(&text, Right::Write), Err(why), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_told() {
        let key = new(None).entry;
        for (text, word) in [
            (key.clone() + &key, "twice"),
            (key.replace("sha256 = \"", "sha256 = \"x"), "64 hexadecimal"),
            (key.replace("fleet", "flete"), "flete"),
            (key + "vehicle = \"a\"\ndriver = \"b\"\n", "not both"),
        ] {
            let error = format!("{:#}", Keys::parse(&text).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }
}
