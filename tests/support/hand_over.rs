//! How long shards stood still when they went from one worker to another, worked out afterwards from
//! what was seen of a table of leases and of the cache. It measures and says; what is too long is
//! not known here.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use md5::{Digest as _, Md5};
use schemas::record::write_key;

use super::{
    leases::{Rows, Sight},
    versions::{self, Vehicle},
};

/// Why a shard goes to another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Another that had fewer has asked for it.
    Asked,
    /// Its worker has left in order.
    Left,
    /// Its worker was killed.
    Killed,
    /// Its worker was stopped for longer than its leases last.
    Frozen,
}

/// A worker that could not work, or was not to.
#[derive(Debug, Clone)]
pub(crate) struct Absence {
    pub(crate) worker: String,
    pub(crate) cause: Cause,
    pub(crate) from: Instant,
    pub(crate) until: Option<Instant>,
}

impl Absence {
    fn explains(&self, hand_over: &HandOver) -> bool {
        let (_, at) = hand_over.between;
        let is_then = self.from <= at && self.until.is_none_or(|until| at < until);
        self.worker == hand_over.from && is_then
    }
}

/// A shard that another worker has than before.
#[derive(Debug)]
pub(crate) struct HandOver {
    shard: String,
    from: String,
    /// It came to its new holder between the two.
    between: (Instant, Instant),
    /// From the last checkpoint of the one to the first of the other.
    checkpoints: Option<Duration>,
}

/// All changes of holders that were seen.
pub(crate) fn hand_overs(sights: &[Sight]) -> Vec<HandOver> {
    let mut by_shard = BTreeMap::<&str, Vec<&Sight>>::new();
    for sight in sights {
        by_shard.entry(&sight.shard).or_default().push(sight);
    }
    let of_shard = |(shard, sights): (&&str, &Vec<&Sight>)| of_shard(shard, sights);
    by_shard.iter().flat_map(of_shard).collect()
}

fn of_shard(shard: &str, sights: &[&Sight]) -> Vec<HandOver> {
    let mut found = Vec::new();
    let mut holder: Option<&String> = None;
    let mut checkpoint_at = None;
    for (at, sight) in sights.iter().enumerate() {
        if let (Some(from), Some(now)) = (holder, &sight.holder)
            && from != now
        {
            let later = &sights[at..];
            let next = later
                .windows(2)
                .find(|two| two[0].checkpoint < two[1].checkpoint);
            let next = next.map(|two| two[1].between.1);
            found.push(HandOver {
                shard: shard.to_owned(),
                from: from.clone(),
                between: sight.between,
                checkpoints: checkpoint_at
                    .zip(next)
                    .map(|(last, next): (Instant, Instant)| next - last),
            });
        }
        if at == 0 || sights[at - 1].checkpoint < sight.checkpoint {
            checkpoint_at = Some(sight.between.1);
        }
        holder = sight.holder.as_ref().or(holder);
    }
    found
}

/// When rides of each shard changed, by the ranges that the rows name.
#[derive(Debug, Default)]
pub(crate) struct Changes(BTreeMap<String, Vec<Instant>>);

impl Changes {
    /// Those that were seen of a cache.
    pub(crate) fn of(seen: &versions::Seen, rows: &Rows) -> Self {
        let mut changes = Self::default();
        for (at, vehicle) in seen.changes() {
            changes
                .0
                .entry(shard_of(vehicle, rows))
                .or_default()
                .push(at);
        }
        changes
    }

    /// The longest time without a change that touches this one.
    fn still(&self, hand_over: &HandOver) -> Option<Duration> {
        let (from, until) = hand_over.between;
        let changes = self.0.get(&hand_over.shard)?.windows(2);
        let touching = changes.filter(|two| two[0] <= until && two[1] >= from);
        touching.map(|two| two[1] - two[0]).max()
    }

    /// How long nothing changed between one change and the next, all over.
    pub(crate) fn pauses(&self) -> Durations {
        let pauses = self.0.values().flat_map(|changes| changes.windows(2));
        pauses.map(|two| two[1] - two[0]).collect()
    }
}

fn shard_of((fleet, vehicle): &Vehicle, rows: &Rows) -> String {
    let mut key = Vec::new();
    write_key(fleet.parse().unwrap(), vehicle.parse().unwrap(), &mut key);
    let hash = u128::from_be_bytes(Md5::digest(&key).into());
    let end = |row: &super::leases::Row, name: &str| {
        let number = row[name]["S"].as_str().unwrap();
        number.parse::<u128>().unwrap()
    };
    let mut rows = rows.iter();
    let its = rows
        .find(|(_, row)| (end(row, "startingHashKey")..=end(row, "endingHashKey")).contains(&hash));
    its.unwrap().0.clone()
}

/// How long shards stood still, by cause, in words.
pub(crate) fn report(
    group: &str,
    hand_overs: &[HandOver],
    absences: &[Absence],
    changes: Option<&Changes>,
) -> Vec<String> {
    let mut checkpoints = BTreeMap::<Cause, Durations>::new();
    let mut rides = BTreeMap::<Cause, Durations>::new();
    for hand_over in hand_overs {
        let absence = absences.iter().find(|absence| absence.explains(hand_over));
        let cause = absence.map_or(Cause::Asked, |absence| absence.cause);
        let of_cause = checkpoints.entry(cause).or_default();
        of_cause.0.extend(hand_over.checkpoints);
        let still = changes.and_then(|changes| changes.still(hand_over));
        rides.entry(cause).or_default().0.extend(still);
    }
    let said = |what: &str, by_cause: BTreeMap<Cause, Durations>| {
        let by_cause = by_cause.into_iter().filter(|(_, all)| !all.0.is_empty());
        let line = |(cause, all)| format!("{group}, {cause:?}: {what} stood still for {all}");
        by_cause.map(line).collect::<Vec<_>>()
    };
    [said("checkpoints", checkpoints), said("rides", rides)].concat()
}

/// Durations, said by their middle and their upper end.
#[derive(Debug, Default)]
pub(crate) struct Durations(Vec<Duration>);

impl FromIterator<Duration> for Durations {
    fn from_iter<T: IntoIterator<Item = Duration>>(all: T) -> Self {
        Self(all.into_iter().collect())
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<_> = self.0.iter().map(Duration::as_millis).collect();
        sorted.sort_unstable();
        let Some(last) = sorted.len().checked_sub(1) else {
            return f.write_str("none");
        };
        let part = |percent: usize| sorted[(last * percent).div_ceil(100)];
        let (median, p99) = (part(50), part(99));
        write!(
            f,
            "{} times, median {median} ms, p99 {p99} ms",
            sorted.len()
        )?;
        if sorted.len() <= 20 {
            write!(f, " {sorted:?}")?;
        }
        Ok(())
    }
}
