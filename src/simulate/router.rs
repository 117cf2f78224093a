//! The fastest way between two junctions, by A* (Hart, Nilsson, Raphael 1968).

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use super::town::{Junction, Street, StreetIndex, TOP_SPEED_MPS, Town};

/// What a junction costs on the way: waiting and turning, in ms.
const JUNCTION_MS: u32 = 3_000;

/// Finds ways. Keeps its working memory from one search to the next.
#[derive(Debug)]
pub(super) struct Router {
    /// The search in which a junction was last seen; older entries count as empty.
    seen_in: Vec<u32>,
    search: u32,
    cost_ms: Vec<u32>,
    came_by: Vec<StreetIndex>,
    open: BinaryHeap<(Reverse<u32>, Junction)>,
}

impl Router {
    pub(super) fn new(town: &Town) -> Self {
        let junctions = town.junctions();
        Self {
            seen_in: vec![0; junctions],
            search: 0,
            cost_ms: vec![0; junctions],
            came_by: vec![StreetIndex::default(); junctions],
            open: BinaryHeap::new(),
        }
    }

    /// The streets from `start` to `goal` in their order; none if that is where one is.
    pub(super) fn find(
        &mut self,
        town: &Town,
        start: Junction,
        goal: Junction,
    ) -> Vec<StreetIndex> {
        self.search += 1;
        self.open.clear();
        self.reach(start, 0, StreetIndex::default());
        self.open.push((Reverse(0), start));
        let aim = town.point(goal);
        while let Some((Reverse(bound), here)) = self.open.pop() {
            if here == goal {
                return self.way_back(town, start, goal);
            }
            let at_ms = self.cost_ms[here.0 as usize];
            // A longer way that a shorter one has overtaken since.
            if bound > at_ms + least_ms(town.point(here).distance(aim)) {
                continue;
            }
            for (index, street) in town.streets_from(here) {
                let cost_ms = at_ms + street_ms(street);
                let next = street.to.0 as usize;
                if self.seen_in[next] == self.search && self.cost_ms[next] <= cost_ms {
                    continue;
                }
                self.reach(street.to, cost_ms, index);
                let bound = cost_ms + least_ms(town.point(street.to).distance(aim));
                self.open.push((Reverse(bound), street.to));
            }
        }
        Vec::new()
    }

    fn reach(&mut self, junction: Junction, cost_ms: u32, by: StreetIndex) {
        let at = junction.0 as usize;
        self.seen_in[at] = self.search;
        self.cost_ms[at] = cost_ms;
        self.came_by[at] = by;
    }

    fn way_back(&self, town: &Town, start: Junction, goal: Junction) -> Vec<StreetIndex> {
        let mut way = Vec::new();
        let mut here = goal;
        while here != start {
            let street = self.came_by[here.0 as usize];
            way.push(street);
            here = town.street(street).from;
        }
        way.reverse();
        way
    }
}

/// How long a way takes by plan, in whole seconds: one at least.
pub(super) fn duration(way: &[StreetIndex], town: &Town) -> Duration {
    let streets_ms = way.iter().map(|street| street_ms(town.street(*street)));
    let seconds = streets_ms.sum::<u32>().div_ceil(1_000);
    Duration::from_secs(seconds.max(1).into())
}

fn street_ms(street: &Street) -> u32 {
    let travel_ms = (street.length / street.class.speed_mps() * 1e3) as u32;
    travel_ms + JUNCTION_MS
}

/// No way is faster than this: straight, at the top speed.
fn least_ms(meters: f64) -> u32 {
    (meters / TOP_SPEED_MPS * 1e3) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn a_way_leads_from_start_to_goal_without_a_break() {
        let town = Town::new(1);
        let (mut router, mut dice) = (Router::new(&town), Dice::new(1, 1));
        for _ in 0..50 {
            let (start, goal) = (town.any_junction(&mut dice), town.any_junction(&mut dice));
            let mut here = start;
            for street in router.find(&town, start, goal) {
                assert_eq!(town.street(street).from, here);
                here = town.street(street).to;
            }
            assert_eq!(here, goal);
        }
    }

    #[test]
    fn no_detour_over_a_third_junction_is_faster() {
        let town = Town::new(2);
        let (mut router, mut dice) = (Router::new(&town), Dice::new(2, 2));
        let mut seconds = |start, goal| -> f64 {
            let way = router.find(&town, start, goal);
            let street_seconds = |index: &StreetIndex| {
                let street = town.street(*index);
                street.length / street.class.speed_mps() + f64::from(JUNCTION_MS) / 1e3
            };
            way.iter().map(street_seconds).sum()
        };
        for _ in 0..30 {
            let [start, via, goal] = [(); 3].map(|()| town.any_junction(&mut dice));
            let direct = seconds(start, goal);
            // Costs are whole milliseconds, so each street may be a millisecond off.
            assert!(direct <= seconds(start, via) + seconds(via, goal) + 0.2);
        }
    }
}
