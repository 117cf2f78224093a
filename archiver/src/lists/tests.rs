//! Whoever adds, replaces, dies and comes late, in whatever order: a reader of a list and then of
//! its files finds every row once.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, atomic::AtomicUsize},
};

use objects::memory::MemoryObjects;
use proptest::prelude::*;
use schemas::Timestamp;
use tokio::{sync::RwLock, task::JoinSet};

use super::*;
use crate::{
    commit::{File, StoredObject},
    draft::sha256,
    layout::{Hour, Link, Table},
    testing::{START_MS, storages::Jittery},
};

/// Rows of the model: a file is as many bytes as it has rows, each a row's number.
type Row = u8;

/// Publishers, each with as many files of one row.
const PUBLISHERS: u8 = 4;
const FILES: u8 = 4;

/// What everybody has done so far.
#[derive(Default)]
struct Deeds {
    published: BTreeSet<Row>,
    /// To be erased, and erased for good.
    condemned: BTreeSet<Row>,
    erased: BTreeSet<Row>,
}

struct World {
    objects: Arc<dyn Objects>,
    lists: Lists,
    deeds: Mutex<Deeds>,
    /// Held by readers; whoever deletes waits for all of them, as a grace does.
    reading: RwLock<()>,
}

fn partition() -> Partition {
    Partition {
        table: Table::Pings,
        hour: Hour::of(Timestamp(START_MS)).unwrap(),
    }
}

fn described(key: &Key, rows: &[Row]) -> File {
    File {
        table: Table::Pings,
        object: StoredObject {
            key: key.to_string(),
            bytes: rows.len() as u64,
            sha256: sha256(rows),
        },
        rows: rows.len() as u64,
        min_ms: 0,
        max_ms: 0,
    }
}

impl World {
    async fn rows(&self, list: &List) -> Option<Vec<(Key, Bytes)>> {
        let mut files = Vec::new();
        for uri in list.uris() {
            let key = self.lists.key(partition(), uri).unwrap();
            let bytes = self.objects.get(&key).await.unwrap()?;
            files.push((key, bytes));
        }
        Some(files)
    }

    /// Commits a row and makes it part of the table, again and again.
    async fn publish(&self, shard: u8, n: u8) {
        let (row, shard) = (shard * FILES + n, format!("s{shard}"));
        let link = Link { shard, n: n.into() };
        let key = link.file_key(Table::Pings, partition().hour).unwrap();
        for times in 0..3 {
            if times < 2 {
                self.objects
                    .put(&key, Bytes::from(vec![row]))
                    .await
                    .unwrap();
            }
            self.lists
                .add(partition(), std::slice::from_ref(&key))
                .await
                .unwrap();
            self.deeds.lock().unwrap().published.insert(row);
        }
    }

    /// Replaces all files by one without some rows, sweeps, and says whether it came to that.
    async fn replace(&self, erase: &BTreeSet<Row>) -> bool {
        let standing = self.lists.standing(partition()).await.unwrap();
        let Some(inputs) = self.rows(&standing.list).await else {
            return false;
        };
        if inputs.is_empty() {
            return true;
        }
        let all: BTreeSet<Row> = inputs
            .iter()
            .flat_map(|(_, bytes)| bytes.to_vec())
            .collect();
        let kept: Vec<Row> = all.difference(erase).copied().collect();
        let n = standing.records.len() as u64 + 1;
        let mut digest = DefaultHasher::new();
        (&kept, inputs.iter().map(|(key, _)| key).collect::<Vec<_>>()).hash(&mut digest);
        let key = partition().merged_key(n, digest.finish(), 0).unwrap();
        self.objects.put(&key, kept.clone().into()).await.unwrap();
        let rows: usize = inputs.iter().map(|(_, bytes)| bytes.len()).sum();
        let record = Replaced {
            partition: partition().to_string(),
            n,
            why: Why::Compaction,
            erasure: None,
            inputs: inputs
                .iter()
                .map(|(key, bytes)| described(key, bytes))
                .collect(),
            outputs: vec![described(&key, &kept)],
            counts: RowCounts {
                rows: rows as u64,
                written: kept.len() as u64,
                repeats: (rows - all.len()) as u64,
                erased: (all.len() - kept.len()) as u64,
                ..RowCounts::default()
            },
        };
        if self.lists.record(partition(), &record).await.unwrap() == Put::Exists {
            return false;
        }
        self.lists.settle(partition()).await.unwrap();
        true
    }

    /// Deletes what was replaced and is listed no more, once nobody reads by an older list.
    async fn sweep(&self) {
        let Standing { list, records } = self.lists.settled(partition()).await.unwrap();
        let _alone = self.reading.write().await;
        for file in records.iter().flat_map(|record| &record.inputs) {
            let key = Key::new(&file.object.key).unwrap();
            assert!(!list.has(&self.objects.uri(&key)), "{key} is listed");
            self.objects.delete(&key).await.unwrap();
        }
    }

    async fn compact(&self) {
        let _replaced = self.replace(&BTreeSet::new()).await;
        self.sweep().await;
    }

    async fn erase(&self, row: Row) {
        let was_there = {
            let mut deeds = self.deeds.lock().unwrap();
            deeds.condemned.insert(row);
            deeds.published.contains(&row)
        };
        while !self.replace(&BTreeSet::from([row])).await {}
        // What is published later is there again: nobody can know it.
        if was_there {
            self.deeds.lock().unwrap().erased.insert(row);
        }
        self.sweep().await;
    }

    /// Reads the list and then its files, as a query does.
    async fn read(&self) -> BTreeSet<Row> {
        let _reading = self.reading.read().await;
        let (published, erased) = {
            let deeds = self.deeds.lock().unwrap();
            (deeds.published.clone(), deeds.erased.clone())
        };
        let list = self
            .lists
            .read(partition())
            .await
            .unwrap()
            .unwrap_or_default();
        let files = self.rows(&list).await.expect("a listed file is missing");
        let rows: Vec<Row> = files.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
        let seen: BTreeSet<Row> = rows.iter().copied().collect();
        assert_eq!(rows.len(), seen.len(), "a row is seen twice: {files:?}");
        let condemned = self.deeds.lock().unwrap().condemned.clone();
        for row in &published {
            assert!(
                seen.contains(row) || condemned.contains(row),
                "{row} is not seen"
            );
        }
        let again: Vec<_> = erased.intersection(&seen).collect();
        assert!(again.is_empty(), "{again:?} were erased");
        seen
    }
}

/// Does `work` until it is done or `steps` others had their turn.
async fn killed_after(steps: usize, work: impl Future<Output = ()>) {
    let others = async {
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = work => {}
        () = others => {}
    }
}

async fn live(seed: usize) {
    let objects: Arc<dyn Objects> = Arc::new(Jittery {
        objects: Arc::new(MemoryObjects::default()),
        seed: AtomicUsize::new(seed),
    });
    let world = Arc::new(World {
        lists: Lists::new(Arc::clone(&objects), Shutdown::new()),
        objects,
        deeds: Mutex::default(),
        reading: RwLock::default(),
    });
    let mut everybody = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let world = Arc::clone(&world);
        everybody.spawn(async move {
            for n in 0..FILES {
                // Two workers on one shard do the same, one after the other or at once.
                tokio::join!(world.publish(publisher, n), world.publish(publisher, n));
            }
        });
    }
    for compactor in 0..2_usize {
        let world = Arc::clone(&world);
        everybody.spawn(async move {
            for turn in 0..6_usize {
                let steps = (seed >> turn) % 97 + 40 * compactor;
                killed_after(steps, world.compact()).await;
            }
            world.compact().await;
        });
    }
    let eraser = Arc::clone(&world);
    everybody.spawn(async move {
        for row in [0, 5, 10] {
            killed_after(seed % 113, eraser.erase(row)).await;
            eraser.erase(row).await;
        }
    });
    for _ in 0..2 {
        let world = Arc::clone(&world);
        everybody.spawn(async move {
            for _ in 0..40 {
                let _seen = world.read().await;
            }
        });
    }
    let _all = everybody.join_all().await;
    world.compact().await;
    let there = world.read().await;
    let all: BTreeSet<Row> = (0..PUBLISHERS * FILES).collect();
    let condemned = BTreeSet::from([0, 5, 10]);
    assert!(
        all.difference(&condemned).all(|row| there.contains(row)),
        "{there:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn whoever_does_what_a_reader_sees_each_row_once(seed in any::<usize>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live(seed));
    }
}
