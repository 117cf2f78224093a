//! S3 against two implementations of its protocol by others. moto knows locks; it needs the Python
//! of the readers with `moto[server]`, and where `HANSOM_TEST_PYTHON` does not say which, its tests
//! are skipped aloud. s3s-fs is strict with signatures and checksums.

mod kept;
mod patient;
mod streamed;
mod swapped;

use std::{net::SocketAddr, sync::Arc};

use aws_credential_types::Credentials;
use faults::{Plan, Proxy, servers};

use patient::Patient;

use super::{
    put::{LARGE_BYTES, Parcel, digest},
    *,
};
use crate::conformance;

/// A server of its own, ended when dropped, behind a proxy.
struct Store<Server> {
    _server: Server,
    proxy: Proxy,
}

/// Both servers look whether an object is there and then write it; S3 does both at once. So writes
/// come to them one at a time.
const LIKE_S3: Plan = Plan {
    one_at_a_time: faults::writes,
    ..Plan::CALM
};

impl Store<servers::Moto> {
    /// Starts one; None where `test` is skipped.
    async fn moto(test: &str) -> Option<Self> {
        let server = servers::Moto::start(test)?;
        let proxy = Proxy::start(server.address(), LIKE_S3, 7).await;
        Some(Self {
            _server: server,
            proxy,
        })
    }
}

impl Store<servers::S3> {
    /// Starts one.
    async fn s3s() -> Self {
        let server = servers::S3::start().await;
        let proxy = Proxy::start(server.address(), LIKE_S3, 7).await;
        Self {
            _server: server,
            proxy,
        }
    }
}

impl<Server> Store<Server> {
    /// A new bucket, and what is kept in it.
    async fn bucket(&self, name: &str) -> S3Objects {
        let objects = self.objects(name, "").await;
        let create = objects.client.create_bucket().bucket(name);
        create.send().await.unwrap();
        objects
    }

    /// How often an action was asked for so far, of whatever object.
    fn asked(&self, action: &str) -> u64 {
        let calls = self.proxy.calls().into_iter();
        let asked = calls.filter(|(call, _)| call.action == action);
        asked.map(|(_, count)| count).sum()
    }

    /// What is kept in a bucket, opened with more options.
    async fn objects(&self, bucket: &str, options: &str) -> S3Objects {
        open(self.proxy.address(), bucket, options).await
    }
}

/// How many uploads are under way in the bucket. s3s cannot say it.
async fn uploads(objects: &S3Objects) -> usize {
    let list = objects.client.list_multipart_uploads();
    let list = list.bucket(&objects.address.bucket).send().await.unwrap();
    list.uploads().len()
}

pub(super) async fn open(endpoint: SocketAddr, bucket: &str, options: &str) -> S3Objects {
    let (key, secret) = (servers::S3::ACCESS_KEY, servers::S3::SECRET);
    let key = Credentials::new(key, secret, None, None, "test");
    let loader = aws_config::defaults(BehaviorVersion::latest()).credentials_provider(key);
    let url =
        format!("s3://{bucket}/some/prefix?region=us-east-1&endpoint=http://{endpoint}{options}");
    S3Objects::open_by(&url, loader).await.unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_what_the_trait_promises() {
    let Some(moto) = Store::moto("a_bucket_is_what_the_trait_promises").await else {
        return;
    };
    let objects = moto.bucket("conformance").await;
    conformance::check(Arc::new(objects)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_a_server_that_checks_all_is_what_the_trait_promises() {
    let s3s = Store::s3s().await;
    let objects = s3s.bucket("conformance").await;
    conformance::check(Arc::new(objects)).await.unwrap();
}

/// Runs the conformance suite over a network that fails.
async fn check_faulty<Server>(store: Store<Server>) {
    let objects = store.bucket("faulty").await;
    store.proxy.set_plan(Plan {
        one_at_a_time: faults::writes,
        ..Plan::each(60)
    });
    let objects: Arc<dyn Objects> = Arc::new(Patient(objects));
    conformance::check(objects).await.unwrap();
    let counts = store.proxy.counts();
    assert!(counts.faults > 100, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_its_promises_over_a_network_that_fails() {
    let test = "a_bucket_keeps_its_promises_over_a_network_that_fails";
    if let Some(moto) = Store::moto(test).await {
        check_faulty(moto).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_checks_all_keeps_its_promises_over_a_network_that_fails() {
    check_faulty(Store::s3s().await).await;
}

#[tokio::test]
async fn bytes_that_changed_on_their_way_are_to_be_sent_again() {
    let s3s = Store::s3s().await;
    let objects = s3s.bucket("checked").await;
    let parcel = Parcel {
        key: objects.full("commit"),
        bytes: Bytes::from_static(b"what arrived"),
        condition: Condition::Absent,
        digest: digest(b"what was sent"),
        mark: "ours".to_owned(),
    };
    let refused = objects.try_put(&parcel).await;
    let is_told = matches!(&refused, Err(Failure::NotDone(why)) if why.contains("BadDigest"));
    assert!(is_told, "{refused:?}");
}

#[tokio::test]
async fn a_large_object_comes_in_parts_and_only_once() {
    let Some(moto) = Store::moto("a_large_object_comes_in_parts_and_only_once").await else {
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
    let Some(moto) = Store::moto("what_is_there_says_whose_put_it_was").await else {
        return;
    };
    let objects = moto.bucket("whose").await;
    let key = key("commit");
    let bytes = b"the same bytes";
    let parcel = |mark: &str| Parcel {
        key: objects.full("commit"),
        bytes: Bytes::from_static(bytes),
        condition: Condition::Absent,
        digest: digest(bytes),
        mark: mark.to_owned(),
    };
    objects.try_put(&parcel("ours")).await.unwrap();
    assert_eq!(
        objects.try_put(&parcel("theirs")).await,
        Err(Failure::Unmet)
    );
    let length = bytes.len() as u64;
    for (mark, length, expected) in [
        ("ours", length, true),
        ("theirs", length, false),
        ("ours", length + 1, false),
    ] {
        let is_there = objects.is_there(&key, mark, length).await.unwrap();
        assert_eq!(is_there, expected, "{mark} of {length} bytes");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_that_says_so() {
    let Some(moto) = Store::moto("a_bucket_that_is_not_there_is_an_error_that_says_so").await
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
    let objects = open(([127, 0, 0, 1], 1).into(), "bucket", "").await;
    let error = objects.get(&key("x")).await.unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_uri_names_the_object_without_the_way_to_it() {
    let objects = open(([127, 0, 0, 1], 1).into(), "bucket", "&kms_key=k").await;
    let uri = objects.uri(&key("a/b=c"));
    assert_eq!(uri, "s3://bucket/some/prefix/a/b=c");
}
