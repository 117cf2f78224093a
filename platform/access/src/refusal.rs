//! Why a credential is not taken: for answers, metrics and logs, none of which it tells a secret.

use axum::http::StatusCode;

/// Why a request may not do what it asks for. The code is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("send a credential: Authorization: Bearer, with a token or an API key")]
    Missing,
    /// It is neither a token nor an API key.
    #[error("the credential is neither a token nor an API key")]
    Malformed,
    /// No API key has its id, or its secret is another.
    #[error("the API key is not known")]
    UnknownKey,
    /// No key that tokens are verified by has the id that it names.
    #[error("the token is signed by a key that is not known")]
    UnknownSigner,
    /// It is signed in a way that is not taken, or not at all.
    #[error("the token must be signed by EdDSA, ES256 or RS256")]
    WrongAlgorithm,
    /// The signature is not the signer's.
    #[error("the signature is wrong")]
    WrongSignature,
    /// It is over.
    #[error("the credential has expired")]
    Expired,
    /// It begins later.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is meant for another service, or by another issuer.
    #[error("the token is for another audience, or of another issuer")]
    WrongAudience,
    /// A claim is missing, or has no meaning here.
    #[error("the token lacks a claim, or has one that cannot be understood")]
    WrongClaims,
    /// It allows something else.
    #[error("the credential does not allow this")]
    WrongRight,
    /// It is for something else: another fleet, vehicle, driver or ride.
    #[error("the credential is for another fleet, vehicle, driver or ride")]
    NotYours,
    /// It is shown more often than a credential may be.
    #[error("the credential is used more often than it may be: send it again later")]
    TooFrequent,
}

/// What is wanted of who was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Another credential, or one at all (401).
    Credential,
    /// A credential that reaches further (403).
    Permission,
    /// To wait (429).
    Patience,
}

impl Wanted {
    /// The status of an answer that refuses.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Credential => StatusCode::UNAUTHORIZED,
            Self::Permission => StatusCode::FORBIDDEN,
            Self::Patience => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The same for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Credential => "a credential is wanted",
            Self::Permission => "the credential does not reach so far",
            Self::Patience => "too many requests",
        }
    }
}

impl Refusal {
    /// Every reason, for tables of counts.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::Malformed,
        Self::UnknownKey,
        Self::UnknownSigner,
        Self::WrongAlgorithm,
        Self::WrongSignature,
        Self::Expired,
        Self::NotYet,
        Self::WrongAudience,
        Self::WrongClaims,
        Self::WrongRight,
        Self::NotYours,
        Self::TooFrequent,
    ];

    /// The stable code that metrics and logs carry.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::UnknownSigner => "unknown_signer",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongSignature => "wrong_signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::WrongAudience => "wrong_audience",
            Self::WrongClaims => "wrong_claims",
            Self::WrongRight => "wrong_right",
            Self::NotYours => "not_yours",
            Self::TooFrequent => "too_frequent",
        }
    }

    /// What is wanted of who was refused.
    pub fn wants(self) -> Wanted {
        match self {
            Self::WrongRight | Self::NotYours => Wanted::Permission,
            Self::TooFrequent => Wanted::Patience,
            Self::Missing
            | Self::Malformed
            | Self::UnknownKey
            | Self::UnknownSigner
            | Self::WrongAlgorithm
            | Self::WrongSignature
            | Self::Expired
            | Self::NotYet
            | Self::WrongAudience
            | Self::WrongClaims => Wanted::Credential,
        }
    }
}
