//! A process that is killed while it puts: afterwards each object is whole or absent, and what was
//! put before is there. The loss of power is not tried here.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::*;

/// Names the directory to the process that is to be killed.
const DIR_VARIABLE: &str = "CRASH_TEST_DIR";

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
        objects
            .put(&Key::new("overwritten").unwrap(), body(n))
            .await
            .unwrap();
        // After an earlier kill the first ones are there.
        if objects.put_if_absent(&once(n), body(n)).await.unwrap() == Put::Created {
            println!("\ncreated {n}");
        }
    }
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
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "local::crash::put_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(DIR_VARIABLE, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut numbers = lines.map_while(Result::ok).filter_map(|line| {
        line.strip_prefix("created ")
            .and_then(|number| number.parse::<usize>().ok())
    });
    let mut created: Vec<usize> = numbers.by_ref().take(count).collect();
    assert_eq!(created.len(), count, "the process ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have said more before the kill came.
    created.extend(numbers);
    created
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
    let overwritten = objects
        .get(&Key::new("overwritten").unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(overwritten, body(overwritten.len() - OBJECT_BYTES));
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
