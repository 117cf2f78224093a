//! Publishing: one link for one export, whatever fails and whoever else publishes.

use std::{
    pin::pin,
    sync::{Arc, atomic::AtomicUsize},
};

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use objects::{Objects, memory::MemoryObjects};

use super::*;
use crate::{
    export::{
        keys::Validity,
        testing::{Exports, SIGNED, key_pair, manifest},
    },
    testing::storages::{Fault, Flaky, Jittery},
};

const FILES: &[(&str, &[u8])] = &[("a.csv", b"a\n1\n"), ("b.csv", b"b\n1\n2\n")];

async fn last(exports: &Exports, period: &str) -> Option<(u32, u64)> {
    let place = Place::new("mds", "example");
    let latest = latest(&exports.store, &place, period).await.unwrap();
    latest.map(|there| (there.manifest.revision, there.manifest.n))
}

#[tokio::test]
async fn the_golden_export_is_published_the_same() {
    let exports = Exports::new();
    exports
        .put("2026-03-01", 1, &[("trips.csv", b"id,m\na,1\nb,2\n")])
        .await;
    let all = exports.all().await;
    let golden: [(&str, &[u8]); 3] = [
        (
            "mds/example/2026-03-01/r001/manifest.json",
            crate::export::testing::GOLDEN,
        ),
        (
            "mds/example/2026-03-01/r001/trips.csv",
            include_bytes!("../golden/mds/example/2026-03-01/r001/trips.csv"),
        ),
        (
            "mds/example/_chain/00000000000000000001",
            crate::export::testing::GOLDEN_LINK.as_bytes(),
        ),
    ];
    let all: Vec<_> = all
        .iter()
        .map(|(key, bytes)| (key.as_str(), &bytes[..]))
        .collect();
    assert_eq!(all, golden);
}

#[tokio::test]
async fn each_link_names_the_one_before_and_what_it_corrects() {
    let exports = Exports::some().await;
    let place = Place::new("mds", "example");
    let mut links = Vec::new();
    for n in 1..=3 {
        let link = exports.store.link(&place.chain(), n).await.unwrap();
        links.push(parse(&link.unwrap()).unwrap());
    }
    let [one, two, three] = links.as_slice() else {
        panic!("three links");
    };
    assert_eq!(one.manifest.previous, None);
    assert_eq!(two.manifest.previous.as_ref(), Some(&one.digest));
    assert_eq!(three.manifest.previous.as_ref(), Some(&two.digest));
    assert_eq!(two.manifest.supersedes, None);
    assert_eq!(three.manifest.supersedes.as_ref(), Some(&one.digest));
    assert_eq!(last(&exports, "2026-03-01").await, Some((2, 3)));
    assert_eq!(last(&exports, "2026-03-02").await, Some((1, 2)));
    assert_eq!(last(&exports, "2026-03-03").await, None);
    // One period's name begins another's.
    assert_eq!(last(&exports, "2026-03").await, None);
}

#[tokio::test]
async fn what_says_the_same_as_the_last_revision_is_not_published() {
    let exports = Exports::some().await;
    let files: &[(&str, &[u8])] = &[
        ("Resubmission_events.json", b"[{\"id\": 1}]"),
        ("Resubmission_trips.csv", b"id,m\na,1\nb,3\n"),
    ];
    let mut manifest = manifest("mds", "example", "2026-03-01");
    manifest.revision = 3;
    manifest.files = files
        .iter()
        .map(|(key, bytes)| crate::export::testing::file(key, bytes))
        .collect();
    let before = exports.all().await;
    let outcome = publish(&exports.store, manifest.clone(), &exports.key, SIGNED).await;
    let outcome = outcome.unwrap();
    assert!(
        matches!(&outcome, Outcome::Unchanged(there) if there.manifest.n == 3),
        "{outcome:?}"
    );
    assert_eq!(exports.all().await, before);
    // What was so before the correction is another correction.
    manifest.files = vec![crate::export::testing::file(
        "trips.csv",
        b"id,m\na,1\nb,2\n",
    )];
    let outcome = publish(&exports.store, manifest, &exports.key, SIGNED).await;
    assert!(matches!(outcome.unwrap(), Outcome::Published(_)));
}

#[tokio::test]
async fn a_revision_that_is_taken_is_told_and_nothing_is_written() {
    let exports = Exports::some().await;
    let mut ours = manifest("mds", "example", "2026-03-01");
    ours.revision = 2;
    let before = exports.all().await;
    let outcome = publish(&exports.store, ours.clone(), &exports.key, SIGNED).await;
    assert!(matches!(outcome.unwrap(), Outcome::Overtaken(there) if there.manifest.n == 3));
    ours.revision = 4;
    let outcome = publish(&exports.store, ours, &exports.key, SIGNED).await;
    let error = outcome.unwrap_err().to_string();
    assert_eq!(error, "revision 4 does not follow revision 2");
    assert_eq!(exports.all().await, before);
}

#[tokio::test]
async fn a_key_out_of_its_time_publishes_nothing() {
    let validity = Validity {
        until: Some(SIGNED),
        ..Validity::default()
    };
    let (key, _) = key_pair(1, validity);
    let exports = Exports::new();
    let ours = manifest("mds", "example", "2026-03-01");
    let error = publish(&exports.store, ours, &key, SIGNED)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("expired at"), "{error}");
    assert!(exports.all().await.is_empty());
}

#[tokio::test]
async fn what_an_attempt_left_is_no_export_and_is_cleared_by_the_next() {
    let exports = Exports::some().await;
    let directory = Place::new("mds", "example").directory("2026-03-02", 2);
    for name in ["left.csv", "manifest.json"] {
        // It was to be link 3, which another export has.
        let mut bytes = Bytes::from_static(b"a\n1\n");
        if name == "manifest.json" {
            let mut left = manifest("mds", "example", "2026-03-02");
            (left.n, left.revision) = (3, 2);
            bytes = left.to_bytes().unwrap().into();
        }
        let key = directory.file(name).unwrap();
        exports.store.put(&key, &bytes).await.unwrap();
    }
    assert_eq!(last(&exports, "2026-03-02").await, Some((1, 2)));
    exports.put("2026-03-02", 2, FILES).await;
    assert_eq!(last(&exports, "2026-03-02").await, Some((2, 4)));
    assert_eq!(exports.verify(&[]).await.lines(), [""; 0]);
}

#[tokio::test]
async fn of_several_that_publish_at_once_each_gets_a_number() {
    for seed in 0..20 {
        let objects = Jittery {
            objects: Arc::new(MemoryObjects::default()),
            seed: AtomicUsize::new(seed),
        };
        let exports = Exports::on(Arc::new(objects));
        let periods: Vec<_> = (1..=7).map(|day| format!("2026-03-0{day}")).collect();
        join_all(periods.iter().map(|period| exports.put(period, 1, FILES))).await;
        let verdict = exports.verify(&[]).await;
        assert_eq!(verdict.lines(), [""; 0]);
        assert_eq!(verdict.whole.len(), 7);
    }
}

#[tokio::test]
async fn of_two_that_publish_the_same_period_one_does_and_is_whole() {
    for seed in 0..50 {
        let objects = Jittery {
            objects: Arc::new(MemoryObjects::default()),
            seed: AtomicUsize::new(seed),
        };
        let exports = Exports::on(Arc::new(objects));
        let names = ["one.csv", "other.csv"];
        let files = names.map(|name| [(name, name.as_bytes())]);
        let attempts = files
            .each_ref()
            .map(|files| exports.try_put("2026-03-01", 1, files));
        let published = |outcome: &anyhow::Result<Outcome>| match outcome.as_ref().unwrap() {
            Outcome::Published(_) => true,
            Outcome::Overtaken(_) => false,
            Outcome::Unchanged(_) => panic!("{outcome:?}"),
        };
        let outcomes = join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|it| published(it)).count(), 1);
        let verdict = exports.verify(&[]).await;
        assert_eq!((verdict.lines(), verdict.whole.len()), (Vec::new(), 1));
        // The other does it again, as the next revision.
        let Some(late) = outcomes.iter().position(|it| !published(it)) else {
            panic!("{outcomes:?}");
        };
        exports.put("2026-03-01", 2, &files[late]).await;
        let verdict = exports.verify(&[]).await;
        assert_eq!((verdict.lines(), verdict.whole.len()), (Vec::new(), 2));
    }
}

#[tokio::test]
async fn a_name_that_no_reader_could_find_is_refused() {
    let exports = Exports::new();
    for files in [
        [("a.csv", &b""[..]), ("manifest.json", b"")],
        [("a.csv", b""), ("a.csv", b"")],
    ] {
        let error = exports.try_put("2026-03-01", 1, &files).await.unwrap_err();
        assert!(
            error.to_string().starts_with("two files are named"),
            "{error}"
        );
    }
    assert_eq!(
        exports.store.last_link("mds/example/_chain").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_manifest_that_came_too_late_hides_no_export() {
    let exports = Exports::some().await;
    let place = Place::new("mds", "example");
    let mut late = manifest("mds", "example", "2026-03-01");
    // It was to be link 2, which another period has.
    (late.n, late.revision) = (2, 2);
    let beside = place.directory("2026-03-01", 2).manifest().unwrap();
    let late = Bytes::from(late.to_bytes().unwrap());
    exports.store.put(&beside, &late).await.unwrap();
    assert_eq!(last(&exports, "2026-03-01").await, Some((2, 3)));
    // Who exports the period the next time mends it.
    assert_eq!(exports.verify(&[]).await.findings.len(), 1);
    let outcome = exports.try_put(
        "2026-03-01",
        3,
        &[
            ("trips.csv", b"id,m\na,1\nb,3\n"),
            ("e.json", b"[{\"id\": 1}]"),
        ],
    );
    assert!(matches!(outcome.await.unwrap(), Outcome::Unchanged(_)));
    let findings = exports.verify(&[]).await.lines();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0].starts_with("mds/example/2026-03-01/r003: "),
        "{findings:?}"
    );
}

/// Publishes where an operation fails, and again where that was the end of it.
async fn publish_with(fault: Option<(usize, Fault)>) -> usize {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let flaky = Flaky::new(Arc::clone(&objects), fault);
    for (period, revision) in [("2026-03-01", 1), ("2026-03-02", 1)] {
        // Somebody was stopped before.
        let left = Place::new("mds", "example").directory(period, revision);
        let left = left.file("left.csv").unwrap();
        objects.put(&left, Bytes::from_static(b"a")).await.unwrap();
        let first = Exports::on(flaky.clone());
        let attempt = pin!(first.try_put(period, revision, FILES));
        let dead = pin!(flaky.dead.requested());
        if let Either::Left((outcome, _)) = select(attempt, dead).await {
            assert!(matches!(outcome.unwrap(), Outcome::Published(_)));
        } else {
            let again = Exports::on(Arc::clone(&objects));
            let outcome = again.try_put(period, revision, FILES).await.unwrap();
            assert!(!matches!(outcome, Outcome::Overtaken(_)), "{outcome:?}");
        }
    }
    let verdict = Exports::on(objects).verify(&[]).await;
    assert_eq!(verdict.lines(), [""; 0], "{fault:?}");
    assert_eq!(verdict.whole.len(), 2);
    flaky.operations()
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_operation_leaves_one_link_of_each_export() {
    let operations = publish_with(None).await;
    assert!(operations > 15, "{operations}");
    for at in 0..operations {
        for fault in Fault::ALL {
            publish_with(Some((at, fault))).await;
        }
    }
}
