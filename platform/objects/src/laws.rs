//! A backend does what a sorted map does, for any calls in any order. Calls at once are the
//! matter of the conformance suite.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestCaseResult};

use crate::{Key, Objects, Put, memory::MemoryObjects, open};

#[derive(Debug, Clone)]
enum Call {
    Put(Key, Bytes),
    PutIfAbsent(Key, Bytes),
    Get(Key),
    GetRange(Key, Range<u64>),
    List(String, Option<Key>),
    Delete(Key),
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
        1 => key().prop_map(Call::Get),
        1 => (key(), 0..10_u64, 0..10_u64).prop_map(|(key, start, end)| Call::GetRange(key, start..end)),
        4 => (prefix(), proptest::option::of(key())).prop_map(|(prefix, after)| Call::List(prefix, after)),
        2 => key().prop_map(Call::Delete),
    ]
}

async fn check(objects: Arc<dyn Objects>, calls: Vec<Call>) -> TestCaseResult {
    let mut model: BTreeMap<Key, Bytes> = BTreeMap::new();
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
}

proptest! {
    // Every put is synced to a real disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_directory_does_what_a_sorted_map_does(calls in vec(call(), 0..40)) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().display());
        runtime().block_on(async { check(open(&url).await.unwrap(), calls).await })?;
    }
}
