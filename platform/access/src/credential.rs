//! What a request shows of who sends it. Whether it is any good is the guard's to say.

use std::{convert::Infallible, fmt, str::FromStr};

use axum::http::{HeaderMap, HeaderValue, header, header::InvalidHeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A token or an API key, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    /// One that came by another way than in a header.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The one in `Authorization`: `Bearer`, or `Basic` with it as the password, as apps send it that
    /// know no other way. None where there is none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::of_header(headers.get(header::AUTHORIZATION)?)
    }

    /// The one in this value of `Authorization`.
    pub fn of_header(value: &HeaderValue) -> Option<Self> {
        let value = value.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (_, password) = pair.split_once(':')?;
        Some(Self(password.to_owned()))
    }

    /// What shows it in `Authorization`.
    ///
    /// # Errors
    /// Text that cannot stand in a header.
    pub fn header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The secret itself.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for Credential {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

/// No secret reaches a log.
impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authorization: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        let found = Credential::of(&headers);
        assert_eq!(found.as_ref().map(Credential::text), expected);
    }

    #[test]
    fn it_is_a_bearer_or_the_password_of_a_basic() {
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        // `user:pass:word`
        check("Basic dXNlcjpwYXNzOndvcmQ=", Some("pass:word"));
        check("Basic dXNlcg==", None);
        check("Basic !", None);
        check("Digest abc", None);
        check("abc", None);
        assert_eq!(Credential::of(&HeaderMap::new()), None);
    }

    #[test]
    fn it_is_not_told() {
        let told = format!("{:?}", Credential::new("secret"));
        assert!(!told.contains("secret"), "{told}");
    }
}
