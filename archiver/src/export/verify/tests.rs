//! Whatever is changed in exports is found, and said in words that name it.

mod told;

use std::collections::BTreeMap;

use bytes::Bytes;
use objects::Key;
use proptest::{prelude::*, sample::Index};
use tokio::runtime;

use crate::export::testing::Exports;

type Objects = BTreeMap<Key, Bytes>;

/// All lines that are told of these objects.
async fn lines(objects: &Objects) -> Vec<String> {
    Exports::with(objects).await.verify(&[]).await.lines()
}

/// The object whose key ends so.
fn find<'a>(objects: &'a mut Objects, ending: &str) -> (Key, &'a mut Bytes) {
    let mut found = objects
        .iter_mut()
        .filter(|(key, _)| key.as_str().ends_with(ending));
    let (key, bytes) = found.next().unwrap();
    assert!(found.next().is_none(), "{ending} is several");
    (key.clone(), bytes)
}

fn flipped(bytes: &Bytes, at: usize, mask: u8) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= mask;
    bytes.into()
}

#[tokio::test]
async fn exports_as_they_were_published_have_no_fault() {
    let exports = Exports::some().await;
    let verdict = exports.verify(&[]).await;
    assert_eq!(verdict.lines(), [""; 0]);
    let whole = ["2026-03-01/r001", "2026-03-02/r001", "2026-03-01/r002"];
    assert_eq!(verdict.whole, whole.map(|at| format!("mds/example/{at}")));
    let [head] = verdict.heads.as_slice() else {
        panic!("{:?}", verdict.heads);
    };
    assert!(head.starts_with("mds/example=3:"), "{head}");
    // What is told is what may be given the next time.
    let head = head.parse().unwrap();
    assert_eq!(exports.verify(&[head]).await.lines(), [""; 0]);
}

#[tokio::test]
async fn a_flipped_bit_of_any_byte_is_found() {
    let whole = Exports::some().await.all().await;
    let mut flips = 0;
    for (key, bytes) in &whole {
        let exports = Exports::with(&whole).await;
        for at in 0..bytes.len() {
            // All bits of all bytes are the same to it, and take eight times as long.
            let bit = at % 8;
            let changed = flipped(bytes, at, 1 << bit);
            exports.objects.put(key, changed).await.unwrap();
            let verdict = exports.verify(&[]).await;
            assert!(
                !verdict.findings.is_empty(),
                "{key}: bit {bit} of byte {at}"
            );
            flips += 1;
        }
    }
    assert!(flips > 5_000, "{flips}");
}

#[tokio::test]
async fn an_object_that_is_removed_is_found() {
    let whole = Exports::some().await.all().await;
    for key in whole.keys() {
        let mut objects = whole.clone();
        objects.remove(key);
        let lines = lines(&objects).await;
        // The last link is told by what it named: nothing else says that there was one.
        let named = if key.as_str().ends_with("_chain/00000000000000000003") {
            "mds/example/2026-03-01/r002: no link of the chain names this export".to_owned()
        } else {
            format!("{key}: is missing")
        };
        assert!(
            lines.iter().any(|line| line.starts_with(&named)),
            "{key}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn two_objects_that_change_places_are_found() {
    let whole = Exports::some().await.all().await;
    let keys: Vec<_> = whole.keys().collect();
    for (one, first) in keys.iter().enumerate() {
        for second in &keys[one + 1..] {
            let mut objects = whole.clone();
            objects.insert((*first).clone(), whole[*second].clone());
            objects.insert((*second).clone(), whole[*first].clone());
            let lines = lines(&objects).await;
            let names = |key: &Key| lines.iter().any(|line| line.starts_with(key.as_str()));
            // What lies beside a link that cannot be read is named by its directory.
            assert!(
                names(first) || names(second),
                "{first}, {second}: {lines:?}"
            );
        }
    }
}

/// Moves all that begins with `from`.
fn renamed(objects: &Objects, from: &str, to: &str) -> Objects {
    let moved = objects.iter().map(|(key, bytes)| {
        let key = match key.as_str().strip_prefix(from) {
            Some(rest) => Key::new(format!("{to}{rest}")).unwrap(),
            None => key.clone(),
        };
        (key, bytes.clone())
    });
    moved.collect()
}

#[tokio::test]
async fn a_directory_that_is_renamed_is_found() {
    let whole = Exports::some().await.all().await;
    for (from, to) in [
        ("mds/", "cds/"),
        ("mds/example/", "mds/other/"),
        ("mds/example/2026-03-02/", "mds/example/2026-03-03/"),
        ("mds/example/2026-03-02/", "mds/example/2026-03-01x/"),
        (
            "mds/example/2026-03-02/r001/",
            "mds/example/2026-03-02/r002/",
        ),
        (
            "mds/example/2026-03-02/r001/",
            "mds/example/2026-03-02/draft/",
        ),
        (
            "mds/example/2026-03-01/r002/more/",
            "mds/example/2026-03-01/r002/less/",
        ),
        ("mds/example/_chain/", "mds/example/_chains/"),
        ("mds/example/_chain/", "mds/other/_chain/"),
    ] {
        let lines = lines(&renamed(&whole, from, to)).await;
        assert!(!lines.is_empty(), "{from} -> {to}");
    }
    // What lies above the URL is nothing that can be seen from it.
    for from in ["mds/example/", "mds/"] {
        assert_eq!(lines(&renamed(&whole, from, "")).await, [""; 0]);
    }
    assert_eq!(lines(&renamed(&whole, "", "copy/")).await, [""; 0]);
}

/// Changes one object and checks all that is told.
async fn check(ending: &str, change: impl FnOnce(&Bytes) -> Bytes, expected: &[&str]) {
    let mut objects = Exports::some().await.all().await;
    let (_, bytes) = find(&mut objects, ending);
    *bytes = change(bytes);
    let lines = lines(&objects).await;
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, words) in lines.iter().zip(expected) {
        assert!(line.contains(words), "{line}: {words}");
    }
}

#[tokio::test]
async fn what_is_told_names_the_object_and_the_fault() {
    let csv = "2026-03-01/r001/trips.csv";
    check(
        csv,
        |bytes| flipped(bytes, 3, 1),
        &["mds/example/2026-03-01/r001/trips.csv: its bytes have changed: their SHA-256 is "],
    )
    .await;
    let longer = |bytes: &Bytes| [bytes, &b"c"[..]].concat().into();
    check(
        csv,
        longer,
        &["trips.csv: has more bytes than the 13 that the manifest says"],
    )
    .await;
    let shorter = |bytes: &Bytes| bytes.slice(..4);
    check(
        csv,
        shorter,
        &["trips.csv: has 4 bytes, and the manifest says 13"],
    )
    .await;
    let beside = "2026-03-02/r001/manifest.json";
    check(
        beside,
        shorter,
        &["2026-03-02/r001/manifest.json: is not what was signed"],
    )
    .await;
    check(
        beside,
        longer,
        &["2026-03-02/r001/manifest.json: is not what was signed"],
    )
    .await;
    let link = "_chain/00000000000000000003";
    let cut = |bytes: &Bytes| bytes.slice(..bytes.len() - 1);
    check(
        link,
        cut,
        &[
            "_chain/00000000000000000003: is no JWS: it has no payload, protected and signature",
            "mds/example/2026-03-01/r002: no link of the chain names this export",
        ],
    )
    .await;
    // The last character before the closing brace and quote is the signature's.
    let at_end = |bytes: &Bytes| flipped(bytes, bytes.len() - 10, 1);
    check(
        link,
        at_end,
        &["_chain/00000000000000000003: its signature is not that of the key"],
    )
    .await;
}

#[tokio::test]
async fn what_lies_beside_an_export_is_told() {
    let mut objects = Exports::some().await.all().await;
    for key in [
        "readme.txt",
        "mds/example/2026-03-01/r001/more.csv",
        "mds/example/2026-03-01/r001/sub/r001/more.csv",
        "mds/example/2026-03-01/more.csv",
        "mds/example/2026-03-01/r003/trips.csv",
        "mds/example/_chain/4",
        "mds/example/_chain/00000000000000000003.old",
    ] {
        objects.insert(Key::new(key).unwrap(), Bytes::from_static(b"x"));
    }
    let part = "lies here and is part of no export";
    let named = "lies in the export's directory, and its manifest does not name it";
    let expected = [
        format!("mds/example/2026-03-01/more.csv: {part}"),
        format!("mds/example/_chain/00000000000000000003.old: {part}"),
        format!("mds/example/_chain/4: {part}"),
        format!("readme.txt: {part}"),
        format!("mds/example/2026-03-01/r001/more.csv: {named}"),
        format!("mds/example/2026-03-01/r001/sub/r001/more.csv: {named}"),
        "mds/example/2026-03-01/r003: no link of the chain names this export: its link was \
         removed, or it was never finished"
            .to_owned(),
    ];
    assert_eq!(lines(&objects).await, expected);
}

#[tokio::test]
async fn links_that_change_places_or_are_missing_are_told() {
    let whole = Exports::some().await.all().await;
    let key = |n: u64| Key::new(format!("mds/example/_chain/{n:020}")).unwrap();
    let mut swapped = whole.clone();
    swapped.insert(key(1), whole[&key(2)].clone());
    swapped.insert(key(2), whole[&key(1)].clone());
    let told = lines(&swapped).await;
    for words in [
        "00000000000000000001: says that it is link 2: links have changed places",
        "00000000000000000002: says that it is link 1: links have changed places",
        "00000000000000000001: is the first link, and names one before it",
        "00000000000000000003: does not name the link before it as previous",
    ] {
        assert!(
            told.iter().any(|line| line.contains(words)),
            "{words}: {told:#?}"
        );
    }

    let mut far = whole.clone();
    let last = far.remove(&key(3)).unwrap();
    far.insert(key(9), last);
    let told = lines(&far).await;
    assert_eq!(
        told,
        [
            "mds/example/_chain/00000000000000000003: the links from here up to 8 are missing",
            "mds/example/_chain/00000000000000000009: says that it is link 3: links have changed places",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_other_bytes_anywhere_are_found(object: Index, at: Index, with in "\\PC{0,2}", length in 0_usize..3) {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut objects = Exports::some().await.all().await;
            let object = object.index(objects.len());
            let bytes = objects.values_mut().nth(object).unwrap();
            let before = bytes.clone();
            let start = at.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            *bytes = [&before[..start], with.as_bytes(), &before[end..]].concat().into();
            // White space between the parts of a link says nothing, and changes nothing.
            let is_white = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
            prop_assume!(*bytes != before && !is_white(with.as_bytes()));
            prop_assert!(!lines(&objects).await.is_empty());
            Ok(())
        })?;
    }
}
