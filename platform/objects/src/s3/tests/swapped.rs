//! Swaps whose answers are lost: what a call says of itself is true, or it says nothing.

use super::*;
use crate::conformance::swaps::add;

/// Puts are answered by an error, often, after they are done.
const LOSES_ANSWERS: Plan = Plan {
    only: Some("PutObject"),
    error_after: 0.4,
    ..LIKE_S3
};

#[tokio::test]
async fn a_swap_whose_answer_is_lost_knows_its_own_by_the_mark() {
    let s3s = Store::s3s().await;
    let objects = s3s.bucket("swapped").await;
    let key = key("x");
    objects.put(&key, Bytes::from_static(b"0")).await.unwrap();
    s3s.proxy.set_plan(LOSES_ANSWERS);
    let mut done = 0;
    for n in 1..=30 {
        let (_, tag) = objects.get_tagged(&key).await.unwrap().unwrap();
        let bytes = Bytes::from(n.to_string());
        match objects.put_if_unchanged(&key, bytes.clone(), &tag).await {
            Ok(Swap::Done) => done += 1,
            Ok(Swap::Changed) => panic!("nobody else is here"),
            Err(ObjectError::Unavailable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(objects.get(&key).await.unwrap(), Some(bytes));
    }
    let counts = s3s.proxy.counts();
    assert!(counts.faults >= 5 && done >= 20, "{done}: {counts:?}");
}

/// A swap that was done, and was swapped by another before its next try, is not one that did
/// nothing: who adds a line finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_another_has_swapped_since_does_not_say_that_it_did_nothing() {
    const WRITERS: usize = 4;
    const LINES: usize = 5;
    let s3s = Store::s3s().await;
    let objects = s3s.bucket("swapped").await;
    let key = key("x");
    objects.put(&key, Bytes::new()).await.unwrap();
    s3s.proxy.set_plan(LOSES_ANSWERS);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (objects, key) = (objects.clone(), key.clone());
        writers.spawn(async move {
            for line in 0..LINES {
                let line = format!("{writer}-{line}\n");
                add(&objects, &key, &line).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let text = objects.get(&key).await.unwrap().unwrap();
    let lines = text.split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(lines, WRITERS * LINES, "{text:?}");
}

/// moto asks nothing of an object that is there when parts come to be one, so this is of s3s alone.
#[tokio::test]
async fn a_large_swap_is_of_what_was_read_as_well() {
    let s3s = Store::s3s().await;
    let objects = s3s.bucket("swapped").await;
    let key = key("large");
    let large = |byte| Bytes::from(vec![byte; LARGE_BYTES + 1]);
    objects.put(&key, large(b'a')).await.unwrap();
    let (_, tag) = objects.get_tagged(&key).await.unwrap().unwrap();
    let swap = objects.put_if_unchanged(&key, large(b'b'), &tag).await;
    assert_eq!(swap.unwrap(), Swap::Done);
    let swap = objects.put_if_unchanged(&key, large(b'c'), &tag).await;
    assert_eq!(swap.unwrap(), Swap::Changed);
    assert!(objects.get(&key).await.unwrap() == Some(large(b'b')));
    let asked = |action| s3s.asked(action);
    let left = asked("CreateMultipartUpload") - 2 - asked("AbortMultipartUpload");
    assert_eq!(left, 0, "the parts of what was not done stay");
}
