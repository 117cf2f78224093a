//! What a city remembers: a sample of its drives that is bounded, forgets the old, and comes out
//! the same in whatever order drives are learned, however often, and wherever samples are merged.
//! What follows from it is `fit`'s.
//!
//! It is priority sampling (Duffield, Lund, Thorup 2007, "Priority sampling for estimation of
//! arbitrary subset sums") with weights that decay forward (Cormode, Shkapenyuk, Srivastava, Xu
//! 2009): a drive weighs twice as much as one that ended a half-life earlier, and has the priority
//! weight / u, where u is uniform by its name. Those of the highest priority stay. The highest that
//! did not is the threshold; what lies below it never enters again, so that a merge of samples is
//! the sample of the merge. A drive stands for all of its weight that the threshold left out.

use std::collections::{BTreeMap, HashMap};

use schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lesson, lesson::Glimpse};

/// Bytes of a city's sample: 100,000 drives of ten minutes.
pub(crate) const MAX_BYTES: usize = 24_000_000;
/// A drive counts half after so long.
const HALF_LIFE_MS: f64 = 28.0 * 86_400_000.0;
/// Of priorities, which are logarithms to base 2, so that the order of two is exact.
const STEPS: f64 = 1_048_576.0;
/// What a drive costs beside its glimpses and itself: its places in two tables.
const TABLES_BYTES: usize = 40;

/// A sample of a city's drives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Memory {
    lessons: BTreeMap<Priority, Lesson>,
    /// The priority of each by its name.
    names: HashMap<u64, i64>,
    /// What lies below was left out.
    threshold: Option<Priority>,
    bytes: usize,
    max_bytes: usize,
}

/// Of two drives that do not both find room the higher stays: [`STEPS`] of the logarithm of
/// weight / u, then the name.
type Priority = (i64, u64);

/// What a memory made of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It is in the sample now.
    New,
    /// It was known.
    Known,
    /// Others had a higher priority.
    LeftOut,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    max_bytes: usize,
    threshold: Option<Priority>,
    lessons: Vec<Lesson>,
}

impl Memory {
    /// An empty one for so many bytes.
    pub(crate) fn with_room(max_bytes: usize) -> Self {
        Self {
            lessons: BTreeMap::new(),
            names: HashMap::new(),
            threshold: None,
            bytes: 0,
            max_bytes,
        }
    }

    /// Takes a lesson.
    pub fn learn(&mut self, lesson: Lesson) -> Learned {
        let priority = priority(&lesson);
        let name = lesson.name;
        if let Some(known) = self.names.get(&name) {
            let known = (*known, name);
            // Who learned a drive twice keeps the greater of both, in whatever order they came.
            if self
                .lessons
                .get(&known)
                .is_some_and(|known| *known >= lesson)
            {
                return Learned::Known;
            }
            self.remove(known);
            self.insert(priority, lesson);
            self.trim();
            return Learned::Known;
        }
        self.insert(priority, lesson);
        self.trim();
        if self.names.contains_key(&name) {
            Learned::New
        } else {
            Learned::LeftOut
        }
    }

    /// Takes all that another one knows; says how many drives were new.
    pub fn merge(&mut self, other: &Self) -> usize {
        if other.threshold > self.threshold {
            self.threshold = other.threshold;
            self.trim();
        }
        let learned = other.lessons.values();
        learned
            .filter(|lesson| self.learn((*lesson).clone()) == Learned::New)
            .count()
    }

    /// Drives.
    pub fn len(&self) -> usize {
        self.lessons.len()
    }

    /// Whether it knows no drive.
    pub fn is_empty(&self) -> bool {
        self.lessons.is_empty()
    }

    /// Glimpses of all drives.
    pub fn glimpses(&self) -> usize {
        self.lessons.values().map(Lesson::len).sum()
    }

    /// When the last drive ended; 0 of none.
    pub(crate) fn newest(&self) -> Timestamp {
        let ended = self.lessons.values().map(|lesson| lesson.ended);
        ended.max().unwrap_or_default()
    }

    /// How many drives ended after this.
    pub(crate) fn ended_after(&self, time: Timestamp) -> usize {
        let lessons = self.lessons.values();
        lessons.filter(|lesson| lesson.ended > time).count()
    }

    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The drives, each with what it weighs against one that ended last, 0 to 1. The order is
    /// the same wherever the drives are the same.
    pub(crate) fn weighted(&self) -> impl Iterator<Item = (&Lesson, f64)> {
        let weight = |lesson: &Lesson| {
            let own = ended_half_lives(lesson);
            // One that is in although others of its weight are not stands for those too.
            self.threshold
                .map_or(own, |(threshold, _)| own.max(threshold as f64 / STEPS))
        };
        let most = self.lessons.values().map(weight).fold(f64::MIN, f64::max);
        let lessons = self.lessons.values();
        lessons.map(move |lesson| (lesson, (weight(lesson) - most).exp2()))
    }

    fn insert(&mut self, priority: Priority, lesson: Lesson) {
        self.bytes += bytes(&lesson);
        self.names.insert(lesson.name, priority.0);
        self.lessons.insert(priority, lesson);
    }

    fn remove(&mut self, priority: Priority) {
        if let Some(lesson) = self.lessons.remove(&priority) {
            self.bytes -= bytes(&lesson);
            self.names.remove(&lesson.name);
        }
    }

    /// Leaves out what is below the threshold, and moves that until there is room.
    fn trim(&mut self) {
        while let Some((&lowest, _)) = self.lessons.first_key_value() {
            let is_over = self.bytes > self.max_bytes;
            if !is_over && Some(lowest) > self.threshold {
                return;
            }
            self.threshold = self.threshold.max(Some(lowest));
            self.remove(lowest);
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_room(MAX_BYTES)
    }
}

impl From<Stored> for Memory {
    fn from(stored: Stored) -> Self {
        let mut memory = Self::with_room(stored.max_bytes);
        memory.threshold = stored.threshold;
        for lesson in stored.lessons {
            memory.learn(lesson);
        }
        memory
    }
}

impl From<Memory> for Stored {
    fn from(memory: Memory) -> Self {
        Self {
            max_bytes: memory.max_bytes,
            threshold: memory.threshold,
            lessons: memory.lessons.into_values().collect(),
        }
    }
}

fn ended_half_lives(lesson: &Lesson) -> f64 {
    lesson.ended.0 as f64 / HALF_LIFE_MS
}

fn priority(lesson: &Lesson) -> Priority {
    let uniform = (lesson.name as f64 + 1.0) / (u64::MAX as f64 + 1.0);
    let priority = (ended_half_lives(lesson) - uniform.log2()) * STEPS;
    (priority.round() as i64, lesson.name)
}

fn bytes(lesson: &Lesson) -> usize {
    size_of::<Lesson>() + TABLES_BYTES + lesson.len() * size_of::<Glimpse>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eta::{
        Stage,
        lesson::{Pace, Point},
    };
    use proptest::{collection::vec, prelude::*};

    const DAY_MS: i64 = 86_400_000;

    fn lesson(name: u64, ended_day: i64, length: u16) -> Lesson {
        let point = Point {
            lat_e7: 1,
            lng_e7: 1,
        };
        let glimpse = |after_s| Glimpse {
            after_s,
            east: 0,
            north: 0,
            motion: Pace::default(),
        };
        Lesson {
            ended: Timestamp(ended_day * DAY_MS),
            // Spread, as digests are.
            name: name.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            stage: Stage::Trip,
            began: Timestamp(0),
            from: point,
            to: point,
            planned_s: None,
            glimpses: (0..length).map(glimpse).collect(),
        }
    }

    fn memory_of(lessons: &[Lesson]) -> Memory {
        let mut memory = Memory::with_room(2_000);
        for lesson in lessons {
            memory.learn(lesson.clone());
        }
        memory
    }

    fn lessons() -> impl Strategy<Value = Vec<Lesson>> {
        vec((0_u64..40, 0_i64..200, 1_u16..20), 0..60).prop_map(|drawn| {
            let lessons = drawn.into_iter();
            // A drive ends once.
            lessons
                .map(|(name, _, length)| lesson(name, (name * 7 % 200) as i64, length))
                .collect()
        })
    }

    fn merged(one: &Memory, other: &Memory) -> Memory {
        let mut memory = one.clone();
        memory.merge(other);
        memory
    }

    proptest! {
        #[test]
        fn neither_order_nor_repeats_nor_merges_change_what_is_remembered(
            (lessons, shuffled) in lessons().prop_flat_map(|lessons| {
                let shuffled = Just(lessons.clone()).prop_shuffle();
                (Just(lessons), shuffled)
            }),
            cut in 0_usize..60, second_cut in 0_usize..60,
        ) {
            let all = memory_of(&lessons);
            prop_assert_eq!(&memory_of(&shuffled), &all);
            prop_assert_eq!(&memory_of(&[lessons.clone(), shuffled].concat()), &all);
            let cut = cut.min(lessons.len());
            let second_cut = second_cut.clamp(cut, lessons.len());
            let one = memory_of(&lessons[..cut]);
            let two = memory_of(&lessons[cut..second_cut]);
            let three = memory_of(&lessons[second_cut..]);
            prop_assert_eq!(&merged(&one, &two), &merged(&two, &one));
            prop_assert_eq!(&merged(&merged(&one, &two), &three), &all);
            prop_assert_eq!(&merged(&one, &merged(&two, &three)), &all);
            prop_assert_eq!(&merged(&all, &all), &all);
        }

        #[test]
        fn it_is_stored_whole_and_never_takes_more_room_than_it_has(lessons in lessons()) {
            let memory = memory_of(&lessons);
            prop_assert!(memory.bytes() <= 2_000);
            let bytes = postcard::to_stdvec(&memory).unwrap();
            let back: Memory = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(back, memory);
        }
    }

    #[test]
    fn the_sample_stands_for_the_weight_of_all() {
        // 20,000 drives over 56 days, of which 1 in 40 has room: the last half weighs 2/3.
        let drives: Vec<_> = (0..20_000)
            .map(|name| lesson(name, name as i64 % 56, 1))
            .collect();
        let mut memory = Memory::with_room(500 * bytes(&drives[0]));
        for drive in drives {
            memory.learn(drive);
        }
        let (mut early, mut late) = (0.0, 0.0);
        for (lesson, weight) in memory.weighted() {
            let day = lesson.ended.0 / DAY_MS;
            *(if day < 28 { &mut early } else { &mut late }) += weight;
        }
        let share = late / (early + late);
        assert!((0.6..0.73).contains(&share), "{share}");
    }

    #[test]
    fn of_a_sample_that_lacks_nothing_a_half_life_halves_the_weight() {
        let memory = memory_of(&[lesson(1, 0, 1), lesson(2, 28, 1), lesson(3, 56, 1)]);
        let mut weights: Vec<_> = memory.weighted().map(|(_, weight)| weight).collect();
        weights.sort_unstable_by(f64::total_cmp);
        assert_eq!(weights, [0.25, 0.5, 1.0]);
    }
}
