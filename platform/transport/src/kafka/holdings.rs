//! Which partitions a member of a group has, which of them a reader holds, and what that reader is
//! to be told. The group decides who has which; how it does so, and what lies in a partition, is not
//! known here.

use std::collections::BTreeMap;

/// A reader's time with a partition; each has a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tenure {
    pub(super) partition: i32,
    number: u64,
}

/// The partitions of one member.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    partitions: BTreeMap<i32, Partition>,
    /// How many tenures there were.
    tenures: u64,
    /// Whether nobody takes partitions any more.
    is_left: bool,
}

#[derive(Debug, Default)]
struct Partition {
    share: Share,
    holder: Option<Holder>,
}

/// Whether a partition is this member's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Share {
    #[default]
    Others,
    Ours,
    /// Another is to have it, and waits.
    Revoked,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    number: u64,
    /// Whether the member lost the partition in this holder's hands.
    has_lost: bool,
}

impl Holdings {
    /// The member has these now.
    pub(super) fn assign(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.partitions.entry(*partition).or_default().share = Share::Ours;
        }
    }

    /// Hands out a partition that nobody holds.
    pub(super) fn claim(&mut self) -> Option<Tenure> {
        let free =
            |partition: &Partition| partition.share == Share::Ours && partition.holder.is_none();
        let mut all = self.partitions.iter_mut();
        let (&partition, found) = all.find(|(_, partition)| free(partition))?;
        self.tenures += 1;
        let number = self.tenures;
        found.holder = Some(Holder {
            number,
            has_lost: false,
        });
        Some(Tenure { partition, number })
    }

    /// Another is to have these: whoever holds one is to give it back.
    pub(super) fn revoke(&mut self, partitions: &[i32]) {
        for partition in partitions {
            if let Some(partition) = self.partitions.get_mut(partition) {
                partition.share = Share::Revoked;
            }
        }
    }

    /// Whether somebody holds one of those revoked.
    pub(super) fn is_waited_for(&self) -> bool {
        let waits = |partition: &Partition| {
            let holder = partition.holder.as_ref();
            partition.share == Share::Revoked && holder.is_some_and(|holder| !holder.has_lost)
        };
        self.partitions.values().any(waits)
    }

    /// The member has these no more, whoever holds them.
    pub(super) fn lose(&mut self, partitions: &[i32]) {
        for partition in partitions {
            if let Some(partition) = self.partitions.get_mut(partition) {
                partition.share = Share::Others;
                if let Some(holder) = &mut partition.holder {
                    holder.has_lost = true;
                }
            }
        }
        self.forget();
    }

    /// The member has none any more.
    pub(super) fn lose_all(&mut self) {
        let all: Vec<_> = self.partitions.keys().copied().collect();
        self.lose(&all);
    }

    /// A reader has dropped its partition.
    pub(super) fn release(&mut self, tenure: Tenure) {
        if let Some(partition) = self.partitions.get_mut(&tenure.partition) {
            let holder = partition.holder;
            partition.holder = holder.filter(|holder| holder.number != tenure.number);
        }
        self.forget();
    }

    /// Whether another is to have a reader's partition, or has it.
    pub(super) fn is_revoked(&self, tenure: Tenure) -> bool {
        let partition = self.partitions.get(&tenure.partition);
        partition.is_none_or(|partition| {
            let holder = partition
                .holder
                .filter(|holder| holder.number == tenure.number);
            partition.share == Share::Revoked || holder.is_none_or(|holder| holder.has_lost)
        })
    }

    /// Nobody takes partitions any more.
    pub(super) fn leave(&mut self) {
        self.is_left = true;
    }

    /// Whether the member may leave its group: nobody takes partitions, and nobody holds one.
    pub(super) fn may_leave(&self) -> bool {
        let mut all = self.partitions.values();
        self.is_left && all.all(|partition| partition.holder.is_none())
    }

    fn forget(&mut self) {
        let is_known =
            |partition: &Partition| partition.share != Share::Others || partition.holder.is_some();
        self.partitions.retain(|_, partition| is_known(partition));
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_partition_is_handed_out_once_and_again_when_it_was_dropped() {
        let mut holdings = Holdings::default();
        holdings.assign(&[3]);
        let first = holdings.claim().unwrap();
        assert_eq!(holdings.claim(), None);
        holdings.release(first);
        let second = holdings.claim().unwrap();
        assert!(second.partition == 3 && second != first);
        holdings.release(first);
        assert_eq!(
            holdings.claim(),
            None,
            "a drop that comes late is another's"
        );
    }

    #[test]
    fn what_is_revoked_is_waited_for_until_it_is_dropped() {
        let mut holdings = Holdings::default();
        holdings.assign(&[0, 1]);
        let tenures = [holdings.claim().unwrap(), holdings.claim().unwrap()];
        holdings.revoke(&[1]);
        assert_eq!(
            tenures.map(|tenure| holdings.is_revoked(tenure)),
            [false, true]
        );
        assert!(holdings.is_waited_for());
        holdings.release(tenures[1]);
        assert!(!holdings.is_waited_for());
        assert_eq!(holdings.claim(), None, "it is another's soon");
    }

    #[test]
    fn what_is_lost_and_comes_again_waits_for_its_former_holder() {
        let mut holdings = Holdings::default();
        holdings.assign(&[0]);
        let first = holdings.claim().unwrap();
        holdings.lose(&[0]);
        holdings.assign(&[0]);
        assert!(holdings.is_revoked(first));
        assert_eq!(holdings.claim(), None);
        holdings.revoke(&[0]);
        assert!(
            !holdings.is_waited_for(),
            "who has lost it keeps nobody waiting"
        );
        holdings.assign(&[0]);
        holdings.release(first);
        assert!(holdings.claim().is_some());
    }

    #[test]
    fn a_member_leaves_when_nobody_holds_anything_of_it() {
        let mut holdings = Holdings::default();
        holdings.assign(&[0, 1]);
        let tenure = holdings.claim().unwrap();
        holdings.leave();
        assert!(!holdings.may_leave());
        holdings.release(tenure);
        assert!(holdings.may_leave());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Assign(Vec<i32>),
        Revoke(Vec<i32>),
        Lose(Vec<i32>),
        Claim,
        Release(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        let some = || vec(0..4_i32, 0..4);
        prop_oneof![
            some().prop_map(Step::Assign),
            some().prop_map(Step::Revoke),
            some().prop_map(Step::Lose),
            Just(Step::Claim),
            any::<prop::sample::Index>().prop_map(Step::Release),
        ]
    }

    proptest! {
        #[test]
        fn a_partition_has_one_holder_at_a_time_and_only_while_it_is_ours(
            steps in vec(step(), 0..60),
        ) {
            let mut holdings = Holdings::default();
            let mut ours = std::collections::BTreeSet::new();
            let mut held: Vec<Tenure> = Vec::new();
            for step in steps {
                match step {
                    Step::Assign(some) => {
                        holdings.assign(&some);
                        ours.extend(some);
                    }
                    Step::Revoke(some) => {
                        holdings.revoke(&some);
                        ours.retain(|one| !some.contains(one));
                    }
                    Step::Lose(some) => {
                        holdings.lose(&some);
                        ours.retain(|one| !some.contains(one));
                    }
                    Step::Claim => {
                        let is_held = |one: &&i32| held.iter().any(|held| held.partition == **one);
                        let expected = ours.iter().find(|one| !is_held(one)).copied();
                        let claimed = holdings.claim();
                        prop_assert_eq!(claimed.map(|tenure| tenure.partition), expected);
                        held.extend(claimed);
                    }
                    Step::Release(index) => if !held.is_empty() {
                        holdings.release(held.swap_remove(index.index(held.len())));
                    }
                }
                for tenure in &held {
                    if !ours.contains(&tenure.partition) {
                        prop_assert!(holdings.is_revoked(*tenure));
                    }
                }
            }
            holdings.lose_all();
            for tenure in held {
                prop_assert!(holdings.is_revoked(tenure));
                holdings.release(tenure);
            }
            prop_assert!(holdings.partitions.is_empty(), "nothing is kept of the past");
        }
    }
}
