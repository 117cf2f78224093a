//! Files that were cut or altered: a clear error, or what was written, and never a panic.

use std::{fs, path::Path};

use super::{append, open};
use crate::{
    Stream, StreamError,
    embedded::{
        store::{FILE, Store, open_on_disk},
        tables::BLOCKS,
    },
    gather::Found,
};

/// Reads all that a file gives; every record must be what was written at its position. Nothing was
/// ever deleted from it, so that nothing may be missing but what was never committed.
fn check_file(bytes: &[u8]) -> Result<u64, StreamError> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE), bytes).unwrap();
    let (store, _) = Store::open(directory.path(), Some(1), open_on_disk)?;
    let mut next = None;
    let mut records = 0;
    loop {
        match store.read(0, next).map_err(StreamError::storage)? {
            Found::Records(fetched) => {
                for record in fetched.iter() {
                    let offset = record.position.offset();
                    assert_eq!(
                        (record.key, record.payload),
                        (&b"key"[..], &offset.to_le_bytes()[..])
                    );
                    next = Some(offset + 1);
                    records += 1;
                }
            }
            Found::OldestKept(oldest) => panic!("what precedes {oldest} is said to be deleted"),
            Found::CaughtUp(_) | Found::Beyond(_) | Found::NotNow => return Ok(records),
        }
    }
}

async fn file_with_records(directory: &Path, count: u64) -> Vec<u8> {
    let stream = open(directory, "shards=1").await;
    for counter in 0..count {
        append(&stream, counter).await;
    }
    stream.close().await.unwrap();
    fs::read(directory.join(FILE)).unwrap()
}

#[tokio::test]
async fn a_cut_file_is_an_error_or_gives_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let whole = file_with_records(directory.path(), 40).await;
    assert_eq!(check_file(&whole).unwrap(), 40);
    for length in (1..whole.len()).step_by(whole.len() / 60) {
        let _ = check_file(&whole[..length]);
    }
}

#[tokio::test]
async fn an_altered_file_is_an_error_or_gives_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let whole = file_with_records(directory.path(), 40).await;
    let mut failed = 0;
    for at in (0..whole.len()).step_by(whole.len() / 300) {
        let mut altered = whole.clone();
        altered[at] ^= 0x55;
        match check_file(&altered) {
            Ok(records) => assert_eq!(records, 40, "byte {at}"),
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 0, "damage is noticed");
}

#[test]
fn a_file_that_is_no_log_is_a_clear_error() {
    let error = check_file(b"something else entirely, and not a log at all").unwrap_err();
    assert!(error.to_string().contains("stream.redb"), "{error}");
}

#[tokio::test]
async fn a_block_that_is_missing_amid_others_is_damage_and_not_retention() {
    let directory = tempfile::tempdir().unwrap();
    file_with_records(directory.path(), 40).await;
    let database = open_on_disk(&directory.path().join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(BLOCKS)
        .unwrap()
        .remove((0, 20))
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let (store, _) = Store::open(directory.path(), Some(1), open_on_disk).unwrap();
    for from in [None, Some(19), Some(20)] {
        assert!(store.read(0, from).is_err(), "{from:?}");
    }
}
