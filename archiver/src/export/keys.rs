//! Keys that exports are signed and verified by: Ed25519, as JWKs (RFC 7517, RFC 8037) in files.
//!
//! A public key says from when until when it signs by `nbf` and `exp`, and by `revoked` from when on it
//! is not to be trusted, as the historical keys of `OpenID` Federation 1.0 (section 8.7) do. So one file has
//! the keys of many years, as a JWK Set, and what an old one signed in its time stays valid.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes of a public key, and of the seed that is the private one (RFC 8032).
const KEY_BYTES: usize = 32;

/// A moment, in seconds since 1970-01-01 UTC, as JWKs and tokens count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnixSeconds(pub(crate) i64);

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(moment) => moment.fmt(f),
            // No calendar has it.
            Err(_) => write!(f, "second {}", self.0),
        }
    }
}

/// When a key signs: from `from` on, and before `until`. None is without a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: Option<UnixSeconds>,
    pub(crate) until: Option<UnixSeconds>,
    /// What was signed since then is by somebody else.
    pub(crate) revoked: Option<UnixSeconds>,
}

/// A key that verifies.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    pub(crate) kid: String,
    pub(crate) validity: Validity,
    point: [u8; KEY_BYTES],
}

/// The keys that are trusted, by `kid`.
#[derive(Debug)]
pub(crate) struct PublicKeys(BTreeMap<String, PublicKey>);

/// A key that signs.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(crate) public: PublicKey,
    pair: Ed25519KeyPair,
}

/// A new key, as the text of two files.
pub(crate) struct NewKey {
    pub(crate) kid: String,
    pub(crate) private: String,
    pub(crate) public: String,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Revoked>,
}

#[derive(Serialize, Deserialize)]
struct Revoked {
    revoked_at: UnixSeconds,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeyFile {
    Set { keys: Vec<Jwk> },
    One(Box<Jwk>),
}

impl PublicKeys {
    /// Reads a file of one JWK or of a JWK Set.
    ///
    /// # Errors
    /// As [`PublicKeys::parse`], and a file that cannot be read.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        Self::parse(&read(path)?).with_context(|| path.display().to_string())
    }

    /// Reads one JWK or a JWK Set; keys of other kinds in a set are passed over, for they sign
    /// nothing here.
    ///
    /// # Errors
    /// Text that is neither, a private key, two keys of one `kid`, or no key of Ed25519.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let file = serde_json::from_str(text).context("it is neither a JWK nor a JWK Set")?;
        let jwks = match file {
            KeyFile::Set { keys } => keys,
            KeyFile::One(jwk) => vec![*jwk],
        };
        let mut keys = BTreeMap::new();
        for jwk in jwks.iter().filter(|jwk| jwk.is_ed25519()) {
            ensure!(
                jwk.d.is_none(),
                "it has a private key, which no reader should have: give the public one"
            );
            let key = jwk.public_key()?;
            if let Some(twice) = keys.insert(key.kid.clone(), key) {
                bail!("two keys have the kid {:?}", twice.kid);
            }
        }
        ensure!(!keys.is_empty(), "it has no key of Ed25519");
        Ok(Self(keys))
    }

    /// The key of this name.
    pub(crate) fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.0.get(kid)
    }
}

impl PublicKey {
    /// Whether `signature` is this key's, of `message`.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.point);
        key.verify(message, signature).is_ok()
    }
}

impl SigningKey {
    /// Reads a file of one private JWK.
    ///
    /// # Errors
    /// As [`SigningKey::parse`], and a file that cannot be read.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        Self::parse(&read(path)?).with_context(|| path.display().to_string())
    }

    /// Reads a private JWK.
    ///
    /// # Errors
    /// Text that is none of Ed25519, or whose two halves do not belong together.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        // What serde says of a wrong text may quote it.
        let jwk: Jwk = serde_json::from_str(text).ok().context("it is no JWK")?;
        ensure!(jwk.is_ed25519(), "it is no key of Ed25519");
        let public = jwk.public_key()?;
        let seed = jwk.d.as_deref().context("it has no private key (d)")?;
        let seed = decode(seed).context("d")?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &public.point)
            .ok()
            .context("its public key (x) is not that of its private key (d)")?;
        Ok(Self { public, pair })
    }

    /// The signature of `message`.
    pub(crate) fn signature(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        // It has 64 bytes (RFC 8032).
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

impl NewKey {
    /// Makes a key that signs when `validity` says.
    ///
    /// # Errors
    /// A system without randomness.
    pub(crate) fn make(validity: Validity) -> anyhow::Result<Self> {
        let mut seed = [0; KEY_BYTES];
        let filled = SystemRandom::new().fill(&mut seed);
        filled.ok().context("the system gives no random bytes")?;
        Self::from_seed(&seed, validity)
    }

    /// The key of this seed. Its `kid` is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// None that is known: each seed is a key.
    pub(crate) fn from_seed(seed: &[u8; KEY_BYTES], validity: Validity) -> anyhow::Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok();
        let pair = pair.context("the seed is no key")?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = thumbprint(&x);
        let mut jwk = Jwk {
            kty: "OKP".to_owned(),
            crv: Some("Ed25519".to_owned()),
            x: Some(x),
            d: Some(URL_SAFE_NO_PAD.encode(seed)),
            kid: Some(kid.clone()),
            purpose: Some("sig".to_owned()),
            alg: Some("EdDSA".to_owned()),
            nbf: validity.from,
            exp: validity.until,
            revoked: validity.revoked.map(|revoked_at| Revoked { revoked_at }),
        };
        let private = serde_json::to_string_pretty(&jwk)? + "\n";
        jwk.d = None;
        let public = serde_json::to_string_pretty(&jwk)? + "\n";
        Ok(Self {
            kid,
            private,
            public,
        })
    }
}

impl Jwk {
    fn is_ed25519(&self) -> bool {
        self.kty == "OKP" && self.crv.as_deref() == Some("Ed25519")
    }

    fn public_key(&self) -> anyhow::Result<PublicKey> {
        let x = self.x.as_deref().context("a key has no x")?;
        Ok(PublicKey {
            kid: self.kid.clone().unwrap_or_else(|| thumbprint(x)),
            validity: Validity {
                from: self.nbf,
                until: self.exp,
                revoked: self.revoked.as_ref().map(|revoked| revoked.revoked_at),
            },
            point: decode(x).context("x")?,
        })
    }
}

/// RFC 7638: the digest of the members that make the key, in their order.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

fn decode(text: &str) -> anyhow::Result<[u8; KEY_BYTES]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.context("it is not 32 bytes in base64url")
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.1 to A.3: a key, and its thumbprint.
    const RFC: &str = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const RFC_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn public(validity: Validity) -> String {
        NewKey::from_seed(&[7; 32], validity).unwrap().public
    }

    /// Checks what is said of a file of public keys.
    fn check(text: &str, expected: Result<&[&str], &str>) {
        let read = PublicKeys::parse(text);
        let told = read.map(|keys| keys.0.into_keys().collect::<Vec<_>>());
        match (told, expected) {
            (Ok(kids), Ok(expected)) => assert_eq!(kids, expected),
            (Err(error), Err(words)) => assert!(format!("{error:#}").contains(words), "{error:#}"),
            (told, expected) => panic!("{text}: {told:?}, not {expected:?}"),
        }
    }

    #[test]
    fn the_key_of_the_rfc_has_its_thumbprint_for_a_name() {
        let key = SigningKey::parse(RFC).unwrap();
        assert_eq!(key.public.kid, RFC_THUMBPRINT);
        let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let made = NewKey::from_seed(&seed, Validity::default()).unwrap();
        assert_eq!(made.kid, RFC_THUMBPRINT);
    }

    #[test]
    fn a_new_key_reads_back_with_its_validity() {
        let validity = Validity {
            from: Some(UnixSeconds(5)),
            until: Some(UnixSeconds(9)),
            revoked: Some(UnixSeconds(7)),
        };
        let made = NewKey::make(validity).unwrap();
        let signs = SigningKey::parse(&made.private).unwrap();
        let keys = PublicKeys::parse(&made.public).unwrap();
        let verifies = keys.get(&made.kid).unwrap();
        assert_eq!(verifies.validity, validity);
        assert_eq!(signs.public.validity, validity);
        assert!(verifies.has_signed(b"words", &signs.signature(b"words")));
        assert!(!verifies.has_signed(b"other words", &signs.signature(b"words")));
        assert_ne!(NewKey::make(validity).unwrap().kid, made.kid);
        assert!(!made.public.contains("\"d\""));
    }

    #[test]
    fn a_file_has_one_key_or_a_set_of_them() {
        let one = public(Validity::default());
        let kid = NewKey::from_seed(&[7; 32], Validity::default())
            .unwrap()
            .kid;
        check(&one, Ok(&[&kid]));
        let rsa = r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"rsa"}"#;
        check(&format!(r#"{{"keys":[{rsa},{one}]}}"#), Ok(&[&kid]));
        check(&format!(r#"{{"keys":[{one},{one}]}}"#), Err("two keys"));
        check(&format!(r#"{{"keys":[{rsa}]}}"#), Err("no key of Ed25519"));
        check("words", Err("neither a JWK"));
        check(RFC, Err("private key"));
        check(
            r#"{"kty":"OKP","crv":"Ed25519","x":"AQAB"}"#,
            Err("not 32 bytes"),
        );
    }

    #[test]
    fn halves_of_two_keys_are_no_key() {
        let other = RFC.replace("nWGxne_9", "nWGxne_8");
        let error = SigningKey::parse(&other).unwrap_err();
        assert!(format!("{error:#}").contains("is not that of"), "{error:#}");
    }

    #[test]
    fn a_broken_private_key_is_not_quoted() {
        let error = SigningKey::parse(r#"{"kty":"OKP","d":7,"x":"secret"#).unwrap_err();
        assert_eq!(format!("{error:#}"), "it is no JWK");
        let key = SigningKey::parse(RFC).unwrap();
        assert!(!format!("{key:?}").contains("nWGx"));
    }

    #[test]
    fn a_moment_is_shown_as_a_date() {
        assert_eq!(
            UnixSeconds(1_772_409_590).to_string(),
            "2026-03-01T23:59:50Z"
        );
        assert_eq!(
            UnixSeconds(i64::MAX).to_string(),
            "second 9223372036854775807"
        );
    }
}
