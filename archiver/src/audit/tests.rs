//! An audit finds each single thing that can be lost, doubled, damaged or made up, and nothing where
//! there is nothing.

use std::time::Duration;

use bytes::Bytes;
use objects::{Key, Put};

use super::{findings::Records, *};
use crate::{
    commit::{Commit, to_bytes},
    testing::{Entry, archived::archive_of, event, ping, trip},
};

fn settings(period: &str, deep: bool) -> Settings {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }
    let mut flags = vec!["audit", "--period", period];
    if deep {
        flags.push("--deep");
    }
    clap::Parser::try_parse_from(flags)
        .map(|line: Line| line.settings)
        .unwrap()
}

async fn audit_of(objects: &Arc<dyn Objects>, period: &str, deep: bool) -> Findings {
    let stop = Shutdown::new();
    audit(settings(period, deep), Arc::clone(objects), &stop)
        .await
        .unwrap()
}

/// Three commits over the last ten seconds of a month and the first of the next one.
fn parts() -> Vec<Vec<Entry>> {
    let part = |number: u64| -> Vec<Entry> {
        vec![
            ping("v1", number * 4).into(),
            ping("v1", number * 4).into(),
            ping("v1", number * 4 + 1).into(),
            event("r", number as i64 * 4).into(),
            trip("r", number as u32 + 1).into(),
            Entry::Garbage(b"\xff\xff".to_vec()),
        ]
    };
    (0..3).map(part).collect()
}

#[tokio::test(start_paused = true)]
async fn a_period_that_is_complete_is_told_so_with_all_its_numbers() {
    let objects = archive_of(&parts()).await;
    let day = audit_of(&objects, "2026-03-01", true).await;
    assert!(day.complete, "{day}");
    assert_eq!((day.shards, day.commits), (1, 3));
    let Records {
        records,
        rows,
        duplicates,
        dead_letters,
    } = day.records;
    assert_eq!(
        (records, dead_letters),
        (rows + duplicates + dead_letters, 3)
    );
    let pings = day.tables["pings"];
    assert_eq!((pings.committed, pings.rows, pings.files), (6, 6, 3));
    assert!(day.to_string().ends_with("complete\n"), "{day}");
    // The trips end in the next month.
    let next = audit_of(&objects, "2026-03-02T00", false).await;
    assert!(next.complete);
    assert_eq!(next.tables["trips"].rows, 3);
    let month = audit_of(&objects, "2026-04", false).await;
    assert!(month.complete);
    assert_eq!(month.tables["pings"].committed, 0);
}

/// Damages an archive and looks for a fault that says so.
async fn check<Done: Future<Output = ()>>(
    damage: impl FnOnce(Arc<dyn Objects>) -> Done,
    deep: bool,
    expected: &str,
) {
    let objects = archive_of(&parts()).await;
    damage(Arc::clone(&objects)).await;
    let found = audit_of(&objects, "2026-03-01", deep).await;
    assert!(!found.complete, "{expected}");
    let told = &found.faults.told;
    assert!(
        told.iter().any(|fault| fault.contains(expected)),
        "{expected}: {told:?}"
    );
}

async fn first(objects: &Arc<dyn Objects>, prefix: &str) -> (Key, Bytes) {
    let key = objects.list(prefix, None).await.unwrap().remove(0);
    let bytes = objects.get(&key).await.unwrap().unwrap();
    (key, bytes)
}

async fn change_commit(objects: &Arc<dyn Objects>, change: impl FnOnce(&mut Commit)) {
    let (key, bytes) = first(objects, "_commits/").await;
    let mut commit = serde_json::from_slice(&bytes).unwrap();
    change(&mut commit);
    objects.put(&key, to_bytes(&commit).unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_commit_or_intent_is_found() {
    let delete = |prefix: &'static str, at: usize| {
        async move |objects: Arc<dyn Objects>| {
            let key = objects.list(prefix, None).await.unwrap().remove(at);
            objects.delete(&key).await.unwrap();
        }
    };
    check(delete("_commits/", 1), false, "commits 2 to 2").await;
    check(delete("_commits/", 0), false, "commits 1 to 1").await;
    check(
        delete("_commits/", 2),
        false,
        "no commit or replacement knows",
    )
    .await;
    check(delete("_intents/", 1), false, "intents 2 to 2").await;
    check(delete("_intents/", 2), false, "intents 3 to 3").await;
    check(delete("_dead_letters/", 0), false, "are gone").await;
}

#[tokio::test(start_paused = true)]
async fn a_range_that_is_in_no_commit_is_found() {
    check(
        async |objects| change_commit(&objects, |commit| commit.range.to = "9".to_owned()).await,
        false,
        "records between them",
    )
    .await;
    check(
        async |objects| {
            let gap = |commit: &mut Commit| commit.gaps.push(commit.range.clone());
            change_commit(&objects, gap).await;
        },
        false,
        "the stream had lost",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_what_was_written_is_found() {
    async fn put(objects: Arc<dyn Objects>, change: impl FnOnce(Bytes) -> Bytes) {
        let (key, bytes) = first(&objects, "pings/").await;
        objects.put(&key, change(bytes)).await.unwrap();
    }
    let deleted = async |objects: Arc<dyn Objects>| {
        let (key, _) = first(&objects, "pings/").await;
        objects.delete(&key).await.unwrap();
    };
    check(deleted, false, "is gone").await;
    let cut = async |objects| put(objects, |bytes| bytes.slice(..bytes.len() - 9)).await;
    check(cut, false, "read pings/").await;
    let longer = async |objects| put(objects, |bytes| [&bytes[..], b"x"].concat().into()).await;
    check(longer, false, "longer").await;
    let flipped = async |objects| {
        let flip = |bytes: Bytes| {
            let mut bytes = bytes.to_vec();
            bytes[20] ^= 1;
            Bytes::from(bytes)
        };
        put(objects, flip).await;
    };
    check(flipped, true, "SHA-256").await;
    let strangers = async |objects: Arc<dyn Objects>| {
        let (_, event) = first(&objects, "ride_events/").await;
        let length = event.len() as u64;
        put(Arc::clone(&objects), |_| event).await;
        change_commit(&objects, |commit| {
            let mut pings = commit
                .files
                .iter_mut()
                .filter(|file| file.table == Table::Pings);
            let file = pings.next().unwrap();
            (file.object.bytes, file.rows) = (length, 1);
        })
        .await;
    };
    check(strangers, false, "a stranger's").await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_wrong_is_found() {
    async fn put(objects: Arc<dyn Objects>, change: impl FnOnce(String) -> String) {
        let (key, bytes) = first(&objects, "tables/pings/").await;
        let text = change(String::from_utf8(bytes.to_vec()).unwrap());
        objects.put(&key, text.into()).await.unwrap();
    }
    let short = async |objects| {
        let rest = |text: String| text.split_once('\n').unwrap().1.to_owned();
        put(objects, rest).await;
    };
    check(short, false, "committed and not listed").await;
    let elsewhere =
        async |objects| put(objects, |text| format!("{text}s3://other/x.parquet\n")).await;
    check(elsewhere, false, "no file of it in this archive").await;
    let made_up =
        async |objects| put(objects, |text| text.replace("0001.parquet", "0009.parquet")).await;
    check(made_up, false, "no commit or replacement knows").await;
    check(
        async |objects| put(objects, |text| format!("{text}x")).await,
        false,
        "no list",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn late_rows_are_counted_by_hour() {
    let mut late = ping("v1", 1);
    late.received_at.0 += Duration::from_hours(2).as_millis() as i64;
    let mut in_time = ping("v1", 2);
    in_time.received_at.0 += Duration::from_mins(50).as_millis() as i64;
    let parts = [vec![late.into(), in_time.into(), event("r", 1).into()]];
    let found = audit_of(&archive_of(&parts).await, "2026-03", false).await;
    assert_eq!(found.tables["pings"].late, 1);
    let hours: Vec<_> = found.late.iter().collect();
    assert_eq!(hours, [(&"pings/dt=2026-03-01/hour=23".to_owned(), &1)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_a_note() {
    let objects = archive_of(&parts()).await;
    let stranger = Key::new("pings/dt=2026-03-01/hour=23/part-0.parquet").unwrap();
    objects
        .put(&stranger, Bytes::from_static(b"PAR1"))
        .await
        .unwrap();
    let intent = Key::new("_intents/shard-0/00000000000000000004").unwrap();
    let (_, third) = first(&objects, "_commits/shard-0/00000000000000000003").await;
    let third: Commit = serde_json::from_slice(&third).unwrap();
    let open = format!(
        "{{\"shard\": \"shard-0\", \"n\": 4, \"range\": {{\"from\": \"{}\", \"to\": \"99\"}}, \"window\": null}}",
        third.range.to
    );
    assert_eq!(
        objects.put_if_absent(&intent, open.into()).await.unwrap(),
        Put::Created
    );
    let found = audit_of(&objects, "2026-03-01", false).await;
    assert!(found.complete, "{found}");
    assert_eq!(found.notes.count, 2, "{found}");
}
