//! Tokens: JWTs (RFC 7519) signed by EdDSA, ES256 or RS256, verified by the keys of a JWKS
//! (RFC 7517). Where that comes from is `source`'s; the time is an argument.
//!
//! A token's claims are `aud` and `exp` as everywhere, `scope` (RFC 8693) with `hansom:write` or
//! `hansom:read`, `fleet`, and at most one of `vehicle`, `driver` and `ride`.
//!
//! The algorithm is the key's, never the token's: a token that names another is refused before
//! anything of it is verified, so neither `none` nor a MAC by a public key gets anywhere.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use quick_cache::sync::Cache;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::{
    Refusal,
    grant::{Grant, Part, Right, Within},
};

/// A token may be so long: more is no token for a phone.
const MAX_TOKEN_BYTES: usize = 8 << 10;
/// Clocks may differ by this many seconds.
const SKEW_S: f64 = 60.0;
/// Tokens that were verified are known again: a signature costs more than all else of a ping. Some
/// 300 bytes each.
const KNOWN_TOKENS: usize = 50_000;
/// A modulus of 2,048 bits in base64url; shorter ones are broken too cheaply.
const MIN_MODULUS_CHARACTERS: usize = 342;

/// For whom tokens must be, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// One of them must stand in `aud`.
    pub(crate) audiences: Vec<String>,
    /// What must stand in `iss`; anything, if empty.
    pub(crate) issuers: Vec<String>,
}

/// The keys that tokens are verified by, and what was verified by them.
pub(crate) struct Tokens {
    signers: HashMap<String, Signer>,
    known: Cache<[u8; 32], Arc<Verified>>,
}

struct Signer {
    key: DecodingKey,
    validation: Validation,
}

/// What a token says, of which the signature is right.
#[derive(Debug)]
struct Verified {
    holder: String,
    fleet: String,
    within: Within,
    rights: Vec<Right>,
    /// Unix seconds.
    from: Option<f64>,
    until: f64,
}

/// What is read before anything is verified.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    nbf: Option<f64>,
    sub: Option<String>,
    scope: String,
    fleet: String,
    #[serde(flatten)]
    part: Part,
}

impl Tokens {
    /// Reads a JWKS. Keys that are of no use here are passed over, and logged.
    ///
    /// # Errors
    /// Text that is no JWKS, or one without a key of use.
    pub(crate) fn parse(jwks: &str, terms: &Terms) -> anyhow::Result<Self> {
        let set: JwkSet = serde_json::from_str(jwks).context("it is no JWKS")?;
        let mut signers = HashMap::new();
        for jwk in &set.keys {
            let kid = jwk.common.key_id.clone().unwrap_or_default();
            match Signer::of(jwk, terms) {
                Ok(signer) => {
                    if signers.insert(kid.clone(), signer).is_some() {
                        bail!("two keys have the kid {kid:?}");
                    }
                }
                Err(error) => warn!(kid, error = format!("{error:#}"), "a key is passed over"),
            }
        }
        ensure!(
            !signers.is_empty(),
            "it has no key for EdDSA, ES256 or RS256"
        );
        Ok(Self {
            signers,
            known: Cache::new(KNOWN_TOKENS),
        })
    }

    /// What a token allows at `now_s`, Unix seconds.
    ///
    /// # Errors
    /// [`Refusal`], by what is wrong with it.
    pub(crate) fn admit(&self, token: &str, right: Right, now_s: f64) -> Result<Grant, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Malformed);
        }
        let digest = Sha256::digest(token).into();
        let verified = if let Some(known) = self.known.get(&digest) {
            known
        } else {
            let verified = Arc::new(self.verify(token)?);
            self.known.insert(digest, verified.clone());
            verified
        };
        verified.admit(right, now_s)
    }

    fn verify(&self, token: &str) -> Result<Verified, Refusal> {
        let head = head(token).ok_or(Refusal::Malformed)?;
        if head.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let algorithm = match head.alg.as_str() {
            "EdDSA" => Algorithm::EdDSA,
            "ES256" => Algorithm::ES256,
            "RS256" => Algorithm::RS256,
            _ => return Err(Refusal::WrongAlgorithm),
        };
        let signer = self.signer(head.kid.as_deref())?;
        if signer.validation.algorithms != [algorithm] {
            return Err(Refusal::WrongAlgorithm);
        }
        let decoded = jsonwebtoken::decode::<Claims>(token, &signer.key, &signer.validation)
            .map_err(|error| refusal(error.kind()))?;
        Verified::of(decoded.claims)
    }

    fn signer(&self, kid: Option<&str>) -> Result<&Signer, Refusal> {
        let found = match kid {
            Some(kid) => self.signers.get(kid),
            // Who names no key means the only one.
            None if self.signers.len() == 1 => self.signers.values().next(),
            None => None,
        };
        found.ok_or(Refusal::UnknownSigner)
    }
}

impl Signer {
    fn of(jwk: &Jwk, terms: &Terms) -> anyhow::Result<Self> {
        let common = &jwk.common;
        let is_for_signing = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        ensure!(is_for_signing, "its use is not sig");
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::RSA(key) if key.n.len() >= MIN_MODULUS_CHARACTERS => {
                Algorithm::RS256
            }
            AlgorithmParameters::RSA(_) => bail!("its modulus has less than 2048 bits"),
            _ => bail!("it is no key for EdDSA, ES256 or RS256"),
        };
        if let Some(named) = &common.key_algorithm {
            ensure!(
                named.to_string() == format!("{algorithm:?}"),
                "its alg is not {algorithm:?}"
            );
        }
        let mut validation = Validation::new(algorithm);
        // The time is looked at here, where it is an argument.
        validation.validate_exp = false;
        validation.set_audience(&terms.audiences);
        let mut required = vec!["aud"];
        if !terms.issuers.is_empty() {
            validation.set_issuer(&terms.issuers);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self {
            key: DecodingKey::from_jwk(jwk)?,
            validation,
        })
    }
}

impl Verified {
    fn of(claims: Claims) -> Result<Self, Refusal> {
        let rights = [Right::Write, Right::Read];
        let has = |right: &Right| claims.scope.split(' ').any(|named| named == right.scope());
        Ok(Self {
            holder: claims.sub.unwrap_or_else(|| "token".to_owned()),
            fleet: claims.fleet,
            within: claims.part.within().ok_or(Refusal::WrongClaims)?,
            rights: rights.into_iter().filter(has).collect(),
            from: claims.nbf,
            until: claims.exp,
        })
    }

    fn admit(&self, right: Right, now_s: f64) -> Result<Grant, Refusal> {
        if now_s >= self.until + SKEW_S {
            return Err(Refusal::Expired);
        }
        if self.from.is_some_and(|from| now_s < from - SKEW_S) {
            return Err(Refusal::NotYet);
        }
        if !self.rights.contains(&right) {
            return Err(Refusal::WrongRight);
        }
        Ok(Grant {
            holder: self.holder.clone(),
            fleet: Some(self.fleet.clone()),
            within: self.within.clone(),
        })
    }
}

fn head(token: &str) -> Option<Head> {
    let (head, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).ok()?).ok()
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidSignature => Refusal::WrongSignature,
        ErrorKind::InvalidAudience | ErrorKind::InvalidIssuer => Refusal::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" || claim == "iss" => {
            Refusal::WrongAudience
        }
        ErrorKind::InvalidAlgorithm => Refusal::WrongAlgorithm,
        ErrorKind::Json(_)
        | ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_) => Refusal::WrongClaims,
        _ => Refusal::Malformed,
    }
}

#[cfg(test)]
mod tests;
