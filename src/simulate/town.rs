//! A synthetic town: streets between junctions, drawn from a seed. No map of a real town is in it.
//! How one drives through it is `drive`'s and `router`'s.

mod layout;

use super::plane::Point;
use crate::dice::Dice;

/// A junction of the town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Junction(pub u32);

/// One direction of a street between two neighbouring junctions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StreetIndex(u32);

/// How fast a street is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreetClass {
    /// A few that cross the town.
    Expressway,
    /// Every sixth or so, and the diagonal.
    Arterial,
    /// All others.
    Residential,
}

/// The highest speed of all classes, for bounds of travel times.
pub(super) const TOP_SPEED_MPS: f64 = 20.0;

impl StreetClass {
    /// What traffic does where nothing is in its way, in m/s.
    pub(super) fn speed_mps(self) -> f64 {
        match self {
            Self::Expressway => TOP_SPEED_MPS,
            Self::Arterial => 14.0,
            Self::Residential => 9.5,
        }
    }
}

/// One direction of a street, straight from junction to junction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Street {
    pub from: Junction,
    pub to: Junction,
    pub class: StreetClass,
    /// In metres.
    pub length: f64,
    /// The unit vector of travel.
    pub east: f64,
    pub north: f64,
    /// The direction of travel in 1/100 degree clockwise from north.
    pub heading_cdeg: u32,
}

/// The town: every junction can be reached from every other.
#[derive(Debug)]
pub(super) struct Town {
    points: Vec<Point>,
    streets: Vec<Street>,
    /// For each junction where its outgoing streets begin in `streets`; one more at the end.
    first_street: Vec<u32>,
    /// Junctions with streets, from west to east.
    inhabited: Vec<Junction>,
}

impl Town {
    /// The town of a seed.
    pub(super) fn new(seed: u64) -> Self {
        layout::build(seed)
    }

    pub(super) fn point(&self, junction: Junction) -> Point {
        self.points[junction.0 as usize]
    }

    pub(super) fn street(&self, index: StreetIndex) -> &Street {
        &self.streets[index.0 as usize]
    }

    /// The streets that leave a junction.
    pub(super) fn streets_from(
        &self,
        junction: Junction,
    ) -> impl ExactSizeIterator<Item = (StreetIndex, &Street)> + Clone {
        let at = junction.0 as usize;
        let (first, end) = (self.first_street[at], self.first_street[at + 1]);
        (first..end)
            .map(StreetIndex)
            .zip(&self.streets[first as usize..end as usize])
    }

    /// Counts junctions, also those that no street reaches.
    pub(super) fn junctions(&self) -> usize {
        self.points.len()
    }

    /// Any junction with streets.
    pub(super) fn any_junction(&self, dice: &mut Dice) -> Junction {
        self.inhabited[dice.below(self.inhabited.len())]
    }

    /// Any street.
    pub(super) fn any_street(&self, dice: &mut Dice) -> StreetIndex {
        StreetIndex(dice.below(self.streets.len()) as u32)
    }

    /// A junction about so many metres away; if the town is too small for that, any.
    pub(super) fn junction_near(
        &self,
        point: Point,
        meters: std::ops::Range<f64>,
        dice: &mut Dice,
    ) -> Junction {
        /// In a town of 10 km and more one of so many draws all but always falls inside the ring.
        const DRAWS: usize = 40;
        for _ in 0..DRAWS {
            let candidate = self.any_junction(dice);
            if meters.contains(&self.point(candidate).distance(point)) {
                return candidate;
            }
        }
        self.any_junction(dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Most of the town is one: from any junction a cab gets to any other.
    fn check(seed: u64) {
        let town = Town::new(seed);
        let count = town.inhabited.len();
        assert!(count > 2_000, "seed {seed}: {count} junctions");
        let mut reached = vec![false; town.junctions()];
        let mut todo = vec![town.inhabited[0]];
        while let Some(junction) = todo.pop() {
            if !std::mem::replace(&mut reached[junction.0 as usize], true) {
                todo.extend(town.streets_from(junction).map(|(_, street)| street.to));
            }
        }
        for junction in &town.inhabited {
            assert!(reached[junction.0 as usize], "seed {seed}: {junction:?}");
        }
    }

    #[test]
    fn a_town_whose_middle_lies_apart_is_as_large_as_any() {
        for seed in [1_131, 1_637, 2_360] {
            check(seed);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn every_seed_is_a_town(seed: u64) {
            check(seed);
        }
    }

    #[test]
    fn a_seed_is_a_town() {
        let (one, same, other) = (Town::new(1), Town::new(1), Town::new(2));
        assert_eq!(one.points, same.points);
        assert_eq!(one.first_street, same.first_street);
        assert_ne!(one.points, other.points);
    }

    #[test]
    fn every_junction_with_streets_can_be_left() {
        let town = Town::new(3);
        assert!(town.inhabited.len() > 2_000, "{}", town.inhabited.len());
        for junction in &town.inhabited {
            assert!(town.streets_from(*junction).len() > 0);
        }
        for street in &town.streets {
            assert!(town.streets_from(street.to).len() > 0);
            assert!((60.0..600.0).contains(&street.length), "{}", street.length);
        }
    }

    #[test]
    fn every_class_of_street_exists() {
        let town = Town::new(4);
        for class in [
            StreetClass::Expressway,
            StreetClass::Arterial,
            StreetClass::Residential,
        ] {
            assert!(
                town.streets.iter().any(|street| street.class == class),
                "{class:?}"
            );
        }
    }
}
