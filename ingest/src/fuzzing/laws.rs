//! The laws of all that ingest takes, whatever it was sent as.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering},
};

use access::Guard;
use async_trait::async_trait;
use clap::Parser;
use schemas::{Protocol, Record, Speed, Timestamp, record};
use transport::{Appended, Batch, Producer};

use crate::{
    Settings,
    answer::Answer,
    api::{Ingest, SharedIngest},
    authority::Authority,
    problem::Stop,
    upload::Upload,
};

/// When everything is received.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// The limits of `--max-ahead` and `--max-behind`.
const MAX_AHEAD_MS: i64 = 120_000;
const MAX_BEHIND_MS: i64 = 7 * 24 * 3_600_000;
/// The settings as the command line reads them.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// A stream that takes everything, and keeps how many records that was.
#[derive(Default)]
pub(super) struct Counted(pub(super) AtomicU64);

#[async_trait]
impl Producer for Counted {
    async fn append(&self, batch: Batch) -> Appended {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Appended::default()
    }
}

/// What became of an upload.
#[derive(Debug, PartialEq)]
pub(super) struct Taken {
    /// What would go to the stream, live ones first.
    pub(super) records: Vec<Record>,
    pub(super) items: u64,
    pub(super) answer: Answer,
    pub(super) stop: Option<Stop>,
}

/// An ingest with these flags, open to everybody.
pub(super) fn ingest(flags: &[&str], stream: Arc<dyn Producer>) -> SharedIngest {
    let settings = Line::parse_from([&["ingest"], flags].concat()).settings;
    Ingest::new(settings, [stream.clone(), stream], Guard::open().into())
}

/// Has `read` take an upload, received [`NOW`] from whoever may write everything, and holds it against
/// the laws of all uploads. It tells how many items there were, of
/// which so many are no fix.
pub(super) fn take(
    protocol: Protocol,
    fixless: u64,
    read: impl FnOnce(&mut Upload<'_>) -> Result<u64, Stop>,
) -> Taken {
    static INGEST: LazyLock<SharedIngest> =
        LazyLock::new(|| ingest(&[], Arc::new(Counted::default())));
    let mut upload = Upload::new(&INGEST, Authority::All, protocol);
    upload.set_received_at(NOW);
    let read = read(&mut upload);
    let mut records = Vec::new();
    for batch in upload.batches() {
        for (key, payload) in batch.iter() {
            let Ok(record) = Record::decode(payload) else {
                unreachable!("what is accepted is a record");
            };
            assert_eq!(is_kept(&record), payload);
            is_in_time(&record, protocol);
            let (fleet, vehicle) = record.subject();
            let mut expected = Vec::new();
            record::write_key(fleet, vehicle, &mut expected);
            assert_eq!(key, expected, "a record lies under its vehicle's key");
            records.push(record);
        }
    }
    let (items, answer) = (
        *read.as_ref().unwrap_or(&upload.items()),
        upload.into_answer(),
    );
    let decided = records.len() as u64 + answer.rejected + fixless;
    assert_eq!(items, decided, "every item is accepted, rejected or no fix");
    let indices: Vec<_> = answer.errors.iter().map(|error| error.index).collect();
    is_account(&indices, items);
    assert_eq!(
        answer.errors_omitted,
        answer.rejected - indices.len() as u64
    );
    Taken {
        items,
        answer,
        stop: read.err(),
        records,
    }
}

/// What exists is in the ranges of its types, and is the same when it has been on the stream. Its bytes.
pub(super) fn is_kept(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    assert_eq!(Record::decode(&bytes).as_ref(), Ok(record));
    let Record::Ping(ping) = record else {
        return bytes;
    };
    let position = ping.position;
    assert!(position.lat().abs() <= 90.0 && position.lng().abs() <= 180.0);
    assert!((position.lat_e7(), position.lng_e7()) != (0, 0));
    assert!(
        ping.speed
            .is_none_or(|speed| speed.cm_s() <= Speed::MAX_CM_S)
    );
    assert!(ping.heading.is_none_or(|heading| heading.cdeg() < 36_000));
    assert!(
        ping.accuracy
            .is_none_or(|accuracy| accuracy.dm() <= 1_000_000)
    );
    assert!(
        ping.altitude
            .is_none_or(|altitude| (-10_000..=200_000).contains(&altitude.dm()))
    );
    bytes
}

/// What goes to the stream has the server's marks, a name that databases hold, and an age in the limits.
fn is_in_time(record: &Record, protocol: Protocol) {
    let (time, received_at) = match record {
        Record::Ping(ping) => {
            assert_eq!(ping.protocol, protocol);
            assert!(i64::try_from(ping.name.epoch.max(ping.name.seq)).is_ok());
            (ping.time, ping.received_at)
        }
        Record::RideEvent(event) => (event.time, event.received_at),
        Record::Trip(_) => unreachable!("no stranger writes a trip"),
    };
    assert_eq!(received_at, NOW);
    assert!((NOW.0 - MAX_BEHIND_MS..=NOW.0 + MAX_AHEAD_MS).contains(&time.0));
}

/// An answer lists some errors in their order, each that of another item.
pub(super) fn is_account(indices: &[u64], items: u64) {
    assert!(indices.len() <= 100 && indices.is_sorted_by(|one, next| one < next));
    assert!(indices.last().is_none_or(|last| *last < items));
}

/// What is sent again is answered alike. A quarter of all inputs is: it takes as long again.
pub(super) fn repeatable(bytes: &[u8], read: impl Fn() -> Taken) -> Taken {
    let taken = read();
    if bytes.len().is_multiple_of(4) {
        assert_eq!(read(), taken);
    }
    taken
}
