//! Laws of chains: what a model says, and how many requests the search takes.

use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{Swap, Tag, Upload, memory::MemoryObjects};

#[derive(Debug, Clone)]
enum Step {
    Grow(u16),
    Repeat(u64),
    Prune(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..1_500_u16).prop_map(Step::Grow),
        (0..3_000_u64).prop_map(Step::Repeat),
        (0..3_000_u64).prop_map(Step::Prune),
    ]
}

fn body(n: u64) -> Bytes {
    Bytes::from(n.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_chain_does_what_a_sorted_map_does(steps in vec(step(), 0..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let chain = Chain::new(Arc::new(MemoryObjects::default()), "a/chain");
            let mut model: BTreeMap<u64, Bytes> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Grow(by) => for _ in 0..by {
                        let n = model.last_key_value().map_or(1, |(n, _)| n + 1);
                        prop_assert_eq!(chain.put(n, body(n)).await.unwrap(), Put::Created);
                        model.insert(n, body(n));
                    },
                    Step::Repeat(n) => if model.contains_key(&n) {
                        prop_assert_eq!(chain.put(n, Bytes::new()).await.unwrap(), Put::Exists);
                    },
                    Step::Prune(n) => {
                        chain.prune(n).await.unwrap();
                        model.retain(|link, _| *link > n);
                    }
                }
                let last = model.last_key_value().map(|(n, bytes)| (*n, bytes.clone()));
                prop_assert_eq!(chain.last().await.unwrap(), last);
                for n in [0, 1, 1_000, 2_999] {
                    prop_assert_eq!(chain.get(n).await.unwrap(), model.get(&n).cloned());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_last_link_takes_few_requests(
        first in 1..5_000_000_000_u64,
        length in prop_oneof![0..5_000_u64, 0..1_000_000_000_000_u64],
        page in select(vec![1, 2, 10, 999, 1_000_usize]),
    ) {
        let links = first..=first + length;
        let last = *links.end();
        let storage = Arc::new(Imagined { links, page, requests: AtomicUsize::new(0) });
        let chain = Chain::new(Arc::clone(&storage) as Arc<dyn Objects>, "chain");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(chain.last()).unwrap();
        prop_assert_eq!(found, Some((last, body(last))));
        let requests = storage.requests.load(Ordering::Relaxed);
        let limit = if length < page as u64 {
            // Two lists and a get.
            3
        } else {
            // Jumps out and halvings back, and at most ten halvings of the first jump.
            14 + 2 * length.ilog2() as usize
        };
        prop_assert!(requests <= limit, "{} requests for {} links", requests, length);
    }
}

#[tokio::test]
async fn the_last_possible_number_can_be_found() {
    let links = u64::MAX - 5_000..=u64::MAX;
    let storage = Imagined {
        links,
        page: 10,
        requests: AtomicUsize::new(0),
    };
    let chain = Chain::new(Arc::new(storage), "chain");
    assert_eq!(
        chain.last().await.unwrap(),
        Some((u64::MAX, body(u64::MAX)))
    );
}

#[tokio::test]
async fn an_object_that_is_no_link_is_an_error() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    objects
        .put(&Key::new("chain/readme").unwrap(), Bytes::new())
        .await
        .unwrap();
    let error = Chain::new(objects, "chain").last().await.unwrap_err();
    assert!(matches!(error, ObjectError::Refused { .. }), "{error}");
}

/// A storage with a chain of any length, which nobody has to put; counts the requests.
struct Imagined {
    links: RangeInclusive<u64>,
    page: usize,
    requests: AtomicUsize,
}

#[async_trait]
impl Objects for Imagined {
    fn uri(&self, _: &Key) -> String {
        unreachable!("a search names nothing")
    }

    async fn put(&self, _: &Key, _: Bytes) -> Result<(), ObjectError> {
        unreachable!("a search puts nothing")
    }

    async fn put_if_absent(&self, _: &Key, _: Bytes) -> Result<Put, ObjectError> {
        unreachable!("a search puts nothing")
    }

    async fn put_if_unchanged(&self, _: &Key, _: Bytes, _: &Tag) -> Result<Swap, ObjectError> {
        unreachable!("a search puts nothing")
    }

    async fn upload(&self, _: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        unreachable!("a search puts nothing")
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Some(body(number(key))))
    }

    async fn get_tagged(&self, _: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        unreachable!("a search swaps nothing")
    }

    async fn get_range(&self, _: &Key, _: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        unreachable!("a search reads whole links")
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let first = match after.map(number) {
            Some(u64::MAX) => return Ok(Vec::new()),
            Some(n) => (n + 1).max(*self.links.start()),
            None => *self.links.start(),
        };
        let links = (first..=*self.links.end()).take(self.page);
        Ok(links
            .map(|n| Key::new(format!("{prefix}{n:020}")).unwrap())
            .collect())
    }

    async fn delete(&self, _: &Key) -> Result<(), ObjectError> {
        unreachable!("a search deletes nothing")
    }
}

fn number(key: &Key) -> u64 {
    key.as_str().rsplit('/').next().unwrap().parse().unwrap()
}
