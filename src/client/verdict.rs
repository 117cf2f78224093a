//! Compares what ingest answered to a batch with what it had to answer. Pure.

use schemas::Rejection;

use super::{
    answer::Answer,
    outbox::{Entry, Expectation},
};

/// What came of one ping of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Accepted as expected, for the first time.
    Accepted,
    /// Accepted as expected, once more.
    Repeated,
    /// Refused as expected.
    Rejected(Rejection),
    /// Something else than expected: the code of its rejection, if it has one that is known, and
    /// words.
    Unexpected(Option<Rejection>, String),
}

/// Judges every ping of a batch, in order.
pub(super) fn judge(entries: &[Entry], answer: &Answer) -> Vec<Outcome> {
    let mut codes: Vec<Option<&str>> = vec![None; entries.len()];
    for error in &answer.errors {
        if let Some(code) = codes.get_mut(error.index as usize) {
            *code = Some(&error.code);
        }
    }
    let mut omitted = answer.errors_omitted;
    let judge_one = |(entry, code): (&Entry, Option<&str>)| match (entry.expected, code) {
        (Expectation::Accepted, None) => Outcome::Accepted,
        (Expectation::Repeated, None) => Outcome::Repeated,
        (Expectation::Rejected(reason), Some(code)) if reason.code() == code => {
            Outcome::Rejected(reason)
        }
        (Expectation::Rejected(reason), None) if omitted > 0 => {
            omitted -= 1;
            Outcome::Rejected(reason)
        }
        (expected, code) => {
            let expected = match expected {
                Expectation::Accepted | Expectation::Repeated => "accepted",
                Expectation::Rejected(reason) => reason.code(),
            };
            let words = format!("expected {expected}, got {}", code.unwrap_or("accepted"));
            let known = |reason: &Rejection| Some(reason.code()) == code;
            Outcome::Unexpected(Rejection::ALL.into_iter().find(known), words)
        }
    };
    entries.iter().zip(codes).map(judge_one).collect()
}

/// Says in words what is wrong with an answer's counts, if anything is.
pub(super) fn miscount(entries: &[Entry], answer: &Answer) -> Option<String> {
    let listed = answer.errors.len() as u64 + answer.errors_omitted;
    let decided = answer.accepted + answer.rejected;
    (decided != entries.len() as u64 || listed != answer.rejected).then(|| {
        format!(
            "of {} items {} were accepted and {} rejected, {listed} with a reason",
            entries.len(),
            answer.accepted,
            answer.rejected,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{VehicleIndex, answer::ItemError};
    use schemas::PingName;

    fn entry(expected: Expectation) -> Entry {
        Entry {
            vehicle: VehicleIndex(0),
            name: PingName { epoch: 1, seq: 1 },
            expected,
        }
    }

    fn answer(accepted: u64, errors: &[(u64, &str)], omitted: u64) -> Answer {
        let errors = errors
            .iter()
            .map(|(index, code)| ItemError {
                index: *index,
                code: (*code).to_owned(),
            })
            .collect::<Vec<_>>();
        let rejected = errors.len() as u64 + omitted;
        Answer {
            accepted,
            rejected,
            errors,
            errors_omitted: omitted,
        }
    }

    #[test]
    fn only_the_expected_code_satisfies() {
        let too_old = [entry(Expectation::Rejected(Rejection::TooOld))];
        assert_eq!(
            judge(&too_old, &answer(0, &[(0, "too_old")], 0)),
            [Outcome::Rejected(Rejection::TooOld)]
        );
        for wrong in [answer(0, &[(0, "too_new")], 0), answer(1, &[], 0)] {
            assert!(matches!(
                judge(&too_old, &wrong)[..],
                [Outcome::Unexpected(..)]
            ));
        }
    }

    #[test]
    fn a_valid_ping_that_is_rejected_is_unexpected() {
        let entries = [entry(Expectation::Accepted), entry(Expectation::Repeated)];
        let outcomes = judge(&entries, &answer(1, &[(0, "too_old")], 0));
        assert!(matches!(
            outcomes[..],
            [Outcome::Unexpected(..), Outcome::Repeated]
        ));
    }

    #[test]
    fn an_omitted_error_covers_one_expected_rejection() {
        let entries = [entry(Expectation::Rejected(Rejection::TooOld)); 2];
        let outcomes = judge(&entries, &answer(1, &[], 1));
        assert!(matches!(
            outcomes[..],
            [Outcome::Rejected(_), Outcome::Unexpected(..)]
        ));
    }

    #[test]
    fn counts_that_do_not_add_up_are_told() {
        let entries = [entry(Expectation::Accepted); 2];
        assert_eq!(miscount(&entries, &answer(2, &[], 0)), None);
        assert!(miscount(&entries, &answer(1, &[], 0)).is_some());
    }
}
