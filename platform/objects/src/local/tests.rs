//! What a directory does beyond the conformance suite: its refusals, its staging files, its URLs.

use std::{fs, future::poll_fn, path::Path, task::Poll};

use tempfile::TempDir;

use super::*;
use crate::conformance::{self, swaps::add};

async fn open(dir: &Path) -> LocalObjects {
    LocalObjects::open(&format!("file://{}", dir.display()))
        .await
        .unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn names_in(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_is_what_the_trait_promises() {
    let dir = TempDir::new().unwrap();
    conformance::check(Arc::new(open(&dir.path().join("made/for it")).await))
        .await
        .unwrap();
}

#[tokio::test]
async fn objects_outlive_the_opening_and_no_staging_file_does() {
    let dir = TempDir::new().unwrap();
    let objects = open(dir.path()).await;
    objects
        .put(&key("a/b"), Bytes::from_static(b"x"))
        .await
        .unwrap();
    assert_eq!(
        objects
            .put_if_absent(&key("a/b"), Bytes::new())
            .await
            .unwrap(),
        Put::Exists
    );
    assert_eq!(names_in(&dir.path().join(".tmp~/0")), ["lock"]);
    drop(objects);
    assert_eq!(names_in(&dir.path().join(".tmp~")), ["lock"]);
    let objects = open(dir.path()).await;
    assert_eq!(
        objects.get(&key("a/b")).await.unwrap(),
        Some(Bytes::from_static(b"x"))
    );
}

#[tokio::test]
async fn the_uri_of_an_object_is_that_of_its_file() {
    let dir = TempDir::new().unwrap();
    let url = format!("file://{}/with%20room//", dir.path().display());
    let objects = LocalObjects::open(&url).await.unwrap();
    let (key, bytes) = (key("a/b=c"), Bytes::from_static(b"x"));
    objects.put(&key, bytes.clone()).await.unwrap();
    let uri = objects.uri(&key);
    let expected = format!("file://{}/with%20room/a/b=c", dir.path().display());
    assert_eq!(uri, expected);
    let file = Url::parse(&uri).unwrap().to_file_path().unwrap();
    assert_eq!(fs::read(file).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_swap_is_alone_also_beside_another_opening() {
    let dir = TempDir::new().unwrap();
    let mut writers = task::JoinSet::new();
    for writer in 0..3 {
        let objects = open(dir.path()).await;
        writers.spawn(async move {
            for line in 0..20 {
                let line = format!("{writer}-{line}\n");
                add(&objects, &key("lines"), &line).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let text = open(dir.path()).await.get(&key("lines")).await.unwrap();
    let lines = text.unwrap().split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(lines, 3 * 20);
}

/// Puts count upwards, swaps take one thing for another: what a swap was told that it replaced must
/// be what was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_swap_replaces_nothing_that_was_put_meanwhile() {
    let dir = TempDir::new().unwrap();
    let objects = open(dir.path()).await;
    let key = key("contended");
    objects.put(&key, Bytes::from_static(b"0")).await.unwrap();
    let swaps = {
        let (objects, key) = (objects.clone(), key.clone());
        task::spawn(async move {
            loop {
                let (bytes, tag) = objects.get_tagged(&key).await.unwrap().unwrap();
                if bytes == "end" {
                    return;
                }
                let swapped = Bytes::from([&bytes[..], b" swapped"].concat());
                let _swap = objects.put_if_unchanged(&key, swapped, &tag).await.unwrap();
            }
        })
    };
    for n in 1..200 {
        let bytes = Bytes::from(n.to_string());
        objects.put(&key, bytes.clone()).await.unwrap();
        let there = objects.get(&key).await.unwrap().unwrap();
        assert!(there.starts_with(&bytes), "{bytes:?} became {there:?}");
    }
    objects.put(&key, Bytes::from_static(b"end")).await.unwrap();
    swaps.await.unwrap();
}

#[tokio::test]
async fn an_upload_leaves_no_file_that_is_not_its_object() {
    let dir = TempDir::new().unwrap();
    let objects = open(dir.path()).await;
    let staged = || names_in(&dir.path().join(".tmp~/0"));
    let mut upload = objects.upload(&key("a/b")).await.unwrap();
    upload.write(Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(staged(), ["0", "lock"]);
    drop(upload);
    assert_eq!(staged(), ["lock"]);
    objects.put(&key("a"), Bytes::new()).await.unwrap();
    let upload = objects.upload(&key("a/b")).await.unwrap();
    let refused = upload.finish().await;
    assert!(matches!(refused, Err(ObjectError::Refused { .. })));
    assert_eq!(staged(), ["lock"]);
    assert_eq!(objects.list("", None).await.unwrap(), [key("a")]);
}

#[test]
fn an_upload_whose_write_nobody_waited_for_fails() {
    let dir = TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let objects = open(dir.path()).await;
        let mut upload = objects.upload(&key("x")).await.unwrap();
        // Nothing is written while the one thread for that waits.
        let (go_on, told) = std::sync::mpsc::channel::<()>();
        task::spawn_blocking(move || told.recv().unwrap());
        let mut write = upload.write(Bytes::from_static(b"lost"));
        let is_pending = poll_fn(|context| {
            let poll = write.as_mut().poll(context);
            Poll::Ready(poll.is_pending())
        });
        assert!(is_pending.await);
        drop(write);
        go_on.send(()).unwrap();
        for failed in [upload.write(Bytes::new()).await, upload.finish().await] {
            assert!(matches!(failed, Err(ObjectError::Unavailable { .. })));
        }
        assert_eq!(objects.get(&key("x")).await.unwrap(), None);
    });
}

#[tokio::test]
async fn staging_files_of_the_dead_go_and_those_of_the_living_stay() {
    let dir = TempDir::new().unwrap();
    let staging = dir.path().join(".tmp~");
    let living = open(dir.path()).await;
    fs::create_dir(staging.join("7")).unwrap();
    fs::write(staging.join("7/0"), "half an obj").unwrap();
    let second = open(dir.path()).await;
    assert_eq!(names_in(&staging), ["0", "1", "lock"]);
    for objects in [living, second] {
        objects.put(&key("x"), Bytes::new()).await.unwrap();
    }
}

#[tokio::test]
async fn staging_files_and_foreign_names_are_not_listed() {
    let dir = TempDir::new().unwrap();
    let objects = open(dir.path()).await;
    objects.put(&key("x"), Bytes::new()).await.unwrap();
    fs::write(dir.path().join(".tmp~/0/9"), "staged").unwrap();
    fs::write(dir.path().join("no key"), "").unwrap();
    for prefix in ["", ".", ".tmp"] {
        let expected = if prefix.is_empty() {
            vec![key("x")]
        } else {
            vec![]
        };
        assert_eq!(objects.list(prefix, None).await.unwrap(), expected);
    }
    assert_eq!(objects.list(".tmp~/", None).await.unwrap(), []);
}

#[tokio::test]
async fn a_key_below_another_is_refused() {
    let dir = TempDir::new().unwrap();
    let objects = open(dir.path()).await;
    objects
        .put(&key("a/b"), Bytes::from_static(b"x"))
        .await
        .unwrap();
    for refused in [key("a"), key("a/b/c"), key("a/b/c/d")] {
        let put = objects.put(&refused, Bytes::new()).await;
        assert!(
            matches!(put, Err(ObjectError::Refused { .. })),
            "{refused}: {put:?}"
        );
        let put = objects.put_if_absent(&refused, Bytes::new()).await;
        assert!(
            matches!(put, Err(ObjectError::Refused { .. })),
            "{refused}: {put:?}"
        );
        assert_eq!(objects.get(&refused).await.unwrap(), None);
        assert_eq!(objects.get_range(&refused, 0..1).await.unwrap(), None);
    }
    assert_eq!(objects.list("", None).await.unwrap(), [key("a/b")]);
    assert_eq!(names_in(&dir.path().join(".tmp~/0")), ["lock"]);
}

#[tokio::test]
async fn a_directory_that_is_only_read_is_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let url = format!("file://{}", dir.path().display());
    let missing = crate::open_to_read(&format!("{url}/missing")).await.err();
    assert!(missing.unwrap().to_string().contains("No such file"));
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);

    fs::write(dir.path().join("a"), "x").unwrap();
    let objects = crate::open_to_read(&url).await.unwrap();
    let (a, x) = (key("a"), Bytes::from_static(b"x"));
    let tagged = objects.get_tagged(&a).await.unwrap();
    assert_eq!(tagged, Some((x.clone(), Tag::of(b"x"))));
    assert_eq!(objects.list("", None).await.unwrap(), [key("a")]);
    let errors = [
        objects.put(&a, x.clone()).await.err(),
        objects.put_if_absent(&a, x.clone()).await.err(),
        objects.put_if_unchanged(&a, x, &Tag::of(b"x")).await.err(),
        objects.upload(&a).await.err(),
        objects.delete(&a).await.err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Some(ObjectError::Refused { .. })),
            "{error:?}"
        );
    }
    assert_eq!(names_in(dir.path()), ["a"]);
    assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"x");
}

#[tokio::test]
async fn a_segment_that_is_too_long_for_a_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let too_long = key(&format!("made/for/{}", "x".repeat(300)));
    let put = open(dir.path()).await.put(&too_long, Bytes::new()).await;
    assert!(matches!(put, Err(ObjectError::Refused { .. })), "{put:?}");
    assert_eq!(
        names_in(dir.path()),
        [".tmp~"],
        "its directories are left behind"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_and_deletes_in_one_directory_do_not_disturb_each_other() {
    let dir = TempDir::new().unwrap();
    let objects = open(dir.path()).await;
    let mut tasks = task::JoinSet::new();
    for n in 0..8 {
        let objects = objects.clone();
        tasks.spawn(async move {
            let key = key(&format!("shared/deep/{n}"));
            for round in 0..60 {
                if round % 2 == 0 {
                    objects.put(&key, Bytes::from_static(b"x")).await.unwrap();
                } else {
                    let put = objects.put_if_absent(&key, Bytes::from_static(b"x")).await;
                    assert_eq!(put.unwrap(), Put::Created);
                }
                assert!(objects.get(&key).await.unwrap().is_some());
                objects.delete(&key).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(names_in(dir.path()), [".tmp~"]);
}

#[test]
fn what_may_pass_is_told_from_what_will_not() {
    let check = |kind: ErrorKind, is_refused: bool| {
        let error = to_object_error("k".to_owned(), &kind.into());
        assert_eq!(
            matches!(error, ObjectError::Refused { .. }),
            is_refused,
            "{kind:?}: {error}"
        );
        assert_eq!(
            matches!(error, ObjectError::Unavailable { .. }),
            !is_refused,
            "{kind:?}"
        );
    };
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::Interrupted,
    ] {
        check(kind, false);
    }
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
        check(kind, true);
    }
}

#[tokio::test]
async fn a_url_that_names_no_directory_is_refused_by_its_text() {
    for url in [
        "file:data",
        "file://data/x",
        "file:///tmp/x?y",
        "file:///tmp/x#y",
        "s3:///p",
    ] {
        let Err(error) = crate::open(url).await.map(|_| ()) else {
            panic!("{url} was opened")
        };
        assert!(matches!(error, ObjectError::Url { .. }), "{error}");
        assert!(error.to_string().contains(url), "{error}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_an_error() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let url = format!("file://{}/file/below", dir.path().display());
    assert!(LocalObjects::open(&url).await.is_err());
}
