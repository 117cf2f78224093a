//! What ingest answers to an upload, as far as the client reads it.

use schemas::Rejection;
use serde::Deserialize;

/// Counts and per-item errors of an upload that was decided, wholly or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Answer {
    pub accepted: u64,
    #[serde(default)]
    pub rejected: u64,
    /// The first errors, by index.
    #[serde(default)]
    pub errors: Vec<ItemError>,
    /// Rejected items beyond those that `errors` lists.
    #[serde(default)]
    pub errors_omitted: u64,
}

impl Answer {
    /// Says whether at least one item need not be sent again, though others came too frequently.
    pub(super) fn settles_something(&self) -> bool {
        let accepts_one_before_an_error = match self.errors.last() {
            Some(last) if self.errors_omitted > 0 => last.index >= self.errors.len() as u64,
            Some(_) | None => self.errors_omitted == 0 && self.accepted > 0,
        };
        let rejects_one_for_good = self.errors.iter().any(|error| !error.is_too_frequent());
        accepts_one_before_an_error || rejects_one_for_good
    }
}

/// Why one item was refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ItemError {
    pub index: u64,
    pub code: String,
}

impl ItemError {
    /// Says whether the item may be sent again later.
    pub(super) fn is_too_frequent(&self) -> bool {
        self.code == Rejection::TooFrequent.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: bool) {
        let answer: Answer = serde_json::from_str(text).unwrap();
        assert_eq!(answer.settles_something(), expected, "{text}");
    }

    #[test]
    fn an_answer_settles_what_it_accepts_before_its_last_error_and_what_is_wrong_anyway() {
        let hasty = |index: u32| format!(r#"{{"index":{index},"code":"too_frequent"}}"#);
        let (first, third) = (hasty(0), hasty(2));
        check(&format!(r#"{{"accepted":0,"errors":[{first}]}}"#), false);
        check(&format!(r#"{{"accepted":1,"errors":[{first}]}}"#), true);
        // The one that was accepted comes after the errors that are listed: nobody knows which.
        let omitted = r#""errors_omitted":5"#;
        check(
            &format!(r#"{{"accepted":1,"errors":[{first}],{omitted}}}"#),
            false,
        );
        check(
            &format!(r#"{{"accepted":2,"errors":[{third}],{omitted}}}"#),
            true,
        );
        check(&format!(r#"{{"accepted":9,{omitted}}}"#), false);
        check(
            r#"{"accepted":0,"errors":[{"index":0,"code":"too_old"}]}"#,
            true,
        );
    }
}
