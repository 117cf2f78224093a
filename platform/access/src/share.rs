//! Share links: who has one sees one ride for a while, and nothing else. They are made by whoever may
//! read the ride, and hold no secret but their own MAC.
//!
//! A link's token is `<unix seconds it ends>.<mac>`, the MAC being HMAC-SHA256 (RFC 2104) over the end,
//! the fleet and the ride, each with its length before it, so that no two triples read alike.

use anyhow::ensure;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Refusal;

/// A secret has at least so many bytes.
const MIN_SECRET_BYTES: usize = 32;
/// Parts the MAC from those of other uses that a secret may be put to.
const CONTEXT: &[u8] = b"hansom share 1";

/// The secrets that links are made and verified by.
pub(crate) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Reads secrets, one a line: the first makes links, all of them verify.
    ///
    /// # Errors
    /// A secret that is too short to be one, or none at all.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Vec<_> = lines.map(|line| line.as_bytes().to_vec()).collect();
        ensure!(!secrets.is_empty(), "it has no secret");
        let is_long = secrets
            .iter()
            .all(|secret| secret.len() >= MIN_SECRET_BYTES);
        ensure!(
            is_long,
            "a secret has less than {MIN_SECRET_BYTES} characters"
        );
        Ok(Self(secrets))
    }

    /// A token that shows a ride until then, Unix seconds.
    pub(crate) fn make(&self, fleet: &str, ride: &str, until_s: u64) -> Option<String> {
        let mac = mac(self.0.first()?, fleet, ride, until_s)?.finalize();
        let mac = URL_SAFE_NO_PAD.encode(mac.into_bytes());
        Some(format!("{until_s}.{mac}"))
    }

    /// Whether a token shows this ride now.
    ///
    /// # Errors
    /// [`Refusal`], by what is wrong with it.
    pub(crate) fn verify(
        &self,
        token: &str,
        (fleet, ride): (&str, &str),
        now_s: f64,
    ) -> Result<(), Refusal> {
        let (until, tag) = token.split_once('.').ok_or(Refusal::Malformed)?;
        let until_s: u64 = until.parse().map_err(|_| Refusal::Malformed)?;
        // A link has one text: no sign and no zeros before the number that its MAC is over.
        if until_s.to_string() != until {
            return Err(Refusal::Malformed);
        }
        let tag = URL_SAFE_NO_PAD
            .decode(tag)
            .map_err(|_| Refusal::Malformed)?;
        let is_ours = |secret: &Vec<u8>| {
            // Compared in constant time.
            mac(secret, fleet, ride, until_s).is_some_and(|mac| mac.verify_slice(&tag).is_ok())
        };
        if !self.0.iter().any(is_ours) {
            return Err(Refusal::WrongSignature);
        }
        if now_s >= until_s as f64 {
            return Err(Refusal::Expired);
        }
        Ok(())
    }
}

fn mac(secret: &[u8], fleet: &str, ride: &str, until_s: u64) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in [
        CONTEXT,
        &until_s.to_be_bytes(),
        fleet.as_bytes(),
        ride.as_bytes(),
    ] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";

    fn secrets(text: &str) -> Secrets {
        Secrets::parse(text).unwrap()
    }

    fn check(token: &str, ride: (&str, &str), now_s: f64, expected: Result<(), Refusal>) {
        assert_eq!(
            secrets(SECRET).verify(token, ride, now_s),
            expected,
            "{token}"
        );
    }

    #[test]
    fn a_link_shows_its_ride_until_it_ends() {
        let token = secrets(SECRET).make("blue", "r1", 1_000).unwrap();
        check(&token, ("blue", "r1"), 999.0, Ok(()));
        check(&token, ("blue", "r1"), 1_000.0, Err(Refusal::Expired));
        let wrong = Err(Refusal::WrongSignature);
        check(&token, ("blue", "r2"), 999.0, wrong);
        check(&token, ("red", "r1"), 999.0, wrong);
        check(&token, ("bluer", "1"), 999.0, wrong);
        check(
            &token.replacen("1000", "2000", 1),
            ("blue", "r1"),
            999.0,
            wrong,
        );
        for before in ["0", "+", "+0"] {
            let longer = format!("{before}{token}");
            check(&longer, ("blue", "r1"), 999.0, Err(Refusal::Malformed));
        }
        check("1000.", ("blue", "r1"), 999.0, wrong);
        check("1000", ("blue", "r1"), 999.0, Err(Refusal::Malformed));
        check("x.y", ("blue", "r1"), 999.0, Err(Refusal::Malformed));
    }

    #[test]
    fn a_secret_is_followed_by_another_without_an_end_of_the_links_of_the_first() {
        let token = secrets(SECRET).make("blue", "r1", 1_000).unwrap();
        let both = secrets(&format!("{OTHER}\n{SECRET}\n"));
        assert_eq!(both.verify(&token, ("blue", "r1"), 0.0), Ok(()));
        assert_ne!(both.make("blue", "r1", 1_000).unwrap(), token);
        let gone = secrets(OTHER).verify(&token, ("blue", "r1"), 0.0);
        assert_eq!(gone, Err(Refusal::WrongSignature));
    }

    #[test]
    fn a_short_secret_is_none() {
        for text in ["", "\n \n", "short", &format!("{SECRET}\nshort")] {
            assert!(Secrets::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_is_a_link(token in ".*") {
            prop_assert!(secrets(SECRET).verify(&token, ("f", "r"), 0.0).is_err());
        }
    }
}
