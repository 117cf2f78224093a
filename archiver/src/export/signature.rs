//! The signature of a manifest: a flattened JSON JWS (RFC 7515, section 7.2.2) by Ed25519 (RFC 8037).
//! Its payload is the manifest, byte by byte. Files and clocks are others' business.
//!
//! The protected header names the algorithm (`alg`), the key (`kid`), when it was signed (`iat`, Unix
//! seconds) and what is signed (`typ`), so that no other signature of that key passes for one of these.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::keys::{PublicKeys, SigningKey, UnixSeconds, Validity};

/// The algorithm's name as most programs know it.
const ALGORITHM: &str = "EdDSA";
/// Its names: RFC 9864 has one for each curve.
const ALGORITHMS: [&str; 2] = [ALGORITHM, "Ed25519"];

/// The `typ` of the header.
pub(crate) const TYPE: &str = "hansom-export+json";

/// Why a link is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    /// The bytes are no signature.
    #[error("is no JWS: {0}")]
    NotJws(&'static str),
    /// It signs something else.
    #[error("is signed as {0:?}, not as {TYPE:?}")]
    Type(String),
    /// None but Ed25519 is taken.
    #[error("is signed by the algorithm {0:?}, not by {ALGORITHM:?}")]
    Algorithm(String),
    /// The regulator does not have this key.
    #[error("is signed by the key {0:?}, which is not among the keys given")]
    UnknownKey(String),
    /// What was signed is not what is here, or somebody else has signed it.
    #[error("its signature is not that of the key {0:?}")]
    Signature(String),
    /// The key was not valid yet.
    #[error("the key {kid:?} is valid from {from} on, and this was signed at {signed}")]
    Early {
        /// The key.
        kid: String,
        /// Its `nbf`.
        from: UnixSeconds,
        /// When it has signed.
        signed: UnixSeconds,
    },
    /// The key was not valid any more.
    #[error("the key {kid:?} expired at {until}, and this was signed at {signed}")]
    Late {
        /// The key.
        kid: String,
        /// Its `exp`.
        until: UnixSeconds,
        /// When it has signed.
        signed: UnixSeconds,
    },
    /// The key had fallen into other hands.
    #[error("the key {kid:?} was revoked at {revoked}, and this was signed at {signed}")]
    Revoked {
        /// The key.
        kid: String,
        /// Its `revoked_at`.
        revoked: UnixSeconds,
        /// When it has signed.
        signed: UnixSeconds,
    },
}

/// What a signature says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    alg: String,
    /// The key.
    pub(crate) kid: String,
    /// When it was signed.
    pub(crate) iat: UnixSeconds,
    typ: String,
    /// Extensions that must be understood: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
struct Flattened {
    payload: String,
    protected: String,
    signature: String,
}

/// A signature that was read and is not verified.
#[derive(Debug)]
pub(crate) struct Jws {
    header: Header,
    payload: Vec<u8>,
    /// What the signature is of.
    message: String,
    signature: Vec<u8>,
}

/// Signs `payload` at `now`; hands out the text of a link.
///
/// # Errors
/// [`Distrust`] for a key that is not valid at `now`: nobody would believe it.
pub(crate) fn sign(key: &SigningKey, payload: &[u8], now: UnixSeconds) -> Result<String, Distrust> {
    let header = Header {
        alg: ALGORITHM.to_owned(),
        kid: key.public.kid.clone(),
        iat: now,
        typ: TYPE.to_owned(),
        crit: None,
    };
    header.check_time(key.public.validity)?;
    let header = serde_json::to_string(&header).map_err(|_| Distrust::NotJws("no header"))?;
    let protected = URL_SAFE_NO_PAD.encode(header);
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = key.signature(message(&protected, &payload).as_bytes());
    // All of it is base64url, which JSON leaves as it is. No space is left in which a byte could
    // change and mean nothing.
    Ok(format!(
        r#"{{"payload":"{payload}","protected":"{protected}","signature":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(signature)
    ))
}

impl Jws {
    /// Reads a link, and believes nothing of it.
    ///
    /// # Errors
    /// [`Distrust::NotJws`].
    pub(crate) fn parse(link: &[u8]) -> Result<Self, Distrust> {
        let flattened = serde_json::from_slice(link)
            .map_err(|_| Distrust::NotJws("it has no payload, protected and signature in JSON"))?;
        let Flattened {
            payload,
            protected,
            signature,
        } = flattened;
        let decode = |text: &str, what| {
            let bytes = URL_SAFE_NO_PAD.decode(text);
            bytes.map_err(|_| Distrust::NotJws(what))
        };
        let header = decode(&protected, "its header is no base64url")?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| Distrust::NotJws("its header does not have alg, kid, iat and typ"))?;
        if header.crit.is_some() {
            return Err(Distrust::NotJws("its header asks for extensions (crit)"));
        }
        Ok(Self {
            header,
            message: message(&protected, &payload),
            payload: decode(&payload, "its payload is no base64url")?,
            signature: decode(&signature, "its signature is no base64url")?,
        })
    }

    /// What is signed, as it says.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Hands out what the signature says of itself, if it is by one of `keys` in its time.
    ///
    /// # Errors
    /// [`Distrust`] with the first reason.
    pub(crate) fn verify(&self, keys: &PublicKeys) -> Result<&Header, Distrust> {
        let header = &self.header;
        if header.typ != TYPE {
            return Err(Distrust::Type(header.typ.clone()));
        }
        if !ALGORITHMS.contains(&header.alg.as_str()) {
            return Err(Distrust::Algorithm(header.alg.clone()));
        }
        let Some(key) = keys.get(&header.kid) else {
            return Err(Distrust::UnknownKey(header.kid.clone()));
        };
        if !key.has_signed(self.message.as_bytes(), &self.signature) {
            return Err(Distrust::Signature(header.kid.clone()));
        }
        header.check_time(key.validity)?;
        Ok(header)
    }
}

impl Header {
    fn check_time(&self, validity: Validity) -> Result<(), Distrust> {
        let (kid, signed) = (self.kid.clone(), self.iat);
        match validity {
            Validity {
                revoked: Some(revoked),
                ..
            } if signed >= revoked => Err(Distrust::Revoked {
                kid,
                revoked,
                signed,
            }),
            Validity {
                from: Some(from), ..
            } if signed < from => Err(Distrust::Early { kid, from, signed }),
            Validity {
                until: Some(until), ..
            } if signed >= until => Err(Distrust::Late { kid, until, signed }),
            Validity { .. } => Ok(()),
        }
    }
}

fn message(protected: &str, payload: &str) -> String {
    format!("{protected}.{payload}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::{
        keys::NewKey,
        testing::{GOLDEN, GOLDEN_LINK, GOLDEN_PUBLIC, key_pair},
    };

    fn verify(link: &str, keys: &PublicKeys) -> Result<Header, Distrust> {
        Jws::parse(link.as_bytes())?.verify(keys).cloned()
    }

    /// A link whose header has `change` in the place of `what`, signed as it is then.
    fn signed_otherwise(what: &str, change: &str) -> String {
        let (key, _) = key_pair(1, Validity::default());
        let header = format!(
            r#"{{"alg":"EdDSA","kid":"{}","iat":5,"typ":"{TYPE}"}}"#,
            key.public.kid
        );
        assert!(header.contains(what), "{header}");
        let protected = URL_SAFE_NO_PAD.encode(header.replace(what, change));
        let signature = key.signature(message(&protected, "cGluZw").as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature);
        format!(r#"{{"signature":"{signature}","protected":"{protected}","payload":"cGluZw"}}"#)
    }

    /// Checks what is said of a link with another header.
    fn check(what: &str, change: &str, expected: &str) {
        let (_, keys) = key_pair(1, Validity::default());
        let told = match verify(&signed_otherwise(what, change), &keys) {
            Ok(_) => "trusted".to_owned(),
            Err(distrust) => distrust.to_string(),
        };
        assert!(told.contains(expected), "{what} -> {change}: {told}");
    }

    #[test]
    fn a_header_must_be_ours_also_where_its_signature_is_right() {
        check("EdDSA", "EdDSA", "trusted");
        check("EdDSA", "Ed25519", "trusted");
        check("EdDSA", "Ed448", "the algorithm \"Ed448\"");
        check("EdDSA", "none", "the algorithm \"none\"");
        check("EdDSA", "HS256", "the algorithm \"HS256\"");
        check(TYPE, "JWT", "signed as \"JWT\"");
        check("\"kid\":\"", "\"kid\":\"x", "not among the keys given");
        check("\"iat\":5", "\"iat\":\"5\"", "does not have alg, kid, iat");
        check("\"iat\":5", "\"b64\":false", "does not have alg, kid, iat");
        check("\"iat\"", "\"crit\":[\"b64\"],\"iat\"", "extensions");
        check("\"iat\"", "\"weather\":1,\"iat\"", "trusted");
    }

    #[test]
    fn a_key_signs_from_its_beginning_until_before_its_end() {
        let validity = Validity {
            from: Some(UnixSeconds(100)),
            until: Some(UnixSeconds(200)),
            revoked: None,
        };
        let (key, keys) = key_pair(1, validity);
        let (unlimited, _) = key_pair(1, Validity::default());
        for (second, words) in [
            (
                99,
                "valid from 1970-01-01T00:01:40Z on, and this was signed at 1970-01-01T00:01:39Z",
            ),
            (100, ""),
            (199, ""),
            (
                200,
                "expired at 1970-01-01T00:03:20Z, and this was signed at 1970-01-01T00:03:20Z",
            ),
        ] {
            let link = sign(&unlimited, b"ping", UnixSeconds(second)).unwrap();
            let verified = verify(&link, &keys).map(|header| header.iat);
            let signed = sign(&key, b"ping", UnixSeconds(second)).map(|_| UnixSeconds(second));
            assert_eq!(signed, verified);
            let told = verified.map_or_else(|distrust| distrust.to_string(), |_| String::new());
            assert!(
                told.ends_with(words) && told.is_empty() == words.is_empty(),
                "{told}"
            );
        }
    }

    #[test]
    fn what_a_revoked_key_signed_before_stays_trusted() {
        let validity = Validity {
            revoked: Some(UnixSeconds(150)),
            ..Validity::default()
        };
        let (_, keys) = key_pair(1, validity);
        let (key, _) = key_pair(1, Validity::default());
        let link = |second| sign(&key, b"ping", UnixSeconds(second)).unwrap();
        assert!(verify(&link(149), &keys).is_ok());
        let distrust = verify(&link(150), &keys).unwrap_err();
        assert!(matches!(distrust, Distrust::Revoked { .. }), "{distrust}");
    }

    #[test]
    fn a_key_that_is_swapped_under_its_name_has_signed_nothing() {
        let (key, _) = key_pair(1, Validity::default());
        let link = sign(&key, b"ping", UnixSeconds(5)).unwrap();
        let other = NewKey::from_seed(&[2; 32], Validity::default()).unwrap();
        let swapped = other.public.replace(&other.kid, &key.public.kid);
        let distrust = verify(&link, &PublicKeys::parse(&swapped).unwrap()).unwrap_err();
        assert_eq!(distrust, Distrust::Signature(key.public.kid));
    }

    #[test]
    fn what_was_signed_once_is_signed_the_same_and_trusted_for_ever() {
        let (key, keys) = key_pair(1, Validity::default());
        let link = sign(&key, GOLDEN, UnixSeconds(1_772_413_200)).unwrap();
        assert_eq!(link, GOLDEN_LINK);
        assert!(verify(GOLDEN_LINK, &keys).is_ok());
        assert!(verify(GOLDEN_LINK, &PublicKeys::parse(GOLDEN_PUBLIC).unwrap()).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified(payload: Vec<u8>, second: i64) {
            let (key, keys) = key_pair(3, Validity::default());
            let link = sign(&key, &payload, UnixSeconds(second)).unwrap();
            let jws = Jws::parse(link.as_bytes()).unwrap();
            prop_assert_eq!(jws.payload(), &payload);
            prop_assert_eq!(jws.verify(&keys).unwrap().iat, UnixSeconds(second));
        }

        #[test]
        fn any_other_byte_anywhere_is_distrusted(payload: Vec<u8>, at: prop::sample::Index, byte: u8) {
            let (key, keys) = key_pair(3, Validity::default());
            let mut link = sign(&key, &payload, UnixSeconds(5)).unwrap().into_bytes();
            let at = at.index(link.len());
            prop_assume!(link[at] != byte);
            link[at] = byte;
            prop_assert!(Jws::parse(&link).and_then(|jws| jws.verify(&keys).cloned()).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(link: Vec<u8>) {
            prop_assert!(Jws::parse(&link).is_err());
        }
    }
}
