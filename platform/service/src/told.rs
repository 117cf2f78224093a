//! How what went wrong is told to who started the process: on one line, and all of it at once.

use std::fmt;

use anyhow::anyhow;

/// Why a process failed. Where `main` returns it, it is one line on standard error.
pub struct Failure(anyhow::Error);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// Both values, or what is wrong with either.
///
/// # Errors
/// What is wrong with one of them, or with each.
pub fn both<One, Other>(
    one: anyhow::Result<One>,
    other: anyhow::Result<Other>,
) -> anyhow::Result<(One, Other)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        (Err(one), Err(other)) => Err(anyhow!("{one:#}; {other:#}")),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, bail};

    use super::*;

    fn wrong(flag: &'static str) -> anyhow::Result<()> {
        let wrong: anyhow::Result<()> = (|| bail!("no such place"))();
        wrong.context(flag)
    }

    #[test]
    fn a_failure_is_one_line_however_deep_its_cause() {
        let failure = Failure::from(wrong("--state").context("start").unwrap_err());
        assert_eq!(format!("{failure:?}"), "start: --state: no such place");
    }

    #[test]
    fn whatever_is_wrong_is_told_at_once() {
        assert_eq!(both(Ok(1), Ok(2)).unwrap(), (1, 2));
        let told = |one, other| format!("{:#}", both(one, other).unwrap_err());
        assert_eq!(told(wrong("--one"), Ok(())), "--one: no such place");
        assert_eq!(told(Ok(()), wrong("--two")), "--two: no such place");
        let all = "--one: no such place; --two: no such place";
        assert_eq!(told(wrong("--one"), wrong("--two")), all);
    }
}
