//! Who is erased is gone, everybody else is not, whatever dies wherever; what is held stays.

use std::collections::BTreeSet;

use schemas::{Record, RideEventKind};

use super::*;
use crate::{
    reading::{Merge, Row},
    testing::{
        Entry, START_MS,
        archived::archive_of,
        event, ping,
        storages::{Fault, Flaky, copy_of, storage},
        trip,
    },
};

/// What is in an archive: ids of each row, as `table fleet vehicle driver ride time`.
async fn rows(objects: &Arc<dyn Objects>) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    let lists = Lists::new(Arc::clone(objects), Shutdown::new());
    let books = Books {
        storage: storage(objects),
    };
    for table in Table::ALL {
        let stop = Shutdown::new();
        let mut hours = Hours::new(&**objects, &stop, table, (None, None)).unwrap();
        while let Some((partition, _)) = hours.next().await.unwrap() {
            let Standing { list, records } = lists.standing(partition).await.unwrap();
            let mut files = Vec::new();
            for uri in list.uris() {
                let key = lists.key(partition, uri).unwrap();
                files.push(books.file(&key, &records).await.unwrap());
            }
            match table {
                Table::Pings => read::<Ping>(objects, &files, &mut rows).await,
                Table::RideEvents => read::<RideEvent>(objects, &files, &mut rows).await,
                Table::Trips => read::<Trip>(objects, &files, &mut rows).await,
            }
        }
    }
    rows
}

async fn read<R: Row + rows::Erasable>(
    objects: &Arc<dyn Objects>,
    files: &[File],
    into: &mut BTreeSet<String>,
) {
    let mut merge = Merge::<R>::open(&storage(objects), files).await.unwrap();
    while let Some(row) = merge.next_of_all().await.unwrap() {
        let ids = row.ids();
        let text = |id: Option<&str>| id.unwrap_or("-").to_owned();
        let driver = text(ids.driver.as_ref().map(schemas::DriverId::as_str));
        let ride = text(ids.ride.as_ref().map(schemas::RideId::as_str));
        let second = (ids.time.0 - START_MS) / 1_000;
        into.insert(format!(
            "{} {} {driver} {ride} {second} {:?}",
            R::TABLE.as_str(),
            ids.vehicle,
            row.name()
        ));
    }
}

/// Two vehicles over two hours; `v1` is on the ride `v1-0` from second 8 on, and says so from 10 to 19.
fn parts() -> Vec<Vec<Entry>> {
    let mut driven = trip("v1-0", 1);
    driven.assigned = Some(Timestamp(START_MS + 8_000));
    driven.ended = Timestamp(START_MS + 22_000);
    driven.driver = Some("d-v1".parse().unwrap());
    let mut arrived = event("v1-0", 9);
    arrived.kind = RideEventKind::Arrived;
    let mut entries: Vec<Entry> = (0..30)
        .flat_map(|second| [ping("v1", second).into(), ping("v2", second).into()])
        .collect();
    entries.extend([
        arrived.into(),
        event("v1-0", 22).into(),
        event("other", 5).into(),
    ]);
    entries.extend([
        driven.clone().into(),
        Trip {
            version: 2,
            ..driven
        }
        .into(),
        trip("other", 1).into(),
    ]);
    entries.chunks(35).map(<[Entry]>::to_vec).collect()
}

fn request(kind: &str, id: &str, holds: &str) -> Request {
    Request {
        subject: Subject::parse(kind, id).unwrap(),
        reason: "request 7".to_owned(),
        holds: Hold::parse(holds).unwrap(),
        key: vec![7; 32],
        grace: Duration::ZERO,
        now_ms: START_MS,
    }
}

async fn erase_now(objects: &Arc<dyn Objects>, request: &Request) -> ErasureCounts {
    let erased = erase(request, Arc::clone(objects), &Shutdown::new())
        .await
        .unwrap();
    assert_eq!(erased.failures, Vec::<String>::new());
    erased.counts
}

/// Whether a row of [`rows`] is one of the ride `v1-0`.
fn is_of_ride(row: &str) -> bool {
    let parts: Vec<&str> = row.split(' ').collect();
    let second: i64 = parts[4].parse().unwrap();
    parts[3] == "v1-0"
        || (parts[..2] == ["pings", "v1"] && parts[3] == "-" && (8..=22).contains(&second))
}

/// All that lies in the archive and is no data file.
async fn books(objects: &Arc<dyn Objects>) -> String {
    let mut text = String::new();
    for prefix in ["_erasures/", "_replaced/", "_swapped/", "tables/"] {
        for key in objects.list(prefix, None).await.unwrap() {
            let bytes = objects.get(&key).await.unwrap().unwrap();
            text.push_str(key.as_str());
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    text
}

/// No file is left beside those that are listed.
async fn check_swept(objects: &Arc<dyn Objects>) {
    let mut listed = 0;
    for key in objects.list("tables/", None).await.unwrap() {
        let bytes = objects.get(&key).await.unwrap().unwrap();
        listed += bytes.split_inclusive(|byte| *byte == b'\n').count();
    }
    let mut there = 0;
    for table in Table::ALL {
        there += objects.list(table.as_str(), None).await.unwrap().len();
    }
    assert_eq!(there, listed);
}

#[tokio::test(start_paused = true)]
async fn a_driver_is_named_in_no_row_any_more_and_no_row_is_gone() {
    let objects = archive_of(&parts()).await;
    let before = rows(&objects).await;
    let counts = erase_now(&objects, &request("driver", "fleet/d-v1", "")).await;
    let expected: BTreeSet<String> = before
        .iter()
        .map(|row| row.replace(" d-v1 ", " - "))
        .collect();
    assert_eq!(rows(&objects).await, expected);
    let theirs = before.iter().filter(|row| row.contains(" d-v1 ")).count() as u64;
    assert_eq!((counts.altered, counts.erased, counts.held), (theirs, 0, 0));
    check_swept(&objects).await;
    assert!(
        !books(&objects).await.contains("d-v1"),
        "the record names who was erased"
    );
    let again = erase_now(&objects, &request("driver", "fleet/d-v1", "")).await;
    assert_eq!(again, ErasureCounts::default());
}

#[tokio::test(start_paused = true)]
async fn of_a_ride_nothing_is_left_and_of_others_everything() {
    let objects = archive_of(&parts()).await;
    let before = rows(&objects).await;
    let counts = erase_now(&objects, &request("ride", "fleet/v1-0", "")).await;
    let (gone, kept): (BTreeSet<String>, _) = before.into_iter().partition(|row| is_of_ride(row));
    assert_eq!(rows(&objects).await, kept);
    assert_eq!((counts.erased, counts.altered), (gone.len() as u64, 0));
    assert!(gone.len() > 15, "{gone:?}");
    check_swept(&objects).await;
    assert!(!books(&objects).await.contains("v1-0"));
}

#[tokio::test(start_paused = true)]
async fn of_another_fleet_nobody_is_touched() {
    let objects = archive_of(&parts()).await;
    let before = rows(&objects).await;
    for (kind, id) in [("driver", "other/d-v1"), ("ride", "other/v1-0")] {
        assert_eq!(
            erase_now(&objects, &request(kind, id, "")).await,
            ErasureCounts::default()
        );
    }
    assert_eq!(rows(&objects).await, before);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_stays_and_is_counted() {
    let hold = |kind, id, until: &str| {
        format!("[[hold]]\nkind = '{kind}'\nid = '{id}'\nuntil = '{until}'\nauthority = 'court'\n")
    };
    let objects = archive_of(&parts()).await;
    let before = rows(&objects).await;
    let kept = hold("ride", "fleet/v1-0", "2026-03-01");
    let counts = erase_now(&objects, &request("ride", "fleet/v1-0", &kept)).await;
    let of_ride = before.iter().filter(|row| is_of_ride(row)).count() as u64;
    assert_eq!((counts.erased, counts.held), (0, of_ride));
    assert_eq!(rows(&objects).await, before);
    let counts = erase_now(&objects, &request("driver", "fleet/d-v1", &kept)).await;
    let expected = before.iter().map(|row| {
        if is_of_ride(row) {
            row.clone()
        } else {
            row.replace(" d-v1 ", " - ")
        }
    });
    assert_eq!(rows(&objects).await, expected.collect());
    assert!(counts.held > 0 && counts.altered > 0);
    // The day before it was over.
    let over = hold("ride", "fleet/v1-0", "2026-02-28");
    let counts = erase_now(&objects, &request("ride", "fleet/v1-0", &over)).await;
    assert_eq!((counts.erased, counts.held), (of_ride, 0));
    let books = books(&objects).await;
    assert!(books.contains("\"authority\": \"court\"") && !books.contains("v1-0"));
}

async fn erase_with(archive: &Arc<dyn Objects>, fault: Option<(usize, Fault)>) -> usize {
    let request = &request("ride", "fleet/v1-0", "");
    let objects = copy_of(&**archive).await;
    let before = rows(&objects).await;
    let flaky = Flaky::new(Arc::clone(&objects), fault);
    let stop = Shutdown::new();
    tokio::select! {
        ended = erase(request, flaky.clone(), &stop) => drop(ended),
        () = flaky.dead.requested() => {}
    }
    let between = rows(&objects).await;
    let is_whole = |row: &String| is_of_ride(row) || between.contains(row);
    assert!(before.iter().all(is_whole), "{fault:?}");
    let _counts = erase_now(&objects, request).await;
    let kept: BTreeSet<String> = before.into_iter().filter(|row| !is_of_ride(row)).collect();
    assert_eq!(rows(&objects).await, kept, "{fault:?}");
    check_swept(&objects).await;
    flaky.operations()
}

#[tokio::test(start_paused = true)]
async fn an_erasure_that_dies_anywhere_is_made_good_by_the_next_one() {
    let archive = archive_of(&parts()).await;
    let operations = erase_with(&archive, None).await;
    assert!(operations > 50, "{operations}");
    for at in 0..operations {
        for fault in Fault::DISTINCT {
            let _operations = erase_with(&archive, Some((at, fault))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_comes_late_brings_nobody_back() {
    let objects = archive_of(&parts()).await;
    let books = Books {
        storage: storage(&objects),
    };
    let lists = Lists::new(Arc::clone(&objects), Shutdown::new());
    let commit = books.commit("shard-0", 1).await.unwrap().unwrap();
    let key = Key::new(&commit.files[0].object.key).unwrap();
    let written = objects.get(&key).await.unwrap().unwrap();
    let request = request("driver", "fleet/d-v1", "");
    let _counts = erase_now(&objects, &request).await;
    let erased = rows(&objects).await;
    // Every step of a commit may be done twice.
    objects.put(&key, written).await.unwrap();
    crate::ledger::publish(&lists, &commit).await.unwrap();
    assert_eq!(rows(&objects).await, erased);
    let again = erase_now(&objects, &request).await;
    assert_eq!((again.altered, again.deleted), (0, 1));
    check_swept(&objects).await;
}

#[tokio::test(start_paused = true)]
async fn dead_letters_with_the_id_are_counted() {
    let garbage = |text: &str| Entry::Garbage([b"\xff\xff", text.as_bytes()].concat());
    let letters = vec![garbage("xd-v1x"), garbage("nobody"), ping("v2", 1).into()];
    let objects = archive_of(&[letters]).await;
    let counts = erase_now(&objects, &request("driver", "fleet/d-v1", "")).await;
    assert_eq!(counts.dead_letters, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_keep_what_it_erases_is_refused() {
    let objects = archive_of(&[]).await;
    let mut named = request("driver", "fleet/d-v1", "");
    named.reason = "d-v1 asked for it".to_owned();
    let mut weak = request("driver", "fleet/d-v1", "");
    weak.key.pop();
    for (request, said) in [(named, "reason"), (weak, "32 bytes")] {
        let error = erase(&request, Arc::clone(&objects), &Shutdown::new())
            .await
            .unwrap_err();
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
    assert_eq!(objects.list("_erasures/", None).await.unwrap(), []);
}

#[test]
fn no_column_and_no_record_names_a_rider() {
    for table in Table::ALL {
        for field in table.schema().fields() {
            let name = field.name();
            let is_person = ["rider", "passenger", "customer", "user", "phone", "account"];
            assert!(is_person.iter().all(|word| !name.contains(word)), "{name}");
        }
    }
    // What travels has no place for one either: an unknown field of a record is not kept.
    let mut bytes = Vec::new();
    Record::Ping(ping("v1", 1)).encode(&mut bytes);
    assert_eq!(Record::decode(&bytes), Ok(Record::Ping(ping("v1", 1))));
}
