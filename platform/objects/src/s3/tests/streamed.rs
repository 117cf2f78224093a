//! Uploads in parts: what is left of those that end badly, and what becomes of lost answers.

use super::*;

/// More than a part, so that parts go.
const BYTES: usize = (8 << 20) + 9;

fn bytes() -> Bytes {
    Bytes::from(vec![7; BYTES])
}

/// Begins an upload and writes so much that a part goes.
async fn begun(objects: &S3Objects, key: &Key) -> Box<dyn Upload> {
    let mut upload = objects.upload(key).await.unwrap();
    upload.write(bytes()).await.unwrap();
    assert_eq!(uploads(objects).await, 1);
    upload
}

#[tokio::test]
async fn nothing_stays_of_an_upload_that_is_dropped() {
    let test = "nothing_stays_of_an_upload_that_is_dropped";
    let Some(moto) = Store::moto(test).await else {
        return;
    };
    let objects = moto.bucket("dropped").await;
    let key = key("x");
    let upload = begun(&objects, &key).await;
    drop(upload);
    while uploads(&objects).await > 0 {
        tokio::task::yield_now().await;
    }
    // Nor of one whose end nobody waits for.
    let upload = begun(&objects, &key).await;
    drop(upload.finish());
    while uploads(&objects).await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(objects.get(&key).await.unwrap(), None);
}

#[tokio::test]
async fn an_upload_that_lost_a_part_fails_from_then_on() {
    let test = "an_upload_that_lost_a_part_fails_from_then_on";
    let Some(moto) = Store::moto(test).await else {
        return;
    };
    let objects = moto.bucket("lost").await;
    let key = key("x");
    let mut upload = begun(&objects, &key).await;
    moto.proxy.set_plan(Plan {
        only: Some("UploadPart"),
        error_before: 1.0,
        ..LIKE_S3
    });
    let mut failed = upload.write(bytes()).await;
    while failed.is_ok() {
        failed = upload.write(bytes()).await;
    }
    assert_eq!(uploads(&objects).await, 0, "its parts stay");
    moto.proxy.set_plan(LIKE_S3);
    for error in [
        failed.unwrap_err(),
        upload.write(Bytes::new()).await.unwrap_err(),
        upload.finish().await.unwrap_err(),
    ] {
        assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    }
    assert_eq!(objects.get(&key).await.unwrap(), None);
}

#[tokio::test]
async fn an_upload_whose_last_answer_is_lost_is_known_by_its_mark() {
    let test = "an_upload_whose_last_answer_is_lost_is_known_by_its_mark";
    let Some(moto) = Store::moto(test).await else {
        return;
    };
    let objects = moto.bucket("answered").await;
    let key = key("x");
    let complete = || moto.asked("CompleteMultipartUpload");
    for (plan, tries) in [
        (
            Plan {
                error_after: 1.0,
                ..LIKE_S3
            },
            1,
        ),
        (
            Plan {
                silence_after: 1.0,
                ..LIKE_S3
            },
            1,
        ),
        // One that was not done is done again.
        (
            Plan {
                error_before: 1.0,
                ..LIKE_S3
            },
            4,
        ),
    ] {
        let before = complete();
        moto.proxy.set_plan(LIKE_S3);
        objects.delete(&key).await.unwrap();
        let upload = begun(&objects, &key).await;
        moto.proxy.set_plan(Plan {
            only: Some("CompleteMultipartUpload"),
            ..plan
        });
        let finished = upload.finish().await;
        assert_eq!(complete() - before, tries, "{finished:?}");
        let is_done = tries == 1;
        assert_eq!(finished.is_ok(), is_done, "{finished:?}");
        let there = objects.get(&key).await.unwrap();
        assert!(there == is_done.then(bytes), "{plan:?}");
        assert_eq!(uploads(&objects).await, 0, "{plan:?}");
    }
}

#[tokio::test]
async fn a_small_upload_is_a_put_and_a_large_one_has_parts() {
    let s3s = Store::s3s().await;
    let objects = s3s.bucket("sizes").await;
    let mut upload = objects.upload(&key("small")).await.unwrap();
    for _ in 0..8 {
        upload.write(Bytes::from(vec![7; 1 << 20])).await.unwrap();
    }
    upload.finish().await.unwrap();
    let mut upload = objects.upload(&key("large")).await.unwrap();
    for _ in 0..17 {
        upload.write(Bytes::from(vec![7; 1 << 20])).await.unwrap();
    }
    upload.finish().await.unwrap();
    let calls = s3s.proxy.calls().into_iter();
    let calls: Vec<_> = calls
        .filter(|(call, _)| call.resource.ends_with("/small") || call.resource.ends_with("/large"))
        .map(|(call, count)| (call.action, call.resource, count))
        .collect();
    let path = |name: &str| format!("sizes/some/prefix/{name}");
    let expected = [
        ("CompleteMultipartUpload", path("large"), 1),
        ("CreateMultipartUpload", path("large"), 1),
        ("PutObject", path("small"), 1),
        ("UploadPart", path("large"), 3),
    ];
    let expected = expected.map(|(action, path, count)| (action.to_owned(), path, count));
    assert_eq!(calls, expected);
}
