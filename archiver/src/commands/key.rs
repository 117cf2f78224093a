//! `archiver key`: makes the pair of keys that exports are signed and verified by. It sends them to
//! nobody.

use std::{
    fs::OpenOptions,
    io::{Write as _, stdout},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Context as _;
use clap::{Args, value_parser};

use crate::export::keys::{NewKey, UnixSeconds, Validity};

const SECONDS_PER_DAY: i64 = 86_400;

/// A file that this user alone may read.
const PRIVATE: u32 = 0o600;
/// A file that everybody may read.
const PUBLIC: u32 = 0o644;

/// Makes a key that signs exports, as two files: a private JWK for `archiver export`, and a public one for
/// those who verify.
///
/// Give the public file to the regulator by another way than the exports. It says from when until when
/// the key signs: make the next one before that ends, and put both into one file (`{"keys": [..]}`), so
/// that what the old one signed in its time stays valid.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// File for the private key. It must not be there: no key is overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) private: PathBuf,

    /// File for the public key. It must not be there.
    #[arg(long, value_name = "FILE")]
    pub(crate) public: PathBuf,

    /// How many days it signs, from now on.
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = value_parser!(u32).range(1..))]
    pub(crate) days: u32,
}

/// Makes a pair of keys and prints its name.
///
/// # Errors
/// A file that is there, or cannot be written.
pub(super) fn command(settings: &Settings) -> anyhow::Result<()> {
    let from = now()?;
    let until = UnixSeconds(from.0 + i64::from(settings.days) * SECONDS_PER_DAY);
    let key = NewKey::make(Validity {
        from: Some(from),
        until: Some(until),
        revoked: None,
    })?;
    // The public one first: where it cannot be written, there is no private one that nobody verifies.
    write(&settings.public, PUBLIC, &key.public)?;
    write(&settings.private, PRIVATE, &key.private)?;
    writeln!(stdout(), "{} signs until {until}", key.kid).context("print the key's name")
}

/// The time of this machine.
pub(super) fn now() -> anyhow::Result<UnixSeconds> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.context("the clock is before 1970")?;
    Ok(UnixSeconds(since.as_secs() as i64))
}

fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::export::keys::{PublicKeys, SigningKey};

    #[test]
    fn a_pair_signs_and_verifies_for_so_many_days_and_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        let settings = |private, public| Settings {
            private: file(private),
            public: file(public),
            days: 3,
        };
        command(&settings("a", "b")).unwrap();
        let key = SigningKey::load(&file("a")).unwrap();
        let keys = PublicKeys::load(&file("b")).unwrap();
        let public = keys.get(&key.public.kid).unwrap();
        assert_eq!(public.validity, key.public.validity);
        let (from, until) = (
            public.validity.from.unwrap(),
            public.validity.until.unwrap(),
        );
        assert_eq!(until.0 - from.0, 3 * 86_400);
        assert!(from <= now().unwrap());
        let mode = |name| fs::metadata(file(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("a"), 0o600);

        let before = fs::read(file("a")).unwrap();
        for taken in [settings("a", "c"), settings("c", "b"), settings("a", "b")] {
            let error = command(&taken).unwrap_err();
            assert!(format!("{error:#}").contains("exists"), "{error:#}");
        }
        assert_eq!(fs::read(file("a")).unwrap(), before);
    }
}
