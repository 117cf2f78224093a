//! Which member of a group is to have which shard: evenly, with as few moves as that takes.
//! It decides and remembers; waiting and telling is its parent's.

use std::collections::BTreeMap;

/// One member of a group, as long as this process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(u64);

/// The shards of one group: who is to have each, and who has it still.
#[derive(Debug)]
pub(crate) struct Assignment {
    members: Vec<MemberId>,
    joined: u64,
    shards: Vec<ShardState>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ShardState {
    intended: Option<MemberId>,
    held: Option<MemberId>,
}

impl Assignment {
    /// Shards without members.
    pub(crate) fn new(shards: u32) -> Self {
        let shards = vec![ShardState::default(); shards as usize];
        Self {
            members: Vec::new(),
            joined: 0,
            shards,
        }
    }

    /// One more member takes part.
    pub(crate) fn join(&mut self) -> MemberId {
        let member = MemberId(self.joined);
        self.joined += 1;
        self.members.push(member);
        self.balance();
        member
    }

    /// The member takes part no more. What it holds it keeps until it releases it.
    pub(crate) fn leave(&mut self, member: MemberId) {
        self.members.retain(|other| *other != member);
        self.balance();
    }

    /// Hands out a shard that is the member's to have and that nobody holds, if there is one.
    pub(crate) fn claim(&mut self, member: MemberId) -> Option<u32> {
        let free = |state: &ShardState| state.intended == Some(member) && state.held.is_none();
        let shard = self.shards.iter().position(free)?;
        self.shards[shard].held = Some(member);
        Some(shard as u32)
    }

    /// The holder dropped the shard.
    pub(crate) fn release(&mut self, shard: u32) {
        self.shards[shard as usize].held = None;
    }

    /// Whether another than its holder is to have the shard.
    pub(crate) fn is_revoked(&self, shard: u32) -> bool {
        let ShardState { intended, held } = self.shards[shard as usize];
        held.is_some() && intended.is_some() && intended != held
    }

    /// Sets who is to have each shard: shares differ by at most one, and nobody gives away a
    /// shard who has no more than its share.
    fn balance(&mut self) {
        let mut quotas = self.quotas();
        // Whom a shard stays with. Those held are looked at first: to move them costs a hand-over.
        let mut order: Vec<usize> = (0..self.shards.len()).collect();
        order.sort_by_key(|shard| self.shards[*shard].held != self.shards[*shard].intended);
        let mut homeless = Vec::new();
        for shard in order {
            match self.shards[shard]
                .intended
                .and_then(|member| quotas.get_mut(&member))
            {
                Some(quota) if *quota > 0 => *quota -= 1,
                _ => homeless.push(shard),
            }
        }
        // A shard that was on its way to another comes back to its holder first.
        homeless.retain(|shard| {
            let state = &mut self.shards[*shard];
            match state.held.and_then(|member| quotas.get_mut(&member)) {
                Some(quota) if *quota > 0 => {
                    *quota -= 1;
                    state.intended = state.held;
                    false
                }
                _ => true,
            }
        });
        let mut places = quotas
            .iter()
            .flat_map(|(member, quota)| std::iter::repeat_n(*member, *quota));
        for shard in homeless {
            self.shards[shard].intended = places.next();
        }
    }

    /// How many shards each member is to have: the greater shares go to those who have most.
    fn quotas(&self) -> BTreeMap<MemberId, usize> {
        if self.members.is_empty() {
            return BTreeMap::new();
        }
        let base = self.shards.len() / self.members.len();
        let extra = self.shards.len() % self.members.len();
        let count = |member: &MemberId| {
            self.shards
                .iter()
                .filter(|state| state.intended == Some(*member))
                .count()
        };
        let mut members = self.members.clone();
        members.sort_by_key(|member| std::cmp::Reverse(count(member)));
        let share = |rank| base + usize::from(rank < extra);
        members
            .into_iter()
            .enumerate()
            .map(|(rank, member)| (member, share(rank)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Join,
        Leave(prop::sample::Index),
        Claim(prop::sample::Index),
        Release(prop::sample::Index),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            Just(Step::Join),
            any::<prop::sample::Index>().prop_map(Step::Leave),
            any::<prop::sample::Index>().prop_map(Step::Claim),
            any::<prop::sample::Index>().prop_map(Step::Release),
        ];
        proptest::collection::vec(step, 1..60)
    }

    fn intended(assignment: &Assignment) -> Vec<Option<MemberId>> {
        assignment
            .shards
            .iter()
            .map(|state| state.intended)
            .collect()
    }

    fn counts(assignment: &Assignment) -> Vec<usize> {
        let count = |member: &MemberId| {
            intended(assignment)
                .iter()
                .filter(|intended| **intended == Some(*member))
                .count()
        };
        assignment.members.iter().map(count).collect()
    }

    /// The least number of shards that must change hands to get from `before` to even shares.
    fn least_moves(before: &[Option<MemberId>], assignment: &Assignment) -> usize {
        let (shards, members) = (before.len(), assignment.members.len());
        let mut had: Vec<usize> = assignment
            .members
            .iter()
            .map(|member| {
                before
                    .iter()
                    .filter(|owner| **owner == Some(*member))
                    .count()
            })
            .collect();
        had.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        let share = |rank: usize| shards / members + usize::from(rank < shards % members);
        let kept: usize = had
            .iter()
            .enumerate()
            .map(|(rank, had)| share(rank).min(*had))
            .sum();
        shards - kept
    }

    proptest! {
        #[test]
        fn shares_are_even_moves_are_fewest_and_a_held_shard_is_never_handed_out(
            shards in 1_u32..20, steps in steps(),
        ) {
            let mut assignment = Assignment::new(shards);
            for step in steps {
                let before = intended(&assignment);
                let members = assignment.members.clone();
                match step {
                    Step::Join => {
                        assignment.join();
                    }
                    Step::Leave(index) if !members.is_empty() => {
                        assignment.leave(*index.get(&members));
                    }
                    Step::Claim(index) if !members.is_empty() => {
                        let held: Vec<_> =
                            assignment.shards.iter().map(|state| state.held).collect();
                        if let Some(shard) = assignment.claim(*index.get(&members)) {
                            prop_assert_eq!(held[shard as usize], None);
                        }
                    }
                    Step::Release(index) => {
                        assignment.release(index.index(shards as usize) as u32);
                    }
                    Step::Leave(_) | Step::Claim(_) => {}
                }
                if assignment.members.is_empty() {
                    continue;
                }
                let counts = counts(&assignment);
                let (most, least) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
                prop_assert!(most - least <= 1);
                prop_assert_eq!(counts.iter().sum::<usize>(), shards as usize);
                let now = intended(&assignment);
                let moves = now.iter().zip(&before).filter(|(now, before)| now != before).count();
                prop_assert_eq!(moves, least_moves(&before, &assignment));
            }
        }
    }

    #[test]
    fn a_shard_is_handed_on_only_after_its_holder_released_it() {
        let mut assignment = Assignment::new(1);
        let first = assignment.join();
        assert_eq!(assignment.claim(first), Some(0));
        assignment.leave(first);
        assert!(!assignment.is_revoked(0));
        let second = assignment.join();
        assert!(assignment.is_revoked(0));
        assert_eq!(assignment.claim(second), None);
        assignment.release(0);
        assert_eq!(assignment.claim(second), Some(0));
        assert!(!assignment.is_revoked(0));
    }
}
