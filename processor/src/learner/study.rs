//! What a model makes of lessons. Pure: where models are stored is `school`'s.

use crate::eta::{Learned, Lesson, Model};

/// What is to be learned at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Material<'a> {
    /// A model to learn all from that it remembers.
    pub(super) given: Option<&'a Model>,
    pub(super) lessons: &'a [Lesson],
}

/// What has become of a model.
#[derive(Debug)]
pub(super) struct Studied {
    pub(super) model: Model,
    pub(super) counts: Counts,
    pub(super) change: Change,
}

/// How many drives were new to a model, known to it, or left out of its sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) new: u64,
    pub(crate) known: u64,
    pub(crate) left_out: u64,
}

/// Whether a model is to be stored again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It has nothing that it had not before.
    Nothing,
    /// It has; what it predicts is the same.
    Memory,
    /// It predicts otherwise too, once it is fitted.
    FitDue,
}

/// Learns all of it. Learning something again changes nothing.
pub(super) fn study(mut model: Model, material: Material<'_>) -> Studied {
    let mut counts = Counts::default();
    if let Some(given) = material.given {
        counts.new += model.merge(given) as u64;
    }
    for lesson in material.lessons {
        match model.learn(lesson.clone()) {
            Learned::New => counts.new += 1,
            Learned::Known => counts.known += 1,
            Learned::LeftOut => counts.left_out += 1,
        }
    }
    let change = if model.is_fit_due() {
        Change::FitDue
    } else if counts.new + counts.left_out > 0 {
        // One that is left out moves the threshold of the sample.
        Change::Memory
    } else {
        Change::Nothing
    };
    Studied {
        model,
        counts,
        change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        eta::City,
        learner::testing::{lessons, model_of},
    };

    #[test]
    fn what_is_known_changes_nothing_and_what_is_new_counts_once() {
        let known = model_of(City::default(), &lessons(0..3));
        let given = model_of(City::default(), &lessons(3..5));
        let lessons = lessons(2..6);
        let material = Material {
            given: Some(&given),
            lessons: &lessons,
        };
        let studied = study(known, material);
        let counts = |new, known, left_out| Counts {
            new,
            known,
            left_out,
        };
        assert_eq!(studied.counts, counts(3, 3, 0));
        assert_ne!(studied.change, Change::Nothing);
        let bytes = studied.model.encode().unwrap();
        let again = study(studied.model, material);
        assert_eq!(again.counts, counts(0, 4, 0));
        assert_ne!(again.change, Change::Memory);
        assert_eq!(again.model.encode().unwrap(), bytes);
    }
}
