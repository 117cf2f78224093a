//! S3 against moto, an implementation of its protocol by others. Needs the Python of the readers
//! with `moto[server]`; where `HANSOM_TEST_PYTHON` does not say which, these tests are skipped aloud.

use std::sync::Arc;

use aws_credential_types::Credentials;
use faults::{Plan, Proxy, servers};

use super::*;
use crate::conformance;

/// A server of its own, ended when dropped, behind a proxy.
struct Moto {
    _server: servers::Moto,
    proxy: Proxy,
}

/// Moto looks whether an object is there and then writes it; S3 does both at once. So writes come
/// to it one at a time.
const LIKE_S3: Plan = Plan {
    one_at_a_time: faults::writes,
    ..Plan::CALM
};

impl Moto {
    /// Starts one; None where `test` is skipped.
    async fn start(test: &str) -> Option<Self> {
        let server = servers::Moto::start(test)?;
        let proxy = Proxy::start(server.address(), LIKE_S3, 7).await;
        Some(Self {
            _server: server,
            proxy,
        })
    }

    /// A new bucket, and what is kept in it.
    async fn bucket(&self, name: &str) -> S3Objects {
        let key = Credentials::new("key", "secret", None, None, "test");
        let loader = aws_config::defaults(BehaviorVersion::latest()).credentials_provider(key);
        let url = format!(
            "s3://{name}/some/prefix?region=us-east-1&endpoint=http://{}",
            self.proxy.address()
        );
        let objects = S3Objects::open_by(&url, loader).await.unwrap();
        objects
            .client
            .create_bucket()
            .bucket(name)
            .send()
            .await
            .unwrap();
        objects
    }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_what_the_trait_promises() {
    let Some(moto) = Moto::start("a_bucket_is_what_the_trait_promises").await else {
        return;
    };
    let objects = moto.bucket("conformance").await;
    conformance::check(Arc::new(objects)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_its_promises_over_a_network_that_fails() {
    let Some(moto) = Moto::start("a_bucket_keeps_its_promises_over_a_network_that_fails").await
    else {
        return;
    };
    let objects = moto.bucket("faulty").await;
    moto.proxy.set_plan(Plan {
        one_at_a_time: faults::writes,
        ..Plan::each(60)
    });
    let objects: Arc<dyn Objects> = Arc::new(Patient(objects));
    conformance::check(objects).await.unwrap();
    let counts = moto.proxy.counts();
    assert!(counts.faults > 100, "{counts:?}");
}

/// Repeats what the storage could not do, as callers do.
struct Patient(S3Objects);

#[async_trait]
impl Objects for Patient {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        loop {
            match self.0.put(key, bytes.clone()).await {
                Err(ObjectError::Unavailable { .. }) => {}
                done => return done,
            }
        }
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        // No repeat here: what a single call says must be true.
        self.0.put_if_absent(key, bytes).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        loop {
            match self.0.get(key).await {
                Err(ObjectError::Unavailable { .. }) => {}
                done => return done,
            }
        }
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        loop {
            match self.0.get_range(key, range.clone()).await {
                Err(ObjectError::Unavailable { .. }) => {}
                done => return done,
            }
        }
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        loop {
            match self.0.list(prefix, after).await {
                Err(ObjectError::Unavailable { .. }) => {}
                done => return done,
            }
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        loop {
            match self.0.delete(key).await {
                Err(ObjectError::Unavailable { .. }) => {}
                done => return done,
            }
        }
    }
}

#[tokio::test]
async fn a_large_object_comes_in_parts_and_only_once() {
    let Some(moto) = Moto::start("a_large_object_comes_in_parts_and_only_once").await else {
        return;
    };
    let objects = moto.bucket("large").await;
    let bytes: Vec<u8> = (0..LARGE_BYTES as u32 / 4 + 9)
        .flat_map(u32::to_le_bytes)
        .collect();
    let (bytes, key) = (Bytes::from(bytes), key("large"));
    assert_eq!(
        objects.put_if_absent(&key, bytes.clone()).await.unwrap(),
        Put::Created
    );
    assert_eq!(objects.get(&key).await.unwrap(), Some(bytes.clone()));
    let other = Bytes::from(vec![0; LARGE_BYTES + 1]);
    assert_eq!(
        objects.put_if_absent(&key, other.clone()).await.unwrap(),
        Put::Exists
    );
    assert_eq!(objects.get(&key).await.unwrap(), Some(bytes));
    objects.put(&key, other.clone()).await.unwrap();
    assert_eq!(objects.get(&key).await.unwrap(), Some(other));
}

#[tokio::test]
async fn what_is_there_says_whose_put_it_was() {
    let Some(moto) = Moto::start("what_is_there_says_whose_put_it_was").await else {
        return;
    };
    let objects = moto.bucket("whose").await;
    let key = key("commit");
    let upload = |mark: &str| Upload {
        key: objects.full("commit"),
        bytes: Bytes::from_static(b"the same bytes"),
        condition: Condition::Absent,
        digest: digest(b"the same bytes"),
        mark: mark.to_owned(),
    };
    objects.try_put(&upload("ours")).await.unwrap();
    assert_eq!(
        objects.try_put(&upload("theirs")).await,
        Err(Failure::Exists)
    );
    assert_eq!(
        objects.whose(&key, &upload("ours")).await.unwrap(),
        Put::Created
    );
    assert_eq!(
        objects.whose(&key, &upload("theirs")).await.unwrap(),
        Put::Exists
    );
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_that_says_so() {
    let Some(moto) = Moto::start("a_bucket_that_is_not_there_is_an_error_that_says_so").await
    else {
        return;
    };
    let objects = moto.bucket("there").await;
    let mut elsewhere = objects.clone();
    elsewhere.address.bucket = "elsewhere".to_owned();
    let error = elsewhere.get(&key("x")).await.unwrap_err();
    assert!(matches!(error, ObjectError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let key_pair = Credentials::new("key", "secret", None, None, "test");
    let loader = aws_config::defaults(BehaviorVersion::latest()).credentials_provider(key_pair);
    let url = "s3://bucket?region=us-east-1&endpoint=http://127.0.0.1:1";
    let objects = S3Objects::open_by(url, loader).await.unwrap();
    let error = objects.get(&key("x")).await.unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
}
