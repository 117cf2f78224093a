//! A backend does what a sorted map does, for any calls in any order. Calls at once are the
//! matter of the conformance suite.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestCaseResult};

use crate::{Key, Objects, Put, Swap, Tag, memory::MemoryObjects, open};

#[derive(Debug, Clone)]
enum Call {
    Put(Key, Bytes),
    PutIfAbsent(Key, Bytes),
    /// With the tag of the last tagged read, whatever has happened since; else none.
    Swap(Key, Bytes),
    /// In pieces, and finished, or dropped.
    Upload(Key, Vec<Bytes>, End),
    Get(Key),
    GetTagged(Key),
    GetRange(Key, Range<u64>),
    List(String, Option<Key>),
    Delete(Key),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Finished,
    Dropped,
}

/// Few keys, so that they meet. Names of directories and of objects differ, for a file system.
fn key() -> impl Strategy<Value = Key> {
    let dir = select(vec!["d", "d.e", "d-e", "de", "d0"]);
    let object = select(vec!["o", "o.p", "o-p", "d.f", "d-", "dd"]);
    (vec(dir, 0..3), object)
        .prop_map(|(mut parts, object)| {
            parts.push(object);
            Key::new(parts.join("/")).unwrap()
        })
        .boxed()
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..9).prop_map(Bytes::from)
}

/// The beginning of a key, cut anywhere.
fn prefix() -> impl Strategy<Value = String> {
    (key(), 0..12_usize).prop_map(|(key, length)| key.as_str().chars().take(length).collect())
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (key(), bytes()).prop_map(|(key, bytes)| Call::Put(key, bytes)),
        3 => (key(), bytes()).prop_map(|(key, bytes)| Call::PutIfAbsent(key, bytes)),
        4 => (key(), bytes()).prop_map(|(key, bytes)| Call::Swap(key, bytes)),
        2 => (key(), vec(bytes(), 0..4), select(vec![End::Finished, End::Dropped]))
            .prop_map(|(key, pieces, end)| Call::Upload(key, pieces, end)),
        1 => key().prop_map(Call::Get),
        3 => key().prop_map(Call::GetTagged),
        1 => (key(), 0..10_u64, 0..10_u64).prop_map(|(key, start, end)| Call::GetRange(key, start..end)),
        4 => (prefix(), proptest::option::of(key())).prop_map(|(prefix, after)| Call::List(prefix, after)),
        2 => key().prop_map(Call::Delete),
    ]
}

async fn check(objects: Arc<dyn Objects>, calls: Vec<Call>) -> TestCaseResult {
    let mut model: BTreeMap<Key, Bytes> = BTreeMap::new();
    // What the last tagged read found.
    let mut last_read: Option<(Bytes, Tag)> = None;
    for call in calls {
        match call {
            Call::Put(key, bytes) => {
                objects.put(&key, bytes.clone()).await.unwrap();
                model.insert(key, bytes);
            }
            Call::PutIfAbsent(key, bytes) => {
                let expected = if model.contains_key(&key) {
                    Put::Exists
                } else {
                    Put::Created
                };
                model.entry(key.clone()).or_insert_with(|| bytes.clone());
                prop_assert_eq!(objects.put_if_absent(&key, bytes).await.unwrap(), expected);
            }
            Call::Swap(key, bytes) => {
                let Some((read, tag)) = &last_read else {
                    continue;
                };
                // Here a tag stands for bytes, of whichever key.
                let expected = match model.get_mut(&key) {
                    Some(there) if there == read => {
                        *there = bytes.clone();
                        Swap::Done
                    }
                    _ => Swap::Changed,
                };
                let swap = objects.put_if_unchanged(&key, bytes, tag).await.unwrap();
                prop_assert_eq!(swap, expected);
            }
            Call::Upload(key, pieces, end) => {
                let mut upload = objects.upload(&key).await.unwrap();
                for piece in &pieces {
                    upload.write(piece.clone()).await.unwrap();
                }
                if let End::Finished = end {
                    upload.finish().await.unwrap();
                    model.insert(key, pieces.concat().into());
                }
            }
            Call::GetTagged(key) => {
                let read = objects.get_tagged(&key).await.unwrap();
                let bytes = read.as_ref().map(|(bytes, _)| bytes);
                prop_assert_eq!(bytes, model.get(&key));
                last_read = read.or(last_read);
            }
            Call::Get(key) => {
                prop_assert_eq!(objects.get(&key).await.unwrap(), model.get(&key).cloned());
            }
            Call::GetRange(key, range) => {
                let expected = model.get(&key).map(|bytes| {
                    let wanted = (0_u64..).zip(bytes).filter(|(at, _)| range.contains(at));
                    wanted.map(|(_, byte)| *byte).collect::<Bytes>()
                });
                prop_assert_eq!(objects.get_range(&key, range).await.unwrap(), expected);
            }
            Call::List(prefix, after) => {
                let expected = model
                    .keys()
                    .filter(|key| key.as_str().starts_with(&prefix) && Some(*key) > after.as_ref());
                let expected: Vec<Key> = expected.cloned().collect();
                prop_assert_eq!(
                    objects.list(&prefix, after.as_ref()).await.unwrap(),
                    expected
                );
            }
            Call::Delete(key) => {
                objects.delete(&key).await.unwrap();
                model.remove(&key);
            }
        }
    }
    Ok(())
}

/// Many of the keys above have other bytes or none, so that swaps with tags seldom meet: here they
/// are of one key.
fn of_one_key(calls: Vec<Call>) -> Vec<Call> {
    let one = || Key::new("d/o").unwrap();
    let of_one = |call| match call {
        Call::Put(_, bytes) => Call::Put(one(), bytes),
        Call::Swap(_, bytes) => Call::Swap(one(), bytes),
        Call::Upload(_, pieces, end) => Call::Upload(one(), pieces, end),
        Call::GetTagged(_) => Call::GetTagged(one()),
        Call::Delete(_) => Call::Delete(one()),
        other => other,
    };
    calls.into_iter().map(of_one).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

proptest! {
    #[test]
    fn memory_does_what_a_sorted_map_does(calls in vec(call(), 0..60)) {
        runtime().block_on(check(Arc::new(MemoryObjects::default()), calls))?;
    }

    #[test]
    fn memory_swaps_one_key_as_a_map_does(calls in vec(call(), 0..60).prop_map(of_one_key)) {
        runtime().block_on(check(Arc::new(MemoryObjects::default()), calls))?;
    }
}

proptest! {
    // Every put is synced to a real disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_directory_swaps_one_key_as_a_map_does(calls in vec(call(), 0..40).prop_map(of_one_key)) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().display());
        runtime().block_on(async { check(open(&url).await.unwrap(), calls).await })?;
    }

    #[test]
    fn a_directory_does_what_a_sorted_map_does(calls in vec(call(), 0..40)) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().display());
        runtime().block_on(async { check(open(&url).await.unwrap(), calls).await })?;
    }
}
