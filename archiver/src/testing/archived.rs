//! Small archives, written as the archiver writes them. What is then done to them is the tests'.

use std::{sync::Arc, time::Duration};

use objects::{Objects, memory::MemoryObjects};
use service::{Drain, Shutdown};
use transport::Stream;

use super::{Entry, append, stream};

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
