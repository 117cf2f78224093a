//! What a bucket does with what it keeps: locks, and the marks of consoles between the objects.

use std::time::SystemTime;

use aws_sdk_s3::{
    operation::head_object::HeadObjectOutput,
    types::{ObjectLockMode, ServerSideEncryption},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

const DAY_SECONDS: u64 = 24 * 3_600;

/// A bucket that can lock, and what is kept in it for three days.
async fn locked(moto: &Store<servers::Moto>, options: &str) -> S3Objects {
    let objects = moto.objects("locked", options).await;
    let create = objects.client.create_bucket().bucket("locked");
    let create = create.object_lock_enabled_for_bucket(true);
    create.send().await.unwrap();
    objects
}

async fn head(objects: &S3Objects, key: &Key) -> HeadObjectOutput {
    let head = objects.client.head_object().bucket(&objects.address.bucket);
    let head = head.key(objects.full(key.as_str()));
    head.send().await.unwrap()
}

/// The days for which an object is locked from now on.
fn days_locked(head: &HeadObjectOutput) -> f64 {
    let until = head.object_lock_retain_until_date().unwrap().secs();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    (until - now as i64) as f64 / DAY_SECONDS as f64
}

async fn check_locked(objects: &S3Objects, name: &str, bytes: usize) {
    let (key, bytes) = (key(name), Bytes::from(vec![7; bytes]));
    let put = objects.put_if_absent(&key, bytes.clone()).await.unwrap();
    assert_eq!(put, Put::Created);
    let before = head(objects, &key).await;
    assert_eq!(before.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    let days = days_locked(&before);
    assert!((2.9..=3.0).contains(&days), "locked for {days} days");

    let delete = objects.client.delete_object().bucket("locked");
    let delete = delete.key(objects.full(name));
    let version = before.version_id().unwrap();
    let refused = delete.version_id(version).send().await.unwrap_err();
    let status = refused.raw_response().unwrap().status().as_u16();
    assert_eq!(status, 403, "{refused:?}");
    assert_eq!(objects.get(&key).await.unwrap(), Some(bytes));
}

#[tokio::test]
async fn what_is_put_with_a_lock_cannot_be_deleted() {
    let Some(moto) = Store::moto("what_is_put_with_a_lock_cannot_be_deleted").await else {
        return;
    };
    let objects = locked(&moto, "&lock=compliance&lock_days=3").await;
    check_locked(&objects, "small", 100).await;
}

/// Refuses one request, and says what its head was.
async fn refuse_one(listener: TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let no = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(no).await.unwrap();
    String::from_utf8(head).unwrap()
}

/// moto forgets the locks of uploads in parts, so what it is told is looked at.
#[tokio::test]
async fn an_upload_in_parts_asks_for_the_lock_at_its_beginning() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    let refusing = tokio::spawn(refuse_one(listener));
    let objects = open(endpoint, "locked", "&lock=governance&lock_days=3").await;
    let (key, bytes) = (key("large"), Bytes::from(vec![7; LARGE_BYTES + 1]));
    objects.put(&key, bytes).await.unwrap_err();
    let head = refusing.await.unwrap();
    assert!(
        head.starts_with("POST /locked/some/prefix/large?uploads"),
        "{head}"
    );
    assert!(
        head.contains("x-amz-object-lock-mode: GOVERNANCE\r\n"),
        "{head}"
    );
    assert!(
        head.contains("x-amz-object-lock-retain-until-date: 20"),
        "{head}"
    );
}

#[tokio::test]
async fn a_lock_on_a_bucket_that_has_none_is_refused_by_name() {
    let test = "a_lock_on_a_bucket_that_has_none_is_refused_by_name";
    let Some(moto) = Store::moto(test).await else {
        return;
    };
    moto.bucket("plain").await;
    let objects = moto.objects("plain", "&lock=governance&lock_days=1").await;
    let (key, bytes) = (key("x"), Bytes::from_static(b"x"));
    let error = objects.put(&key, bytes).await.unwrap_err();
    assert!(matches!(error, ObjectError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("Lock"), "{error}");
}

#[tokio::test]
async fn what_is_put_is_encrypted_by_the_key_that_is_named() {
    let test = "what_is_put_is_encrypted_by_the_key_that_is_named";
    let Some(moto) = Store::moto(test).await else {
        return;
    };
    moto.bucket("secret").await;
    let objects = moto.objects("secret", "&kms_key=alias/city").await;
    for (name, bytes) in [("small", 100), ("large", LARGE_BYTES + 1)] {
        let key = key(name);
        let bytes = Bytes::from(vec![7; bytes]);
        objects.put(&key, bytes.clone()).await.unwrap();
        let head = head(&objects, &key).await;
        let encryption = head.server_side_encryption();
        assert_eq!(encryption, Some(&ServerSideEncryption::AwsKms));
        assert_eq!(head.ssekms_key_id(), Some("alias/city"));
        assert_eq!(objects.get(&key).await.unwrap(), Some(bytes));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_folder_marks_is_not_the_end_of_a_list() {
    let test = "a_page_of_folder_marks_is_not_the_end_of_a_list";
    let Some(moto) = Store::moto(test).await else {
        return;
    };
    let objects = moto.bucket("marked").await;
    let mut marks = tokio::task::JoinSet::new();
    for mark in 0..=MAX_KEYS {
        let put = objects.client.put_object().bucket("marked");
        let put = put.key(objects.full(&format!("day/{mark:04}/"))).send();
        marks.spawn(async move { put.await.unwrap() });
    }
    marks.join_all().await;
    let key = key("day/9999/object");
    objects.put(&key, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(objects.list("day/", None).await.unwrap(), [key]);
}
