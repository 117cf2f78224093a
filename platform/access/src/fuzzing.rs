//! Credentials that strangers make up, and the laws that hold whatever they are: above all, that none
//! is granted. Compiled for fuzzing and for tests; no product has it.

#![allow(
    clippy::missing_panics_doc,
    reason = "a law that is broken is a panic, and nothing else is"
)]

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use crate::{
    Credential, Grant, Refusal, Right, Within,
    keys::Keys,
    share::Secrets,
    tokens::{Terms, Tokens},
};

/// What reads one kind of credential.
pub type Target = fn(&[u8]);

/// All of them, by the names that they have in `fuzz/`.
pub const TARGETS: [(&str, Target); 3] = [
    ("authorization", authorization),
    ("claims", claims),
    ("share_link", share_link),
];

/// The time at which credentials are shown.
const NOW_S: f64 = 1_800_000_000.0;
const UNTIL_S: u64 = 1_800_000_600;
const SKEW_S: f64 = 60.0;
/// The ride of the one link there is.
const RIDE: (&str, &str) = ("blue", "r1");
/// The key that is known, and what the server knows of it.
const KEY: &str = "hansom_0a1b2c3d_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const KEYS: &str = r#"
[[key]]
id = "0a1b2c3d"
sha256 = "ea866a757e4c38babfa8127cbe9a409d3e1f93a00ff1488ff735fcf917afffd0"
may = "write"
fleet = "blue"
"#;
/// What stands before the seed of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Whatever there is to be known.
struct Known {
    keys: Keys,
    tokens: Tokens,
    secrets: Secrets,
    signer: EncodingKey,
    /// The one token that was given out.
    token: String,
    /// The one link that was given out.
    link: String,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let Ok(known) = Known::make() else {
        unreachable!("what is known can be read");
    };
    known
});

impl Known {
    fn make() -> anyhow::Result<Self> {
        let signer = EncodingKey::from_ed_der(&[&PKCS8[..], &[7; 32]].concat());
        let mut jwk = Jwk::from_encoding_key(&signer, Algorithm::EdDSA)?;
        jwk.common.key_id = Some("one".to_owned());
        let terms = Terms {
            audiences: vec!["hansom".to_owned()],
            issuers: vec!["https://id.example".to_owned()],
        };
        let claims = json!({
            "aud": "hansom", "iss": "https://id.example", "sub": "phone 7", "exp": UNTIL_S,
            "scope": "openid hansom:write", "fleet": "blue", "vehicle": "cab-1",
        });
        let secrets = Secrets::parse("0123456789abcdef0123456789abcdef\n")?;
        Ok(Self {
            keys: Keys::parse(KEYS)?,
            tokens: Tokens::parse(&json!({ "keys": [jwk] }).to_string(), &terms)?,
            token: jsonwebtoken::encode(&header(), &claims, &signer)?,
            link: secrets.make(RIDE.0, RIDE.1, UNTIL_S).unwrap_or_default(),
            secrets,
            signer,
        })
    }

    /// As the guard does it.
    fn judge(&self, text: &str, right: Right) -> Result<Grant, Refusal> {
        if Keys::is_key(text) {
            self.keys.admit(text, right)
        } else {
            self.tokens.admit(text, right, NOW_S)
        }
    }
}

fn header() -> Header {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("one".to_owned());
    header
}

/// The value of `Authorization`: only what was given out is granted, whatever its scheme.
pub fn authorization(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    let Some(credential) = Credential::of(&headers) else {
        return;
    };
    let told = format!("{credential:?}");
    assert_eq!(told, "Credential(..)", "no secret reaches a log");
    // A password may have characters that no header has.
    if let Ok(value) = credential.header() {
        let again = Credential::of(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]));
        let again = again.as_ref().map(|again| again.text().trim());
        assert!(again.is_none_or(|again| again == credential.text().trim()));
    }
    let text = credential.text();
    let granted = KNOWN.judge(text, Right::Write);
    assert_eq!(
        KNOWN.judge(text, Right::Write),
        granted,
        "asked again, it says the same"
    );
    let is_given_out = [KEY, &KNOWN.token].contains(&text);
    assert_eq!(
        granted.is_ok(),
        is_given_out,
        "only what was given out is granted"
    );
    assert!(KNOWN.judge(text, Right::Read).is_err(), "nobody may read");
    if let Err(refusal) = granted {
        let tells = text.len() >= 16 && refusal.to_string().contains(text);
        assert!(!tells, "no secret is told");
    }
}

/// Claims that were signed: they are granted as they say, or refused.
pub fn claims(bytes: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    // As they came, with whatever stands there twice.
    let Ok(raw) = serde_json::from_slice::<&serde_json::value::RawValue>(bytes) else {
        return;
    };
    let Ok(token) = jsonwebtoken::encode(&header(), &raw, &KNOWN.signer) else {
        return;
    };
    for right in [Right::Write, Right::Read] {
        let granted = KNOWN.tokens.admit(&token, right, NOW_S);
        assert_eq!(
            KNOWN.tokens.admit(&token, right, NOW_S),
            granted,
            "also when it is known"
        );
        if let Ok(grant) = granted {
            says(&claims, right, &grant);
            let later = claims["exp"].as_f64().unwrap_or_default() + SKEW_S;
            let late = KNOWN.tokens.admit(&token, right, later);
            assert_eq!(late, Err(Refusal::Expired));
        }
    }
}

/// What is granted stands in the claims.
fn says(claims: &Value, right: Right, grant: &Grant) {
    let is_for = |name: &str, expected: &str| match &claims[name] {
        Value::String(text) => text == expected,
        Value::Array(texts) => texts.iter().any(|text| text == expected),
        _ => false,
    };
    assert!(is_for("aud", "hansom") && is_for("iss", "https://id.example"));
    assert!(
        claims["exp"]
            .as_f64()
            .is_some_and(|exp| NOW_S < exp + SKEW_S)
    );
    assert!(
        claims["nbf"]
            .as_f64()
            .is_none_or(|nbf| nbf - SKEW_S <= NOW_S)
    );
    let scope = claims["scope"].as_str().unwrap_or_default();
    assert!(scope.split(' ').any(|word| word == right.scope()));
    assert_eq!(claims["fleet"].as_str(), grant.fleet.as_deref());
    let part = ["vehicle", "driver", "ride"].map(|name| claims[name].as_str());
    let expected = match &grant.within {
        Within::Whole => [None; 3],
        Within::Vehicle(id) => [Some(id.as_str()), None, None],
        Within::Driver(id) => [None, Some(id.as_str()), None],
        Within::Ride(id) => [None, None, Some(id.as_str())],
    };
    assert_eq!(part, expected);
}

/// The token of a link: only the one that was given out shows the ride, until it ends, and no other.
pub fn share_link(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else {
        return;
    };
    let verify = |ride, now_s| KNOWN.secrets.verify(token, ride, now_s);
    let shown = verify(RIDE, NOW_S);
    assert_eq!(verify(RIDE, NOW_S), shown);
    assert_eq!(
        shown.is_ok(),
        token == KNOWN.link,
        "only what was given out is shown"
    );
    assert!(verify(("blue", "r2"), NOW_S).is_err() && verify(("red", "r1"), NOW_S).is_err());
    assert!(verify(RIDE, UNTIL_S as f64).is_err(), "it ends");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn what_fuzzing_kept_breaks_no_law() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        for (name, run) in TARGETS {
            let inputs = fs::read_dir(corpus.join(name)).unwrap();
            let run_all = inputs.map(|input| run(&fs::read(input.unwrap().path()).unwrap()));
            assert!(run_all.count() > 5, "{name} has lost its corpus");
        }
    }

    #[test]
    fn what_was_given_out_is_granted() {
        for text in [KEY, &KNOWN.token] {
            assert!(KNOWN.judge(text, Right::Write).is_ok(), "{text}");
        }
        assert_eq!(KNOWN.secrets.verify(&KNOWN.link, RIDE, NOW_S), Ok(()));
    }
}
