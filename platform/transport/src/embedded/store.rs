//! The log's file: what is read from it, and what one commit changes.
//! When to commit, and what may be deleted, is the writer's to decide.

use std::{
    fs::{self, File},
    io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

pub(crate) use super::tables::StoreError;
use super::tables::{BLOCKS, CHECKPOINTS, LAYOUT, SETTINGS, SHARDS};
use crate::{
    StreamError,
    block::{Block, BlockHead},
    gather::{Found, Gather},
    progress::{Checkpoint, Progress},
};

/// The file in the log's directory.
pub(super) const FILE: &str = "stream.redb";

/// Shards of a log whose URL does not say when it is made.
const DEFAULT_SHARDS: u32 = 1;

/// What the storage crate may keep in memory: the tree's inner pages and what a reader that is
/// behind reads next. Readers that follow the end do not need it.
const CACHE_BYTES: usize = 32 << 20;

/// The file, open but between a failure and the writer's next attempt.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    open: OpenDatabase,
    database: RwLock<Option<Database>>,
}

/// Opens the file, or makes it. Tests put one that fails in its place.
pub(crate) type OpenDatabase = fn(&Path) -> Result<Database, StoreError>;

/// What the file says when it is opened.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) ends: Vec<ShardEnd>,
    pub(super) progress: Progress,
}

/// Where a shard goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ShardEnd {
    /// The offset of its next record.
    pub(super) next: u64,
    /// Bytes that its blocks take.
    pub(super) held: u64,
    /// The latest time on it, Unix ms UTC.
    pub(super) latest_ms: i64,
}

/// What one commit changes.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// New blocks, with their shards.
    pub(super) blocks: Vec<(u32, Block)>,
    /// Blocks to delete, with their shards.
    pub(super) trimmed: Vec<(u32, BlockHead)>,
    /// The shards that either changes, as they are then.
    pub(super) ends: Vec<(u32, ShardEnd)>,
    /// Checkpoints that moved.
    pub(super) checkpoints: Vec<Checkpoint>,
}

impl Change {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.trimmed.is_empty() && self.checkpoints.is_empty()
    }
}

impl Store {
    /// Opens the file in `directory`, or makes it, with `shards` shards.
    pub(super) fn open(
        directory: &Path,
        shards: Option<u32>,
        open: OpenDatabase,
    ) -> Result<(Self, Opened), StreamError> {
        let path = directory.join(FILE);
        let opening = || {
            let passing = |error: io::Error| StoreError::Passing(error.to_string());
            let missing: Vec<_> = directory
                .ancestors()
                .take_while(|dir| !dir.exists())
                .collect();
            fs::create_dir_all(directory).map_err(passing)?;
            let database = guarded(|| open(&path))?;
            let opened = guarded(|| prepare(&database, shards.unwrap_or(DEFAULT_SHARDS)))?;
            // The names of the file and of new directories must last as well.
            let parents = missing.into_iter().filter_map(Path::parent);
            for directory in iter::once(directory).chain(parents) {
                File::open(directory)
                    .and_then(|directory| directory.sync_all())
                    .map_err(passing)?;
            }
            Ok((database, opened))
        };
        let (database, opened) = opening().map_err(|error: StoreError| {
            StreamError::Storage(format!("{}: {error}", path.display()))
        })?;
        Ok((
            Self {
                path,
                open,
                database: RwLock::new(Some(database)),
            },
            opened,
        ))
    }

    /// Opens the file again after a failure, as a commit's failure leaves it unusable. It must be
    /// the file it was, with `shards` shards: a new one in its place would take what is appended
    /// and hide what was.
    pub(super) fn reopen(&self, shards: usize) -> Result<Opened, StoreError> {
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        guarded(|| {
            drop(current.take());
            Ok(())
        })?;
        if !self.path.exists() {
            let gone = format!("{} is gone", self.path.display());
            return Err(StoreError::Passing(gone));
        }
        let database = guarded(|| (self.open)(&self.path))?;
        let opened = guarded(|| prepare(&database, DEFAULT_SHARDS))?;
        if opened.ends.len() != shards {
            let other = format!("{} is another log now", self.path.display());
            return Err(StoreError::Damaged(other));
        }
        *current = Some(database);
        Ok(opened)
    }

    /// Closes the file. What is asked of it later is not done.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match database {
            Some(database) => guarded(|| Ok(database.close()?)),
            None => Ok(()),
        }
    }

    /// Makes a change durable, wholly.
    pub(super) fn commit(&self, change: &Change) -> Result<(), StoreError> {
        self.with_database(|database| {
            let transaction = database.begin_write()?;
            {
                let mut blocks = transaction.open_table(BLOCKS)?;
                for (shard, block) in &change.blocks {
                    blocks.insert((*shard, block.head.first), &block.bytes[..])?;
                }
                for (shard, head) in &change.trimmed {
                    blocks.remove((*shard, head.first))?;
                }
                let mut ends = transaction.open_table(SHARDS)?;
                for (shard, end) in &change.ends {
                    ends.insert(shard, (end.next, end.held, end.latest_ms))?;
                }
                if !change.checkpoints.is_empty() {
                    let mut checkpoints = transaction.open_table(CHECKPOINTS)?;
                    for Checkpoint { group, shard, next } in &change.checkpoints {
                        checkpoints.insert((group.as_str(), *shard), next)?;
                    }
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// What the shard has from offset `from` on, or from its oldest record.
    pub(super) fn read(&self, shard: u32, from: Option<u64>) -> Result<Found, StoreError> {
        self.with_database(|database| read(&database.begin_read()?, shard, from))
    }

    /// The heads of the oldest blocks of a shard, at most `limit`.
    pub(super) fn oldest(&self, shard: u32, limit: usize) -> Result<Vec<BlockHead>, StoreError> {
        self.with_database(|database| {
            let blocks = database.begin_read()?.open_table(BLOCKS)?;
            let mut heads = Vec::new();
            for block in blocks.range((shard, 0)..=(shard, u64::MAX))?.take(limit) {
                let (key, value) = block?;
                heads.push(BlockHead::read(key.value().1, value.value())?);
            }
            Ok(heads)
        })
    }

    fn with_database<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        match &*database {
            Some(database) => guarded(|| work(database)),
            None => Err(StoreError::Passing("the file is not open now".to_owned())),
        }
    }
}

/// Does the work, and takes a panic for damage: the storage crate asserts what a whole file
/// always fulfils, so it may panic on one that was altered.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(StoreError::Damaged(format!("the file is damaged: {text}")))
    })
}

/// Opens the file on disk, or makes it.
pub(crate) fn open_on_disk(path: &Path) -> Result<Database, StoreError> {
    Ok(Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create(path)?)
}

/// Makes the tables where the file is new, and reads what the writer goes on from.
fn prepare(database: &Database, shards: u32) -> Result<Opened, StoreError> {
    let transaction = database.begin_write()?;
    let stored = {
        let mut settings = transaction.open_table(SETTINGS)?;
        transaction.open_table(SHARDS)?;
        transaction.open_table(BLOCKS)?;
        transaction.open_table(CHECKPOINTS)?;
        if settings.get("layout")?.is_none() {
            settings.insert("layout", LAYOUT)?;
            settings.insert("shards", u64::from(shards))?;
        }
        let setting = |name| Ok::<_, StoreError>(settings.get(name)?.map_or(0, |at| at.value()));
        (setting("layout")?, setting("shards")?)
    };
    transaction.commit()?;
    let shards = match stored {
        (LAYOUT, shards @ 1..=256) => shards as u32,
        (LAYOUT, shards) => {
            return Err(StoreError::Damaged(format!(
                "the file says it has {shards} shards"
            )));
        }
        (layout, _) => {
            let what = format!("the file has layout {layout}, this program knows {LAYOUT}");
            return Err(StoreError::Damaged(what));
        }
    };
    let transaction = database.begin_read()?;
    let mut ends = vec![ShardEnd::default(); shards as usize];
    for row in transaction.open_table(SHARDS)?.iter()? {
        let (shard, row) = row?;
        let (next, held, latest_ms) = row.value();
        if let Some(end) = ends.get_mut(shard.value() as usize) {
            *end = ShardEnd {
                next,
                held,
                latest_ms,
            };
        }
    }
    verify_ends(&transaction, &ends)?;
    let mut progress = Progress::new(shards);
    for row in transaction.open_table(CHECKPOINTS)?.iter()? {
        let (key, next) = row?;
        let (group, shard) = key.value();
        progress.set(group, shard, next.value());
    }
    Ok(Opened { ends, progress })
}

/// Proves that every shard goes on where its last block ends: going on elsewhere would write over
/// records, and an altered number shows nowhere else.
fn verify_ends(transaction: &ReadTransaction, ends: &[ShardEnd]) -> Result<(), StoreError> {
    let blocks = transaction.open_table(BLOCKS)?;
    for (shard, end) in (0_u32..).zip(ends) {
        let Some(last) = blocks.range((shard, 0)..=(shard, u64::MAX))?.next_back() else {
            continue;
        };
        let (key, value) = last?;
        let last = Block::read(key.value().1, Bytes::copy_from_slice(value.value()))?.head;
        if (last.end, last.appended_ms) != (end.next, end.latest_ms) {
            let what = format!("shard {shard} does not go on where its last block ends");
            return Err(StoreError::Damaged(what));
        }
    }
    Ok(())
}

fn read(transaction: &ReadTransaction, shard: u32, from: Option<u64>) -> Result<Found, StoreError> {
    let end = transaction
        .open_table(SHARDS)?
        .get(shard)?
        .map_or(0, |row| row.value().0);
    let from = match from {
        Some(from) if from > end => return Ok(Found::Beyond(end)),
        Some(from) if from == end => return Ok(Found::CaughtUp(end)),
        from => from,
    };
    let blocks = transaction.open_table(BLOCKS)?;
    let begin = match from {
        None | Some(0) => 0,
        // The block that the offset lies in begins there or before.
        Some(from) => {
            let mut at_or_before = blocks.range((shard, 0)..=(shard, from))?;
            at_or_before
                .next_back()
                .transpose()?
                .map_or(from, |(key, _)| key.value().1)
        }
    };
    let mut gather: Option<Gather> = None;
    let mut expected = None;
    for block in blocks.range((shard, begin)..=(shard, u64::MAX))? {
        let (key, value) = block?;
        let first = key.value().1;
        let head = BlockHead::read(first, value.value())?;
        if expected.is_some_and(|expected| expected != first) {
            return Err(StoreError::Damaged(format!(
                "shard {shard} lacks what precedes {first}"
            )));
        }
        expected = Some(head.end);
        if from.is_some_and(|from| head.end <= from) {
            continue;
        }
        let gather = match &mut gather {
            Some(gather) => gather,
            None => match from {
                Some(from) if from < first => return Ok(Found::OldestKept(first)),
                _ => gather.insert(Gather::new(from.unwrap_or(first))),
            },
        };
        if !gather.has_room(value.value().len(), (head.end - head.first) as usize) {
            break;
        }
        gather.push(Block::read(first, Bytes::copy_from_slice(value.value()))?);
    }
    match gather {
        Some(gather) => Ok(Found::Records(gather.finish()?)),
        None if from.is_none() => Ok(Found::CaughtUp(end)),
        None => Ok(Found::OldestKept(end)),
    }
}
