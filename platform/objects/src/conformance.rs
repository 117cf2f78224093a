//! What every backend of [`Objects`] must pass: the promises of the trait as claims that can be
//! false. How fast a backend is, and what it costs, is not asked.

pub(crate) mod swaps;
mod uploads;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Chain, Key, MAX_KEYS, ObjectError, Objects, Put};

/// So many try to create one object at once.
const CREATORS: u8 = 16;

/// Creators race so often: a backend that first looks and then puts may win some races.
const RACES: usize = 20;

/// So often is an object overwritten while others read it.
const OVERWRITES: u8 = 50;

/// An object of this size is written in several steps where a backend does not take care.
const LARGE_BYTES: usize = 300_000;

/// Checks all claims on an empty storage.
///
/// # Errors
/// The first error of the storage.
///
/// # Panics
/// Where a claim is false.
pub async fn check(objects: Arc<dyn Objects>) -> Result<(), ObjectError> {
    what_is_put_is_read(&*objects).await?;
    a_put_replaces_what_was_there(&*objects).await?;
    an_object_is_created_once(&*objects).await?;
    of_many_creators_one_is_told_so(&objects).await?;
    a_range_is_cut_to_the_end(&*objects).await?;
    an_empty_object_is_there(&*objects).await?;
    a_delete_leaves_nothing_and_may_be_repeated(&*objects).await?;
    a_deleted_key_leaves_room_for_shorter_and_longer_ones(&*objects).await?;
    readers_see_the_old_or_the_new(&objects).await?;
    keys_are_listed_in_byte_order(&objects).await?;
    many_keys_are_listed_in_pages(&objects).await?;
    uris_differ_as_keys_do(&*objects)?;
    swaps::a_swap_is_of_what_was_read(&*objects).await?;
    swaps::a_swap_creates_nothing(&*objects).await?;
    swaps::many_writers_lose_no_line(&objects).await?;
    uploads::an_upload_is_there_once_it_is_finished(&*objects).await?;
    uploads::nobody_sees_an_upload_before_its_end(&*objects).await?;
    uploads::an_upload_replaces_what_was_there(&objects).await?;
    uploads::uploads_at_once_do_not_mix(&*objects).await?;
    a_chain_goes_on_where_it_ended(&objects).await
}

async fn what_is_put_is_read(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("read/a-b_c.d=e")?;
    assert_eq!(
        objects.get(&key).await?,
        None,
        "nothing is there before the put"
    );
    assert_eq!(
        objects.get_range(&key, 0..9).await?,
        None,
        "nor a range of it"
    );
    let bytes = Bytes::from_static(b"\0\xff whole \r\n");
    objects.put(&key, bytes.clone()).await?;
    assert_eq!(objects.get(&key).await?, Some(bytes));
    Ok(())
}

async fn a_put_replaces_what_was_there(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("replaced")?;
    objects.put(&key, Bytes::from_static(b"a long one")).await?;
    objects.put(&key, Bytes::from_static(b"short")).await?;
    assert_eq!(objects.get(&key).await?, Some(Bytes::from_static(b"short")));
    Ok(())
}

async fn an_object_is_created_once(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("once/x")?;
    let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
    assert_eq!(
        objects.put_if_absent(&key, first.clone()).await?,
        Put::Created
    );
    assert_eq!(
        objects.put_if_absent(&key, second.clone()).await?,
        Put::Exists
    );
    assert_eq!(
        objects.get(&key).await?,
        Some(first),
        "the one that lost changes nothing"
    );
    objects.delete(&key).await?;
    assert_eq!(
        objects.put_if_absent(&key, second.clone()).await?,
        Put::Created
    );
    assert_eq!(objects.get(&key).await?, Some(second));
    Ok(())
}

async fn of_many_creators_one_is_told_so(objects: &Arc<dyn Objects>) -> Result<(), ObjectError> {
    for race in 0..RACES {
        let key = key(&format!("raced/{race}/x"))?;
        let mut creators = JoinSet::new();
        for creator in 0..CREATORS {
            let (objects, key) = (Arc::clone(objects), key.clone());
            creators.spawn(async move {
                let put = objects
                    .put_if_absent(&key, Bytes::from(vec![creator; 9]))
                    .await?;
                Ok((creator, put))
            });
        }
        let results: Result<Vec<(u8, Put)>, ObjectError> =
            creators.join_all().await.into_iter().collect();
        let created = results?.into_iter().filter(|(_, put)| *put == Put::Created);
        let winners: Vec<u8> = created.map(|(creator, _)| creator).collect();
        assert_eq!(
            winners.len(),
            1,
            "{winners:?} were all told that they created {key}"
        );
        assert_eq!(
            objects.get(&key).await?,
            Some(Bytes::from(vec![winners[0]; 9]))
        );
    }
    Ok(())
}

async fn a_range_is_cut_to_the_end(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("ranged")?;
    objects.put(&key, Bytes::from_static(b"0123456789")).await?;
    let empty_or_reversed = [(5, 5), (7, 3), (10, 20), (11, 12), (u64::MAX, u64::MAX)];
    let cases = [
        ((0, 10), "0123456789"),
        ((2, 5), "234"),
        ((8, 11), "89"),
        ((9, u64::MAX), "9"),
    ];
    let cases = cases
        .into_iter()
        .chain(empty_or_reversed.map(|range| (range, "")));
    for ((start, end), expected) in cases {
        let bytes = objects.get_range(&key, start..end).await?;
        assert_eq!(
            bytes,
            Some(Bytes::from(expected)),
            "the range {start}..{end} of 10 bytes"
        );
    }
    Ok(())
}

async fn an_empty_object_is_there(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("empty/x")?;
    assert_eq!(
        objects.put_if_absent(&key, Bytes::new()).await?,
        Put::Created
    );
    assert_eq!(objects.get(&key).await?, Some(Bytes::new()));
    assert_eq!(objects.get_range(&key, 0..1).await?, Some(Bytes::new()));
    assert_eq!(
        objects.put_if_absent(&key, Bytes::new()).await?,
        Put::Exists
    );
    assert_eq!(objects.list("empty/", None).await?, [key]);
    Ok(())
}

async fn a_delete_leaves_nothing_and_may_be_repeated(
    objects: &dyn Objects,
) -> Result<(), ObjectError> {
    let (gone, neighbour) = (key("deleted/deep/gone")?, key("deleted/neighbour")?);
    objects.put(&gone, Bytes::from_static(b"x")).await?;
    objects.put(&neighbour, Bytes::from_static(b"y")).await?;
    for _ in 0..2 {
        objects.delete(&gone).await?;
        assert_eq!(objects.get(&gone).await?, None);
        assert_eq!(
            objects.list("deleted/", None).await?,
            std::slice::from_ref(&neighbour)
        );
    }
    objects.delete(&key("deleted")?).await?;
    objects.delete(&key("deleted/neighbour/below")?).await?;
    assert_eq!(
        objects.get(&key("deleted")?).await?,
        None,
        "a prefix is no object"
    );
    assert_eq!(objects.get(&key("deleted/neighbour/below")?).await?, None);
    assert_eq!(
        objects.get(&neighbour).await?,
        Some(Bytes::from_static(b"y"))
    );
    Ok(())
}

async fn a_deleted_key_leaves_room_for_shorter_and_longer_ones(
    objects: &dyn Objects,
) -> Result<(), ObjectError> {
    for text in ["room/a/b", "room/a", "room/a/b/c", "room"] {
        let key = key(text)?;
        assert_eq!(
            objects.put_if_absent(&key, Bytes::new()).await?,
            Put::Created,
            "{key}"
        );
        objects.delete(&key).await?;
    }
    assert_eq!(objects.list("room", None).await?, []);
    Ok(())
}

async fn readers_see_the_old_or_the_new(objects: &Arc<dyn Objects>) -> Result<(), ObjectError> {
    let key = key("overwritten/x")?;
    objects.put(&key, filled_with(0)).await?;
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (objects, key) = (Arc::clone(objects), key.clone());
        readers.spawn(async move {
            loop {
                let bytes = objects.get(&key).await?.unwrap_or_default();
                let seen = bytes.first().copied().unwrap_or_default();
                assert_eq!(
                    bytes,
                    filled_with(seen),
                    "the bytes of several puts are mixed"
                );
                if seen == OVERWRITES {
                    return Ok(());
                }
            }
        });
    }
    for n in 1..=OVERWRITES {
        objects.put(&key, filled_with(n)).await?;
    }
    readers.join_all().await.into_iter().collect()
}

async fn keys_are_listed_in_byte_order(objects: &Arc<dyn Objects>) -> Result<(), ObjectError> {
    // Bytes: - . / 0 9 = A Z _ a z. So `a-b`, `a.b` come before `a/b`, and `a0` behind it.
    let names = [
        "a-b", "a-b/c", "a.b", "a/-", "a/b", "a/b.c", "a/b/c", "a0", "a=b/c", "aA", "aa", "a_b",
        "Z", "b/c/d/e", "b/c/d.e", "b/c.d/e", "b.c/d/e", "~",
    ];
    let mut expected = BTreeSet::new();
    for name in names {
        // A file system holds no key below another key, so a part has a name of its own here.
        let text = format!("listed/{}.o", name.replace('~', "zz"));
        let key = key(&text)?;
        objects.put(&key, Bytes::new()).await?;
        expected.insert(key);
    }
    let beginnings = [
        "listed/",
        "listed/a",
        "listed/a/",
        "listed/a/b",
        "listed/b",
        "listed/a-b.o",
    ];
    let none = [
        "listed/a-b.o/",
        "listed/c",
        "listed//",
        "listed/../listed/",
        "/",
        "listed/a//b",
    ];
    for prefix in beginnings.into_iter().chain(none) {
        let with_prefix = || {
            expected
                .iter()
                .filter(|key| key.as_str().starts_with(prefix))
        };
        let page = objects.list(prefix, None).await?;
        assert!(page.iter().eq(with_prefix()), "{prefix:?} lists {page:?}");
        let strangers = ["listed", "listed/a/b0", "listed/a/b/c.o/d", "a", "z"];
        let strangers: Vec<Key> = strangers.into_iter().map(key).collect::<Result<_, _>>()?;
        for after in expected.iter().chain(&strangers) {
            let page = objects.list(prefix, Some(after)).await?;
            let expected = with_prefix().filter(|key| *key > after);
            assert!(
                page.iter().eq(expected),
                "{prefix:?} after {after} lists {page:?}"
            );
        }
    }
    Ok(())
}

async fn many_keys_are_listed_in_pages(objects: &Arc<dyn Objects>) -> Result<(), ObjectError> {
    let mut puts = JoinSet::new();
    let mut expected = BTreeSet::new();
    for n in 0..MAX_KEYS + 200 {
        let key = key(&format!("many/{}/{}", n % 3, n * 7_919))?;
        expected.insert(key.clone());
        let objects = Arc::clone(objects);
        puts.spawn(async move { objects.put(&key, Bytes::new()).await });
    }
    puts.join_all()
        .await
        .into_iter()
        .collect::<Result<(), _>>()?;
    let mut listed: Vec<Key> = Vec::new();
    loop {
        let page = objects.list("many/", listed.last()).await?;
        assert!(page.len() <= MAX_KEYS, "a page has {} keys", page.len());
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert!(
        listed.iter().eq(&expected),
        "pages together are not what was put: {listed:?}"
    );
    Ok(())
}

async fn a_chain_goes_on_where_it_ended(objects: &Arc<dyn Objects>) -> Result<(), ObjectError> {
    let chain = Chain::new(Arc::clone(objects), "chains/a");
    let longer_name = Chain::new(Arc::clone(objects), "chains/ab");
    assert_eq!(
        longer_name.put(1, Bytes::from_static(b"other")).await?,
        Put::Created
    );
    assert_eq!(chain.last().await?, None);
    for n in 1..=5 {
        assert_eq!(chain.put(n, filled_with(n as u8)).await?, Put::Created);
        assert_eq!(chain.put(n, Bytes::new()).await?, Put::Exists);
        assert_eq!(chain.last().await?, Some((n, filled_with(n as u8))));
    }
    chain.prune(3).await?;
    assert_eq!(chain.get(3).await?, None);
    assert_eq!(chain.get(4).await?, Some(filled_with(4)));
    assert_eq!(chain.last().await?, Some((5, filled_with(5))));
    assert_eq!(chain.get(6).await?, None);
    Ok(())
}

fn uris_differ_as_keys_do(objects: &dyn Objects) -> Result<(), ObjectError> {
    let keys = [key("x")?, key("a/b-c_d.e=f")?];
    let uris = keys.each_ref().map(|key| objects.uri(key));
    let roots: Vec<_> = uris
        .iter()
        .zip(&keys)
        .map(|(uri, key)| uri.strip_suffix(key.as_str()))
        .collect();
    assert_eq!(roots[0], roots[1], "{uris:?} have different roots");
    assert!(roots[0].is_some_and(|root| root.contains(':')), "{uris:?}");
    Ok(())
}

fn filled_with(byte: u8) -> Bytes {
    Bytes::from(vec![byte; LARGE_BYTES])
}

fn key(text: &str) -> Result<Key, ObjectError> {
    Key::new(text).map_err(|error| ObjectError::Refused {
        key: text.to_owned(),
        reason: error.to_string(),
    })
}
