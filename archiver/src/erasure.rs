//! Erasure: the rows of a driver or of a ride are rewritten without them, but for those that are held by
//! law. An hour's list changes as in a compaction, so that queries see each other row once at every
//! moment; what was replaced is deleted at once. A chain keeps what was asked and done, without the id.
//!
//! Of a driver the id goes, in every row of every table. Of a ride every row that names it goes, and
//! every ping of its vehicle during the ride that names none. Pings go first: the events and the trip
//! tell when the ride was, also to who begins again.

mod drives;
mod hold;
mod journal;
mod letters;
mod rows;
mod subject;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anyhow::{bail, ensure};
use objects::{Chain, Key, Objects, Put};
use schemas::{Ping, RideEvent, Timestamp, Trip};
use service::Shutdown;
use tracing::warn;

pub(crate) use hold::Hold;
pub(crate) use journal::ErasureCounts;
pub(crate) use subject::Subject;

use crate::{
    books::Books,
    commit::{File, to_bytes},
    hours::Hours,
    layout::{Partition, Table},
    lists::{Lists, Replaced, Standing, Why},
    moment,
    reading::Glance,
    rewriting::{Place, Rewritten, rewrite},
    storage::persist,
    sweep::Sweep,
};
use journal::{CHAIN, Entry, HeldEntry, LEAST_KEY_BYTES, keyed_hash};
use rows::{Erasable as _, IdColumns, columns};
use subject::{Party, Sought};

/// An hour that others change meanwhile is begun again so often.
const MAX_TRIES: usize = 8;

/// What is to be erased.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) subject: Subject,
    /// Why: it is kept, and must not name anybody.
    pub(crate) reason: String,
    pub(crate) holds: Vec<Hold>,
    /// The key of the hash that stands for ids in what is kept.
    pub(crate) key: Vec<u8>,
    /// How long what was replaced stays, for queries that are under way.
    pub(crate) grace: Duration,
    /// The time of day, Unix ms UTC.
    pub(crate) now_ms: i64,
}

/// An erasure under way.
struct Erasure {
    books: Books,
    lists: Lists,
    grace: Duration,
    now_ms: i64,
    sought: Sought,
    /// The number of its link.
    n: u64,
    counts: ErasureCounts,
    replaced: Vec<(String, u64)>,
    failures: Vec<String>,
}

/// What an hour had of them.
enum Found {
    /// Rows that were theirs: look again.
    Theirs,
    /// Nothing but so many rows that are held.
    Held(u64),
}

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erased {
    pub(crate) counts: ErasureCounts,
    /// Hours that could not be read or written, and so may have rows of theirs.
    pub(crate) failures: Vec<String>,
}

/// Erases what is asked. May be done again, after a kill or for rows that came late.
///
/// # Errors
/// A request that makes no sense, and what keeps it from erasing.
pub(crate) async fn erase(
    request: &Request,
    objects: Arc<dyn Objects>,
    stop: &Shutdown,
) -> anyhow::Result<Erased> {
    ensure!(
        request.key.len() >= LEAST_KEY_BYTES,
        "the key has less than {LEAST_KEY_BYTES} bytes"
    );
    ensure!(
        !request.reason.contains(request.subject.id()),
        "the reason is kept, and must not have the id in it"
    );
    let party = |subject| Party {
        subject,
        drives: Vec::new(),
    };
    let now = Timestamp(request.now_ms);
    let holds = request.holds.iter().filter(|hold| hold.is_in_force(now));
    let holds: Vec<&Hold> = holds.collect();
    let mut erasure = Erasure {
        lists: Lists::new(Arc::clone(&objects), stop.clone()),
        books: Books::new(objects, stop.clone()),
        grace: request.grace,
        now_ms: request.now_ms,
        sought: Sought {
            party: party(request.subject),
            held: holds.iter().map(|hold| party(hold.subject)).collect(),
        },
        n: 0,
        counts: ErasureCounts::default(),
        replaced: Vec::new(),
        failures: Vec::new(),
    };
    let held = holds.iter().map(|hold| HeldEntry::new(&request.key, hold));
    let begun = Entry::Begun {
        n: 0,
        at: moment::rfc3339(now),
        kind: request.subject.kind().to_owned(),
        subject: keyed_hash(&request.key, &request.subject)?,
        reason: request.reason.clone(),
        holds: held.collect::<anyhow::Result<_>>()?,
    };
    erasure.n = erasure.write(begun).await?;
    erasure.run(stop).await?;
    let Erasure {
        counts, failures, ..
    } = erasure;
    Ok(Erased { counts, failures })
}

impl Erasure {
    async fn run(&mut self, stop: &Shutdown) -> anyhow::Result<()> {
        self.find_drives().await?;
        for table in [Table::Pings, Table::RideEvents, Table::Trips] {
            let (objects, drain) = (
                Arc::clone(&self.books.storage.objects),
                self.books.storage.drain.clone(),
            );
            let mut hours = Hours::new(&*objects, &drain, table, (None, None))?;
            while let Some((partition, there)) = hours.next().await? {
                ensure!(!stop.is_requested(), "stopped before the end: run it again");
                if let Err(error) = self.erase_hour(partition, &there).await {
                    warn!(%partition, error = format!("{error:#}"), "left as it is");
                    self.failures.push(format!("{partition}: {error:#}"));
                }
            }
            // Of a ride whose pings are not gone, the events still tell when it was.
            if !self.failures.is_empty() {
                break;
            }
        }
        self.count_dead_letters().await?;
        if self.failures.is_empty() {
            let done = Entry::Done {
                n: 0,
                at: moment::rfc3339(Timestamp(self.now_ms)),
                of: self.n,
                counts: self.counts,
                replaced: self.replaced.clone(),
            };
            self.write(done).await?;
        }
        Ok(())
    }

    /// Puts the next link of the chain; says its number.
    async fn write(&self, entry: Entry) -> anyhow::Result<u64> {
        let (objects, drain) = (&self.books.storage.objects, &self.books.storage.drain);
        let chain = Chain::new(Arc::clone(objects), CHAIN);
        let mut entry = entry;
        for _ in 0..MAX_TRIES {
            let last = persist(drain, || chain.last_number()).await?;
            let next = last.unwrap_or_default() + 1;
            match &mut entry {
                Entry::Begun { n, .. } | Entry::Done { n, .. } => *n = next,
            }
            let bytes = to_bytes(&entry)?;
            let put = persist(drain, || chain.put(next, bytes.clone())).await?;
            // An own put may have happened whose answer was lost.
            if put == Put::Created || persist(drain, || chain.get(next)).await? == Some(bytes) {
                return Ok(next);
            }
        }
        bail!("others write to {CHAIN} all the time")
    }

    /// Erases what an hour has of them, and deletes the files that had it.
    async fn erase_hour(&mut self, partition: Partition, there: &[Key]) -> anyhow::Result<()> {
        let mut is_found = false;
        for tries in 0.. {
            ensure!(tries < MAX_TRIES, "others change it all the time");
            self.lists.settle(partition).await?;
            let standing = self.lists.standing(partition).await?;
            match self.erase_once(partition, &standing).await {
                Ok(Found::Theirs) => is_found = true,
                Ok(Found::Held(held)) => {
                    self.counts.held += held;
                    break;
                }
                Err(error) => {
                    // Another may have replaced the files, and deleted them, while they were read.
                    let now = self.lists.standing(partition).await?;
                    if now.records.len() == standing.records.len() {
                        return Err(error);
                    }
                }
            }
        }
        if is_found || self.is_left_behind(partition, there).await? {
            let sweep = Sweep {
                books: &self.books,
                lists: &self.lists,
                grace: self.grace,
                now_ms: self.now_ms,
            };
            self.counts.deleted += sweep.hour(partition).await?;
        }
        Ok(())
    }

    /// Erases what the files have of them that are part of the table by now.
    async fn erase_once(
        &mut self,
        partition: Partition,
        standing: &Standing,
    ) -> anyhow::Result<Found> {
        let mut theirs = Vec::new();
        let mut held = 0;
        for uri in standing.list.uris() {
            let key = self.lists.key(partition, uri)?;
            let file = self.books.file(&key, &standing.records).await?;
            let (rows, held_rows) = self.search(&file).await?;
            held += held_rows;
            if rows > 0 {
                theirs.push(file);
            }
        }
        if theirs.is_empty() {
            return Ok(Found::Held(held));
        }
        self.replace(partition, theirs, standing).await?;
        Ok(Found::Theirs)
    }

    /// Counts the rows of a file that are theirs, and those that are held.
    async fn search(&self, file: &File) -> anyhow::Result<(u64, u64)> {
        let party = &self.sought.party;
        let mut wanted = vec![match party.subject {
            Subject::Driver(..) => ("driver_id", party.subject.id()),
            Subject::Ride(..) => ("ride_id", party.subject.id()),
        }];
        let is_then = |from: Timestamp, to: Timestamp| from.0 <= file.max_ms && file.min_ms <= to.0;
        let drives = party
            .drives
            .iter()
            .filter(|drive| is_then(drive.from, drive.to));
        if file.table == Table::Pings {
            wanted.extend(drives.map(|drive| ("vehicle_id", drive.vehicle.as_str())));
        }
        let (mut theirs, mut held) = (0, 0);
        let glance = Glance::at(&self.books.storage, file).await?;
        let count = |batch: &_| {
            let (more, more_held) = IdColumns::of(file.table, batch)?.count(&self.sought)?;
            theirs += more;
            held += more_held;
            Ok(())
        };
        glance.search(&wanted, &columns(file.table), count).await?;
        Ok((theirs, held))
    }

    /// Puts files without them in place of those that have them, if nobody else came first.
    async fn replace(
        &mut self,
        partition: Partition,
        inputs: Vec<File>,
        standing: &Standing,
    ) -> anyhow::Result<()> {
        for file in &inputs {
            self.books.compare(file).await?;
        }
        let place = Place {
            storage: self.books.storage.clone(),
            partition,
            n: standing.records.len() as u64 + 1,
            // A hash of who is erased would tell who it was.
            digest: rand::random(),
        };
        let sought = &self.sought;
        let Rewritten { outputs, counts } = match partition.table {
            Table::Pings => rewrite(&place, &inputs, |row: Ping| row.judge(sought)).await?,
            Table::RideEvents => {
                rewrite(&place, &inputs, |row: RideEvent| row.judge(sought)).await?
            }
            Table::Trips => rewrite(&place, &inputs, |row: Trip| row.judge(sought)).await?,
        };
        let record = Replaced {
            partition: partition.to_string(),
            n: place.n,
            why: Why::Erasure,
            erasure: Some(self.n),
            inputs,
            outputs,
            counts,
        };
        if self.lists.record(partition, &record).await? == Put::Exists {
            return Ok(());
        }
        self.lists.settle(partition).await?;
        self.counts.files += record.inputs.len() as u64;
        self.counts.erased += record.counts.erased;
        self.counts.altered += record.counts.altered;
        self.replaced.push((record.partition, record.n));
        Ok(())
    }

    /// Whether a file lies there that is not part of the table any more and has rows of theirs.
    async fn is_left_behind(&self, partition: Partition, there: &[Key]) -> anyhow::Result<bool> {
        let Standing { list, records } = self.lists.standing(partition).await?;
        let is_unlisted = |key: &&Key| !list.has(&self.books.storage.objects.uri(key));
        for key in there.iter().filter(is_unlisted) {
            let mut replaced = records.iter().flat_map(|record| &record.inputs);
            let file = replaced.find(|file| file.object.key == key.as_str());
            let Some(file) = file else { continue };
            if self.search(file).await?.0 > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
