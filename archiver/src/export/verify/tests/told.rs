//! What is told of what the sender has signed: wrong manifests, keys out of their time, heads, rows.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bytes::Bytes;
use objects::Key;
use parquet::arrow::ArrowWriter;

use super::super::{KnownHead, file, verify};
use crate::export::{
    chain::publish,
    keys::{NewKey, PublicKeys, UnixSeconds, Validity},
    manifest::Manifest,
    place::Place,
    signature::{self, Jws},
    testing::{self, Exports, SIGNED, key_pair, manifest},
};

/// A chain of exports that somebody with the key has signed, who says what he likes.
async fn signed(change: impl FnOnce(&mut Manifest)) -> Vec<String> {
    let exports = Exports::some().await;
    let place = Place::new("mds", "example");
    let (_, third) = exports
        .store
        .last_link(&place.chain())
        .await
        .unwrap()
        .unwrap();
    let payload = Jws::parse(&third).unwrap();
    let mut manifest = serde_json::from_slice(payload.payload()).unwrap();
    change(&mut manifest);
    let payload = Bytes::from(manifest.to_bytes().unwrap());
    let link = signature::sign(&exports.key, &payload, SIGNED).unwrap();
    let key = Key::new(place.link(3)).unwrap();
    exports.store.put(&key, &link.into()).await.unwrap();
    let directory = place.directory("2026-03-01", 2);
    exports
        .store
        .put(&directory.manifest().unwrap(), &payload)
        .await
        .unwrap();
    exports.verify(&[]).await.lines()
}

#[tokio::test]
async fn what_the_sender_has_signed_wrongly_is_told() {
    for (lines, expected) in [
        (signed(|_| {}).await, ""),
        (signed(|it| it.n = 4).await, "says that it is link 4"),
        (
            signed(|it| it.previous = None).await,
            "does not name the link before it as previous",
        ),
        (
            signed(|it| it.supersedes = None).await,
            "does not name the revision before it",
        ),
        (
            signed(|it| it.revision = 3).await,
            "is revision 3 of its period, where revision 2 comes next",
        ),
        (
            signed(|it| it.profile = "cds".into()).await,
            "is an export of cds/example",
        ),
        (
            signed(|it| it.format = 2).await,
            "has format 2, and this program reads format 1",
        ),
        (
            signed(|it| it.files[0].rows = 9).await,
            "events.json: has 1 rows, and the manifest says 9",
        ),
        (
            signed(|it| it.files[1].rows = 9).await,
            "trips.csv: has 2 rows, and the manifest says 9",
        ),
        (
            signed(|it| it.files[1].key = "../x".into()).await,
            "names \"../x\", which is no name",
        ),
        (
            signed(|it| it.files[0] = it.files[1].clone()).await,
            "the manifest names it twice",
        ),
        (
            signed(|it| it.files[0].key = "manifest.json".into()).await,
            "manifest.json: the manifest names it twice",
        ),
        (
            signed(|it| it.period.name = "..".into()).await,
            "names \"..\", which is no name",
        ),
    ] {
        let found = lines.iter().any(|line| line.contains(expected));
        assert!(found != expected.is_empty(), "{expected}: {lines:#?}");
        assert_eq!(lines.is_empty(), expected.is_empty(), "{lines:#?}");
    }
}

/// Verifies exports, all signed by one key, with other keys.
async fn verified_by(public: &str) -> Vec<String> {
    let mut exports = Exports::some().await;
    exports.keys = Arc::new(PublicKeys::parse(public).unwrap());
    exports.verify(&[]).await.lines()
}

#[tokio::test]
async fn a_key_that_is_not_valid_is_told_at_each_link() {
    let made = |seed, from, until| {
        let validity = Validity {
            from,
            until,
            revoked: None,
        };
        NewKey::from_seed(&[seed; 32], validity).unwrap()
    };
    let (ours, other) = (made(1, None, None), made(2, None, None));
    let later = Some(UnixSeconds(SIGNED.0 + 1));
    let signed = "and this was signed at 2026-03-02T01:00:00Z";
    let expired = format!("expired at 2026-03-02T01:00:00Z, {signed}");
    let early = format!("is valid from 2026-03-02T01:00:01Z on, {signed}");
    for (public, words) in [
        (ours.public.clone(), None),
        (made(1, Some(SIGNED), later).public, None),
        (made(1, None, Some(SIGNED)).public, Some(expired.as_str())),
        (made(1, later, None).public, Some(&early)),
        (other.public.clone(), Some("is not among the keys given")),
        (
            other.public.replace(&other.kid, &ours.kid),
            Some("its signature is not that of the key"),
        ),
    ] {
        let lines = verified_by(&public).await;
        assert_eq!(
            lines.len(),
            if words.is_some() { 3 } else { 0 },
            "{lines:#?}"
        );
        let kid = format!("{:?}", ours.kid);
        for (line, words) in lines.iter().zip(words.iter().cycle()) {
            assert!(line.contains(words) && line.contains(&kid), "{line}");
        }
    }
}

#[tokio::test]
async fn a_chain_goes_on_under_the_next_key() {
    let mut exports = Exports::some().await;
    let (next, _) = key_pair(2, Validity::default());
    let ours = manifest("mds", "example", "2026-03-03");
    publish(&exports.store, ours, &next, SIGNED).await.unwrap();
    let [one, two] =
        [1, 2].map(|seed| NewKey::from_seed(&[seed; 32], Validity::default()).unwrap());
    assert_eq!(exports.verify(&[]).await.lines().len(), 1);
    let both = format!(r#"{{"keys":[{},{}]}}"#, one.public, two.public);
    exports.keys = Arc::new(PublicKeys::parse(&both).unwrap());
    assert_eq!(exports.verify(&[]).await.lines(), [""; 0]);
}

fn head(text: &str) -> KnownHead {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_found_by_the_head_that_was_kept() {
    let exports = Exports::some().await;
    let before = exports.verify(&[]).await.heads.remove(0);
    let known = head(&before);
    let objects = exports.all().await;
    let cut: BTreeMap<_, _> = objects
        .into_iter()
        .filter(|(key, _)| !key.as_str().contains("r002") && !key.as_str().ends_with('3'))
        .collect();
    let cut = Exports::with(&cut).await;
    assert_eq!(cut.verify(&[]).await.lines(), [""; 0]);
    let (_, short) = before.split_once('=').unwrap();
    for kept in [known.clone(), head(short)] {
        let lines = cut.verify(&[kept]).await.lines();
        let expected = format!(
            "mds/example: the chain ends at link 2, and you kept {short}: its end was cut off"
        );
        assert_eq!(lines, [expected]);
    }

    // The same exports, written anew by who has the key: only the head tells.
    cut.put("2026-03-01", 2, &[("trips.csv", b"id,m\n")]).await;
    assert_eq!(cut.verify(&[]).await.lines(), [""; 0]);
    let lines = cut.verify(std::slice::from_ref(&known)).await.lines();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains("3: is not the link that you kept as 3:"),
        "{lines:?}"
    );

    let none = Exports::new();
    assert_eq!(
        none.verify(&[]).await.lines(),
        [".: no chain of exports lies here"]
    );
    let lines = none.verify(&[known]).await.lines();
    assert!(
        lines[1].ends_with("there is no such chain any more"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_head_says_which_of_several_chains_it_is_of() {
    let exports = Exports::some().await;
    let other = manifest("mds", "other", "2026-03-01");
    publish(&exports.store, other, &exports.key, SIGNED)
        .await
        .unwrap();
    let verdict = exports.verify(&[]).await;
    assert_eq!(verdict.heads.len(), 2);
    let heads: Vec<_> = verdict.heads.iter().map(|text| head(text)).collect();
    assert_eq!(exports.verify(&heads).await.lines(), [""; 0]);
    let (_, short) = verdict.heads[0].split_once('=').unwrap();
    let nobodys = verify(&exports.store, &exports.keys, &[head(short)], &mut |_| {}).await;
    let error = nobodys.unwrap_err().to_string();
    assert!(error.starts_with("there are several chains"), "{error}");
    for wrong in ["", "3", "x:00", "3:00", &format!("3:{}", "A".repeat(64))] {
        assert!(wrong.parse::<KnownHead>().is_err(), "{wrong}");
    }
}

fn parquet(rows: i64) -> Bytes {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

#[tokio::test]
async fn rows_of_parquet_are_those_of_its_footer() {
    for (bytes, rows, words) in [
        (parquet(7), 7, ""),
        (parquet(0), 0, ""),
        (
            parquet(7),
            8,
            "trips.parquet: has 7 rows, and the manifest says 8",
        ),
        (
            Bytes::from_static(b"PAR1"),
            7,
            "is no Parquet file: it is too short",
        ),
        (
            Bytes::from_static(b"PAR1PAR2PAR3PAR4"),
            7,
            "is no Parquet file: it has no footer",
        ),
        (
            Bytes::from_static(b"PAR1\xff\0\0\0PAR1"),
            7,
            "is no Parquet file: its footer has no length",
        ),
        (
            Bytes::from_static(b"PAR1ping\x04\0\0\0PAR1"),
            7,
            "is no Parquet file: ",
        ),
    ] {
        let exports = Exports::new();
        let mut ours = manifest("nyc", "tlc", "2026-03");
        ours.files = vec![testing::file("trips.parquet", &bytes)];
        ours.files[0].rows = rows;
        let key = Key::new("nyc/tlc/2026-03/r001/trips.parquet").unwrap();
        exports.store.put(&key, &bytes).await.unwrap();
        publish(&exports.store, ours, &exports.key, SIGNED)
            .await
            .unwrap();
        let lines = exports.verify(&[]).await.lines();
        assert_eq!(lines.len(), usize::from(!words.is_empty()), "{lines:?}");
        assert!(lines.iter().all(|line| line.contains(words)), "{lines:?}");
    }
}

#[tokio::test]
async fn files_of_about_a_block_or_two_are_read_whole() {
    let block = file::BLOCK_BYTES as usize;
    for length in [0, 1, block - 1, block, block + 1, 2 * block, 2 * block + 1] {
        let mut bytes = vec![b'x'; length];
        let exports = Exports::new();
        exports.put("2026-03-01", 1, &[("x.bin", &bytes)]).await;
        assert_eq!(exports.verify(&[]).await.lines(), [""; 0], "{length}");
        let key = Key::new("mds/example/2026-03-01/r001/x.bin").unwrap();
        if let Some(last) = bytes.last_mut() {
            *last = b'y';
            exports
                .store
                .put(&key, &bytes.clone().into())
                .await
                .unwrap();
            assert_eq!(exports.verify(&[]).await.lines().len(), 1, "{length}");
        }
        bytes.push(b'x');
        exports.store.put(&key, &bytes.into()).await.unwrap();
        let lines = exports.verify(&[]).await.lines();
        assert!(
            lines[0].contains("has more bytes than"),
            "{length}: {lines:?}"
        );
    }
}
