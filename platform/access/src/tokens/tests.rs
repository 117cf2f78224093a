//! Tokens that are as they should be, and those that attackers make.

use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What stands before the seed of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const NOW_S: f64 = 1_800_000_000.0;

struct Issuer {
    kid: String,
    key: EncodingKey,
    jwk: Value,
}

impl Issuer {
    fn new(kid: &str, seed: u8) -> Self {
        let key = EncodingKey::from_ed_der(&[&PKCS8[..], &[seed; 32]].concat());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        Self {
            kid: kid.to_owned(),
            key,
            jwk: serde_json::to_value(jwk).unwrap(),
        }
    }

    fn token(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

fn terms() -> Terms {
    Terms {
        audiences: vec!["hansom".to_owned()],
        issuers: vec!["https://id.example".to_owned()],
    }
}

fn tokens(keys: &[&Value]) -> Tokens {
    Tokens::parse(&json!({ "keys": keys }).to_string(), &terms()).unwrap()
}

fn claims() -> Value {
    json!({
        "aud": "hansom", "iss": "https://id.example", "sub": "phone 7", "exp": NOW_S + 100.0,
        "scope": "openid hansom:write", "fleet": "blue", "vehicle": "cab-1",
    })
}

/// What becomes of a token with these claims changed; null takes one out.
fn check(changes: &Value, expected: Result<(), Refusal>) {
    let issuer = Issuer::new("one", 1);
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let admitted = tokens(&[&issuer.jwk]).admit(&issuer.token(&claims), Right::Write, NOW_S);
    assert_eq!(admitted.map(drop), expected, "{changes}");
}

#[test]
fn a_token_allows_what_it_says() {
    let issuer = Issuer::new("one", 1);
    let tokens = tokens(&[&issuer.jwk]);
    let token = issuer.token(&claims());
    let grant = Grant {
        holder: "phone 7".to_owned(),
        fleet: Some("blue".to_owned()),
        within: Within::Vehicle("cab-1".to_owned()),
    };
    // Also when it is known.
    for _ in 0..2 {
        assert_eq!(tokens.admit(&token, Right::Write, NOW_S), Ok(grant.clone()));
        let read = tokens.admit(&token, Right::Read, NOW_S);
        assert_eq!(read, Err(Refusal::WrongRight));
        let later = tokens.admit(&token, Right::Write, NOW_S + 160.0);
        assert_eq!(later, Err(Refusal::Expired), "the clocks differ by less");
    }
    assert!(tokens.admit(&token, Right::Write, NOW_S + 159.0).is_ok());
}

#[test]
fn claims_mean_something_or_are_refused() {
    let wrong = Err(Refusal::WrongClaims);
    check(&json!({}), Ok(()));
    check(&json!({"vehicle": null}), Ok(()));
    check(&json!({"vehicle": null, "driver": "d1"}), Ok(()));
    check(&json!({"driver": "d1"}), wrong);
    check(&json!({"fleet": null}), wrong);
    check(&json!({"fleet": 7}), wrong);
    check(&json!({"scope": null}), wrong);
    check(&json!({"scope": "hansom:writer"}), Err(Refusal::WrongRight));
    check(&json!({"exp": null}), wrong);
    check(&json!({"exp": "2000000000"}), wrong);
    check(&json!({"exp": NOW_S - 61.0}), Err(Refusal::Expired));
    check(&json!({"exp": NOW_S - 59.0}), Ok(()));
    check(&json!({"nbf": NOW_S + 61.0}), Err(Refusal::NotYet));
    check(&json!({"nbf": NOW_S + 59.0}), Ok(()));
    check(&json!({"aud": "another"}), Err(Refusal::WrongAudience));
    check(&json!({"aud": ["another", "hansom"]}), Ok(()));
    check(&json!({"aud": null}), Err(Refusal::WrongAudience));
    check(
        &json!({"iss": "https://evil.example"}),
        Err(Refusal::WrongAudience),
    );
    check(&json!({"iss": null}), Err(Refusal::WrongAudience));
}

#[test]
fn a_signature_is_by_the_key_that_is_named() {
    let (one, other) = (Issuer::new("one", 1), Issuer::new("one", 2));
    let tokens = tokens(&[&one.jwk]);
    let forged = other.token(&claims());
    assert_eq!(
        tokens.admit(&forged, Right::Write, NOW_S),
        Err(Refusal::WrongSignature)
    );
    let unknown = Issuer::new("new", 1).token(&claims());
    assert_eq!(
        tokens.admit(&unknown, Right::Write, NOW_S),
        Err(Refusal::UnknownSigner)
    );
    let token = one.token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let claims = encoded(
        &json!({"scope": "hansom:write", "fleet": "red", "exp": NOW_S, "aud": "hansom",
        "iss": "https://id.example"}),
    );
    let changed = format!("{head}.{claims}.{signature}");
    assert_eq!(
        tokens.admit(&changed, Right::Write, NOW_S),
        Err(Refusal::WrongSignature)
    );
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[test]
fn the_algorithm_is_the_keys() {
    let issuer = Issuer::new("one", 1);
    let tokens = tokens(&[&issuer.jwk]);
    let body = encoded(&claims());
    for algorithm in [
        "none", "None", "NONE", "HS256", "HS512", "ES256", "RS256", "PS256", "",
    ] {
        let head = encoded(&json!({"alg": algorithm, "kid": "one"}));
        let public = URL_SAFE_NO_PAD
            .decode(issuer.jwk["x"].as_str().unwrap())
            .unwrap();
        let mut mac = <hmac::Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&public).unwrap();
        hmac::Mac::update(&mut mac, format!("{head}.{body}").as_bytes());
        let mac = URL_SAFE_NO_PAD.encode(hmac::Mac::finalize(mac).into_bytes());
        for signature in ["", &mac] {
            let token = format!("{head}.{body}.{signature}");
            let admitted = tokens.admit(&token, Right::Write, NOW_S);
            assert_eq!(admitted, Err(Refusal::WrongAlgorithm), "{algorithm}");
        }
    }
    let token = issuer.token(&claims());
    let (_, rest) = token.split_once('.').unwrap();
    let critical = encoded(&json!({"alg": "EdDSA", "kid": "one", "crit": ["b64"], "b64": false}));
    let admitted = tokens.admit(&format!("{critical}.{rest}"), Right::Write, NOW_S);
    assert_eq!(admitted, Err(Refusal::Malformed));
}

#[test]
fn who_names_no_key_means_the_only_one() {
    let (one, two) = (Issuer::new("one", 1), Issuer::new("two", 2));
    let header = Header::new(Algorithm::EdDSA);
    let token = jsonwebtoken::encode(&header, &claims(), &one.key).unwrap();
    assert!(
        tokens(&[&one.jwk])
            .admit(&token, Right::Write, NOW_S)
            .is_ok()
    );
    let of_two = tokens(&[&one.jwk, &two.jwk]).admit(&token, Right::Write, NOW_S);
    assert_eq!(of_two, Err(Refusal::UnknownSigner));
}

#[test]
fn keys_of_no_use_are_passed_over_and_a_set_of_them_is_refused() {
    let good = Issuer::new("one", 1).jwk;
    let mut encryption = good.clone();
    encryption["use"] = json!("enc");
    let mut other = good.clone();
    other["alg"] = json!("RS256");
    let short = json!({"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"});
    let symmetric = json!({"kty": "oct", "kid": "mac", "k": "c2VjcmV0"});
    for bad in [encryption, other, short, symmetric] {
        let set = json!({"keys": [bad]}).to_string();
        assert!(Tokens::parse(&set, &terms()).is_err(), "{set}");
        let mut good = good.clone();
        good["kid"] = json!("good");
        assert_eq!(tokens(&[&bad, &good]).signers.len(), 1);
    }
    let twice = json!({"keys": [good, good]}).to_string();
    assert!(Tokens::parse(&twice, &terms()).is_err());
}

proptest! {
    #[test]
    fn no_text_panics_or_is_a_token(text in "\\PC{0,200}", head in any::<Vec<u8>>()) {
        let tokens = tokens(&[&Issuer::new("one", 1).jwk]);
        prop_assert!(tokens.admit(&text, Right::Write, NOW_S).is_err());
        let text = format!("{}.{text}.x", URL_SAFE_NO_PAD.encode(head));
        prop_assert!(tokens.admit(&text, Right::Write, NOW_S).is_err());
    }
}
