//! Processes that are killed while they put, upload and swap: afterwards each object is whole or
//! absent, and what was done before is there. The loss of power is not tried here.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::*;
use crate::conformance::swaps::add;

/// Names the directory to the process that is to be killed.
const DIR_VARIABLE: &str = "CRASH_TEST_DIR";

/// Names each of several processes to itself.
const WRITER_VARIABLE: &str = "CRASH_TEST_WRITER";

/// So many processes swap one object at once, and are killed after so many swaps at least.
const WRITERS: usize = 3;
const SWAPS: usize = 8;

/// Large enough for a kill to come in the midst of writing.
const OBJECT_BYTES: usize = 400_000;

/// So often is a process killed, each time after a few puts more.
const KILLS: usize = 6;

/// Not twice the same: its length and its bytes both say which it is.
fn body(n: usize) -> Bytes {
    Bytes::from(vec![(n % 251) as u8; OBJECT_BYTES + n])
}

async fn open(dir: &Path) -> LocalObjects {
    LocalObjects::open(&format!("file://{}", dir.display()))
        .await
        .unwrap()
}

fn once(n: usize) -> Key {
    Key::new(format!("once/{}/{n}", n % 5)).unwrap()
}

#[tokio::test]
#[ignore = "runs until it is killed, as the child of the test below"]
async fn put_until_killed() {
    let Some(dir) = env::var_os(DIR_VARIABLE) else {
        return;
    };
    let objects = open(Path::new(&dir)).await;
    for n in 0.. {
        // The kill comes soon after a line, now in the midst of the one and now of the other.
        if n % 2 == 0 {
            overwrite(&objects, n).await;
            upload(&objects, n).await;
        } else {
            upload(&objects, n).await;
            overwrite(&objects, n).await;
        }
        // After an earlier kill the first ones are there.
        if objects.put_if_absent(&once(n), body(n)).await.unwrap() == Put::Created {
            println!("\ncreated {n}");
        }
    }
}

async fn overwrite(objects: &LocalObjects, n: usize) {
    let key = Key::new("overwritten").unwrap();
    objects.put(&key, body(n)).await.unwrap();
}

async fn upload(objects: &LocalObjects, n: usize) {
    let key = Key::new("uploaded").unwrap();
    let mut upload = objects.upload(&key).await.unwrap();
    let mut bytes = body(n);
    for _ in 0..4 {
        let piece = bytes.split_to(OBJECT_BYTES / 4);
        upload.write(piece).await.unwrap();
    }
    upload.write(bytes).await.unwrap();
    upload.finish().await.unwrap();
}

#[tokio::test]
async fn after_a_kill_each_object_is_whole_or_absent() {
    let dir = TempDir::new().unwrap();
    let mut created = BTreeSet::new();
    for kill in 0..KILLS {
        created.extend(created_before_a_kill(dir.path(), 1 + kill * 3));
        check(dir.path(), &created).await;
    }
}

/// Runs the test above as a process of its own and kills it after it has created `count` objects.
fn created_before_a_kill(dir: &Path, count: usize) -> Vec<usize> {
    let child = start("local::crash::put_until_killed", dir, 0);
    let numbers = said_before_a_kill(child, "created ", count).into_iter();
    numbers.map(|number| number.parse().unwrap()).collect()
}

fn start(test: &str, dir: &Path, writer: usize) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .env(WRITER_VARIABLE, writer.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a process says behind `beginning` until it has said that `count` times, and is killed.
fn said_before_a_kill(mut child: Child, beginning: &str, count: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok).filter_map(|line| {
        let said = line.strip_prefix(beginning);
        said.map(str::to_owned)
    });
    let mut all: Vec<String> = said.by_ref().take(count).collect();
    assert_eq!(all.len(), count, "the process ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have said more before the kill came.
    all.extend(said);
    all
}

#[tokio::test]
#[ignore = "runs until it is killed, as a child of the test below"]
async fn swap_until_killed() {
    let Some(dir) = env::var_os(DIR_VARIABLE) else {
        return;
    };
    let writer = env::var(WRITER_VARIABLE).unwrap();
    let objects = open(Path::new(&dir)).await;
    let key = Key::new("swapped/by/all").unwrap();
    for n in 0.. {
        let line = format!("{writer}-{n}");
        add(&objects, &key, &format!("{line}\n")).await.unwrap();
        println!("\nadded {line}");
    }
}

#[tokio::test]
async fn processes_that_swap_and_are_killed_lose_no_swap_that_was_done() {
    let dir = TempDir::new().unwrap();
    let children: Vec<Child> = (0..WRITERS)
        .map(|writer| start("local::crash::swap_until_killed", dir.path(), writer))
        .collect();
    let mut added = Vec::new();
    for child in children {
        added.extend(said_before_a_kill(child, "added ", SWAPS));
    }
    // Nobody holds the lock that a dead process held.
    let objects = open(dir.path()).await;
    let key = Key::new("swapped/by/all").unwrap();
    add(&objects, &key, "last\n").await.unwrap();
    let bytes = objects.get(&key).await.unwrap().unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let lines: BTreeSet<&str> = text.lines().collect();
    assert_eq!(lines.len(), text.lines().count(), "a line is there twice");
    for line in &added {
        assert!(lines.contains(&**line), "{line} is lost");
    }
    // Of each process that was killed, one may be done that it did not say any more.
    let unsaid = lines.len() - 1 - added.len();
    assert!(unsaid <= WRITERS, "{unsaid} lines are nobody's");
}

async fn check(dir: &Path, created: &BTreeSet<usize>) {
    let objects = open(dir).await;
    let staged = fs::read_dir(objects.root.dir.join(".tmp~/0"))
        .unwrap()
        .count();
    assert_eq!(
        staged, 1,
        "more than the lock is left in the staging directory"
    );
    for name in ["overwritten", "uploaded"] {
        let bytes = objects
            .get(&Key::new(name).unwrap())
            .await
            .unwrap()
            .unwrap();
        assert!(
            bytes == body(bytes.len() - OBJECT_BYTES),
            "{name} is not whole"
        );
    }
    for &n in created {
        assert_eq!(
            objects.get(&once(n)).await.unwrap(),
            Some(body(n)),
            "object {n} is lost"
        );
    }
    for key in objects.list("once/", None).await.unwrap() {
        let n: usize = key.as_str().rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(
            objects.get(&key).await.unwrap(),
            Some(body(n)),
            "{key} is not whole"
        );
    }
}
