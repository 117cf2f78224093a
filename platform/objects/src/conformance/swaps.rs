//! Claims on swaps: what was read is replaced, or nothing is.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::key;
use crate::{Key, ObjectError, Objects, Put, Swap, Tag};

/// So many add lines to one object at once,
const WRITERS: usize = 6;
/// so many each.
const LINES: usize = 4;

pub(super) async fn a_swap_is_of_what_was_read(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("swapped/x")?;
    let [first, second, third] = ["first", "second", "third"].map(Bytes::from);
    assert_eq!(objects.get_tagged(&key).await?, None, "nothing has no tag");
    objects.put(&key, first.clone()).await?;
    let tag_of_first = tag_of(objects, &key, &first).await?;
    assert_eq!(
        tag_of(objects, &key, &first).await?,
        tag_of_first,
        "a read changes no tag"
    );
    let swap = objects.put_if_unchanged(&key, second.clone(), &tag_of_first);
    assert_eq!(swap.await?, Swap::Done);
    let tag_of_second = tag_of(objects, &key, &second).await?;
    assert_ne!(tag_of_second, tag_of_first);
    let swap = swap_too_late(objects, &key, &third, &tag_of_first);
    assert_eq!(swap.await?, Swap::Changed, "the tag is of a former object");
    assert_eq!(
        objects.get_tagged(&key).await?,
        Some((second, tag_of_second.clone())),
        "a swap that came too late changes nothing"
    );
    // Any put counts, not swaps alone.
    objects.put(&key, first.clone()).await?;
    let swap = swap_too_late(objects, &key, &third, &tag_of_second);
    assert_eq!(swap.await?, Swap::Changed);
    objects.put(&key, Bytes::new()).await?;
    let tag_of_empty = tag_of(objects, &key, &Bytes::new()).await?;
    let swap = objects.put_if_unchanged(&key, third.clone(), &tag_of_empty);
    assert_eq!(swap.await?, Swap::Done, "an empty object is one, too");
    assert_eq!(objects.get(&key).await?, Some(third));
    Ok(())
}

pub(super) async fn a_swap_creates_nothing(objects: &dyn Objects) -> Result<(), ObjectError> {
    let (key, neighbour) = (key("swapped/deep/gone")?, key("swapped/neighbour")?);
    let bytes = Bytes::from_static(b"x");
    for known in [&key, &neighbour] {
        objects.put(known, bytes.clone()).await?;
    }
    let tag = tag_of(objects, &key, &bytes).await?;
    objects.delete(&key).await?;
    for gone in [&key, &self::key("swapped/never/there")?] {
        let swap = swap_too_late(objects, gone, &bytes, &tag);
        assert_eq!(swap.await?, Swap::Changed, "{gone} is not there");
        assert_eq!(objects.get(gone).await?, None);
        assert_eq!(objects.list("swapped/deep", None).await?, []);
        assert_eq!(objects.list("swapped/never", None).await?, []);
    }
    assert_eq!(
        objects.put_if_absent(&key, bytes).await?,
        Put::Created,
        "where nothing is, this is the swap"
    );
    Ok(())
}

/// Nobody takes a line away, so that each one's lines say what became of its swaps: one that was
/// told that it did nothing must not find its line, and in the end none is lost or there twice.
pub(super) async fn many_writers_lose_no_line(
    objects: &Arc<dyn Objects>,
) -> Result<(), ObjectError> {
    let key = key("lines/x")?;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (objects, key) = (Arc::clone(objects), key.clone());
        writers.spawn(async move {
            for line in 0..LINES {
                add(&*objects, &key, &format!("{writer}-{line}\n")).await?;
            }
            Ok(())
        });
    }
    writers
        .join_all()
        .await
        .into_iter()
        .collect::<Result<(), ObjectError>>()?;
    let text = text_of(&objects.get(&key).await?.unwrap_or_default());
    let lines: BTreeSet<&str> = text.lines().collect();
    assert_eq!(text.lines().count(), WRITERS * LINES, "{text}");
    assert_eq!(lines.len(), WRITERS * LINES, "{text}");
    Ok(())
}

/// Adds a line, as often as it takes.
pub(crate) async fn add(objects: &dyn Objects, key: &Key, line: &str) -> Result<(), ObjectError> {
    loop {
        let read = objects.get_tagged(key).await?;
        let there = read.as_ref().map(|(bytes, _)| text_of(bytes));
        let longer = Bytes::from(there.clone().unwrap_or_default() + line);
        let did_nothing = match &read {
            None => match objects.put_if_absent(key, longer).await {
                Ok(Put::Created) => return Ok(()),
                // Whether it was this one, after an answer that was lost, is looked at.
                Ok(Put::Exists) | Err(ObjectError::Unavailable { .. }) => false,
                Err(error) => return Err(error),
            },
            Some((_, tag)) => match objects.put_if_unchanged(key, longer, tag).await {
                Ok(Swap::Done) => return Ok(()),
                Ok(Swap::Changed) => true,
                Err(ObjectError::Unavailable { .. }) => false,
                Err(error) => return Err(error),
            },
        };
        let now = text_of(&objects.get(key).await?.unwrap_or_default());
        if now.contains(line) {
            assert!(!did_nothing, "{line} is there, by a swap that did nothing");
            return Ok(());
        }
    }
}

/// Swaps with a tag of what is not there any more. That does nothing however often it is tried: a
/// storage that lost an answer need not know it at once.
async fn swap_too_late(
    objects: &dyn Objects,
    key: &Key,
    bytes: &Bytes,
    tag: &Tag,
) -> Result<Swap, ObjectError> {
    loop {
        match objects.put_if_unchanged(key, bytes.clone(), tag).await {
            Err(ObjectError::Unavailable { .. }) => {}
            told => return told,
        }
    }
}

async fn tag_of(objects: &dyn Objects, key: &Key, bytes: &Bytes) -> Result<Tag, ObjectError> {
    let read = objects.get_tagged(key).await?;
    let (there, tag) = read.ok_or_else(|| ObjectError::Unavailable {
        key: key.to_string(),
        reason: "is not there, and was just put".to_owned(),
    })?;
    assert_eq!(there, *bytes, "{key}");
    Ok(tag)
}

fn text_of(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
