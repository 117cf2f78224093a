//! Small archives, written as the archiver writes them. What is then done to them is the tests'.

use std::{sync::Arc, time::Duration};

use objects::{Key, Objects, Put, memory::MemoryObjects};
use service::{Drain, Shutdown};
use transport::Stream;

use super::{Entry, append, storages::storage, stream};
use crate::{
    books::Books,
    commit,
    ledger::{commits_of, publish},
    lists::Lists,
};

/// Archives what is on the stream, as one commit a shard.
pub(crate) async fn archive(stream: &Arc<dyn Stream>, objects: &Arc<dyn Objects>) {
    let drain = Shutdown::new();
    drain.request();
    let settings = crate::Settings {
        archive_max_file_bytes: 128_000_000,
        archive_max_age: Duration::from_mins(15),
        archive_memory: 128 << 20,
    };
    let (stream, objects) = (Arc::clone(stream), Arc::clone(objects));
    crate::run(settings, stream, objects, Drain::ReadOut(drain))
        .await
        .unwrap();
}

/// An archive in memory, a commit for each of `parts`.
pub(crate) async fn archive_of(parts: &[Vec<Entry>]) -> Arc<dyn Objects> {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let stream = stream(1).await;
    for part in parts {
        append(&stream, part).await;
        archive(&stream, &objects).await;
    }
    objects
}

/// Commits the same rows again, for another shard that knows nothing of this one.
pub(crate) async fn repeat(objects: &Arc<dyn Objects>) {
    let books = Books {
        storage: storage(objects),
    };
    let mut commit = books.commit("shard-0", 1).await.unwrap().unwrap();
    commit.shard = "other".to_owned();
    for file in &mut commit.files {
        let key = Key::new(&file.object.key).unwrap();
        let bytes = objects.get(&key).await.unwrap().unwrap();
        file.object.key = file.object.key.replace("shard-0", "other");
        let key = Key::new(&file.object.key).unwrap();
        objects.put(&key, bytes).await.unwrap();
    }
    let bytes = commit::to_bytes(&commit).unwrap();
    let put = commits_of(objects, "other").put(1, bytes).await.unwrap();
    assert_eq!(put, Put::Created);
    let lists = Lists::new(Arc::clone(objects), Shutdown::new());
    publish(&lists, &commit).await.unwrap();
}
