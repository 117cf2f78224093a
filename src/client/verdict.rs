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
    /// Something else than expected, or nobody knows what: the code of its rejection, if it has
    /// one that is known, and words.
    Unexpected(Option<Rejection>, String),
}

/// What an answer says of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'a> {
    Accepted,
    Rejected(&'a str),
    /// Nothing: its error may be among those that the answer omits.
    Untold,
}

/// Judges every ping of a batch that is decided, in order.
pub(super) fn judge(entries: &[Entry], answer: &Answer) -> Vec<Outcome> {
    let words = words(entries.len(), answer);
    let may_be_refused = entries.iter().zip(&words).filter(|(entry, word)| {
        **word == Word::Untold && matches!(entry.expected, Expectation::Rejected(_))
    });
    // As many errors are omitted as have to be there: they are those.
    let omitted_as_expected =
        may_be_refused.count() as u64 == answer.errors_omitted && adds_up(entries.len(), answer);
    let judge_one = |(entry, word): (&Entry, Word<'_>)| match (entry.expected, word) {
        (Expectation::Rejected(reason), Word::Untold) if omitted_as_expected => {
            Outcome::Rejected(reason)
        }
        (expected, Word::Untold) if omitted_as_expected => compare(expected, Word::Accepted),
        (expected, word) => compare(expected, word),
    };
    entries.iter().zip(words).map(judge_one).collect()
}

/// Judges the pings of a batch of which some came too frequently; None for each that is to be sent
/// again: because it is one of them, or because it may be.
pub(super) fn judge_settled(entries: &[Entry], answer: &Answer) -> Vec<Option<Outcome>> {
    let too_frequent = Word::Rejected(Rejection::TooFrequent.code());
    let words = words(entries.len(), answer).into_iter();
    let judge_one = |(entry, word): (&Entry, Word<'_>)| {
        (word != Word::Untold && word != too_frequent).then(|| compare(entry.expected, word))
    };
    entries.iter().zip(words).map(judge_one).collect()
}

/// Says in words what is wrong with an answer's counts, if anything is.
pub(super) fn miscount(entries: &[Entry], answer: &Answer) -> Option<String> {
    (!adds_up(entries.len(), answer)).then(|| {
        format!(
            "of {} items {} were accepted and {} rejected, {} with a reason",
            entries.len(),
            answer.accepted,
            answer.rejected,
            answer.errors.len() as u64 + answer.errors_omitted,
        )
    })
}

fn adds_up(items: usize, answer: &Answer) -> bool {
    let listed = answer.errors.len() as u64 + answer.errors_omitted;
    answer.accepted + answer.rejected == items as u64 && listed == answer.rejected
}

/// What an answer says of each item. Errors are listed by index: where some are omitted, nothing is
/// said of the items after the last that is listed; nor of any, where the counts are wrong.
fn words(items: usize, answer: &Answer) -> Vec<Word<'_>> {
    let told = match answer.errors.last() {
        _ if !adds_up(items, answer) => 0,
        _ if answer.errors_omitted == 0 => items,
        Some(last) => last.index as usize,
        None => 0,
    };
    let mut words = vec![Word::Untold; items];
    for word in words.iter_mut().take(told) {
        *word = Word::Accepted;
    }
    for error in &answer.errors {
        if let Some(word) = words.get_mut(error.index as usize) {
            *word = Word::Rejected(&error.code);
        }
    }
    words
}

fn compare(expected: Expectation, word: Word<'_>) -> Outcome {
    match (expected, word) {
        (Expectation::Accepted, Word::Accepted) => Outcome::Accepted,
        (Expectation::Repeated, Word::Accepted) => Outcome::Repeated,
        (Expectation::Rejected(reason), Word::Rejected(code)) if reason.code() == code => {
            Outcome::Rejected(reason)
        }
        (expected, word) => {
            let expected = match expected {
                Expectation::Accepted | Expectation::Repeated => "accepted",
                Expectation::Rejected(reason) => reason.code(),
            };
            let (got, code) = match word {
                Word::Accepted => ("accepted", None),
                Word::Rejected(code) => (code, Some(code)),
                Word::Untold => ("no word", None),
            };
            let known = |reason: &Rejection| Some(reason.code()) == code;
            let words = format!("expected {expected}, got {got}");
            Outcome::Unexpected(Rejection::ALL.into_iter().find(known), words)
        }
    }
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
    fn omitted_errors_are_the_expected_ones_if_there_are_as_many() {
        let too_old = Expectation::Rejected(Rejection::TooOld);
        let entries = [entry(Expectation::Accepted), entry(too_old), entry(too_old)];
        assert_eq!(
            judge(&entries, &answer(1, &[], 2)),
            [
                Outcome::Accepted,
                Outcome::Rejected(Rejection::TooOld),
                Outcome::Rejected(Rejection::TooOld)
            ]
        );
    }

    #[test]
    fn no_ping_that_may_have_an_omitted_error_counts_as_accepted() {
        let entries = [entry(Expectation::Accepted); 5];
        let outcomes = judge(&entries, &answer(2, &[(1, "too_old")], 2));
        assert_eq!(outcomes[0], Outcome::Accepted);
        for outcome in &outcomes[1..] {
            assert!(matches!(outcome, Outcome::Unexpected(..)), "{outcome:?}");
        }
    }

    #[test]
    fn counts_that_are_wrong_accept_nothing() {
        let entries = [entry(Expectation::Accepted); 2];
        let outcomes = judge(&entries, &answer(1, &[], 0));
        assert!(matches!(
            outcomes[..],
            [Outcome::Unexpected(..), Outcome::Unexpected(..)]
        ));
    }

    #[test]
    fn what_came_too_frequently_or_may_have_is_not_settled() {
        let entries = [entry(Expectation::Accepted); 6];
        let errors = [(1, "too_frequent"), (2, "too_old"), (4, "too_frequent")];
        let settled = judge_settled(&entries, &answer(2, &errors, 1));
        let settled: Vec<_> = settled.iter().map(Option::is_some).collect();
        assert_eq!(settled, [true, false, true, true, false, false]);
    }

    #[test]
    fn counts_that_do_not_add_up_are_told() {
        let entries = [entry(Expectation::Accepted); 2];
        assert_eq!(miscount(&entries, &answer(2, &[], 0)), None);
        assert!(miscount(&entries, &answer(1, &[], 0)).is_some());
    }
}
