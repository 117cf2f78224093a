//! Claims on uploads: the whole object at the end, and nothing before.

use std::sync::Arc;

use bytes::Bytes;

use super::{OVERWRITES, filled_with, key};
use crate::{Key, ObjectError, Objects};

/// Of such a size are the pieces in which an upload goes to S3.
const PART_BYTES: usize = 8 << 20;

/// Objects of these sizes are uploaded.
const SIZES: [usize; 7] = [
    0,
    1,
    PART_BYTES - 1,
    PART_BYTES,
    PART_BYTES + 1,
    2 * PART_BYTES,
    5 * PART_BYTES + 7,
];

/// The pieces that are written are of no part's size.
const PIECE_BYTES: usize = 1_000_003;

pub(super) async fn an_upload_is_there_once_it_is_finished(
    objects: &dyn Objects,
) -> Result<(), ObjectError> {
    for length in SIZES {
        let key = key(&format!("uploaded/{length}/x"))?;
        let bytes = bytes_of(length);
        upload(objects, &key, &bytes).await?;
        check(objects, &key, &bytes).await?;
        objects.delete(&key).await?;
    }
    // One piece of many parts, and one of none.
    let key = key("uploaded/x")?;
    let bytes = bytes_of(3 * PART_BYTES + 1);
    let mut upload = objects.upload(&key).await?;
    for piece in [Bytes::new(), bytes.clone(), Bytes::new()] {
        upload.write(piece).await?;
    }
    upload.finish().await?;
    check(objects, &key, &bytes).await
}

pub(super) async fn nobody_sees_an_upload_before_its_end(
    objects: &dyn Objects,
) -> Result<(), ObjectError> {
    let (fresh, former) = (key("seen/fresh/x")?, key("seen/x")?);
    let old = Bytes::from_static(b"old");
    objects.put(&former, old.clone()).await?;
    let bytes = bytes_of(2 * PART_BYTES + 9);
    for key in [&fresh, &former] {
        let mut upload = objects.upload(key).await?;
        for at in (0..bytes.len()).step_by(PIECE_BYTES) {
            let end = bytes.len().min(at + PIECE_BYTES);
            upload.write(bytes.slice(at..end)).await?;
        }
        assert_eq!(objects.get(&fresh).await?, None);
        assert_eq!(objects.get(&former).await?, Some(old.clone()));
        assert_eq!(
            objects.list("seen/", None).await?,
            std::slice::from_ref(&former)
        );
        // And never if it has none.
        drop(upload);
    }
    assert_eq!(objects.get(&fresh).await?, None);
    assert_eq!(objects.get(&former).await?, Some(old));
    assert_eq!(objects.list("seen/", None).await?, [former]);
    Ok(())
}

pub(super) async fn an_upload_replaces_what_was_there(
    objects: &Arc<dyn Objects>,
) -> Result<(), ObjectError> {
    let key = key("uploaded/over/x")?;
    objects.put(&key, filled_with(0)).await?;
    let reader = {
        let (objects, key) = (Arc::clone(objects), key.clone());
        tokio::spawn(async move {
            loop {
                let bytes = objects.get(&key).await?.unwrap_or_default();
                let seen = bytes.first().copied().unwrap_or_default();
                assert_eq!(bytes, filled_with(seen), "an upload is mixed with another");
                if seen == OVERWRITES {
                    return Ok::<(), ObjectError>(());
                }
            }
        })
    };
    for n in 1..=OVERWRITES {
        let mut upload = objects.upload(&key).await?;
        let whole = filled_with(n);
        let (start, end) = (whole.slice(..1_000), whole.slice(1_000..));
        upload.write(start).await?;
        upload.write(end).await?;
        upload.finish().await?;
    }
    match reader.await {
        Ok(read) => read,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Of two uploads at once, the one that is finished last stays, whichever was begun first.
pub(super) async fn uploads_at_once_do_not_mix(objects: &dyn Objects) -> Result<(), ObjectError> {
    let key = key("uploaded/at/once")?;
    let mut uploads = Vec::new();
    for byte in b'a'..=b'c' {
        uploads.push((byte, objects.upload(&key).await?));
    }
    for _ in 0..3 {
        for (byte, upload) in &mut uploads {
            upload.write(Bytes::from(vec![*byte; 3_000_000])).await?;
        }
    }
    for (byte, upload) in uploads.into_iter().rev() {
        upload.finish().await?;
        check(objects, &key, &Bytes::from(vec![byte; 9_000_000])).await?;
    }
    Ok(())
}

async fn upload(objects: &dyn Objects, key: &Key, bytes: &Bytes) -> Result<(), ObjectError> {
    let mut upload = objects.upload(key).await?;
    for at in (0..bytes.len()).step_by(PIECE_BYTES) {
        let end = bytes.len().min(at + PIECE_BYTES);
        upload.write(bytes.slice(at..end)).await?;
    }
    upload.finish().await
}

async fn check(objects: &dyn Objects, key: &Key, bytes: &Bytes) -> Result<(), ObjectError> {
    let there = objects.get(key).await?;
    let length = there.as_ref().map(Bytes::len);
    assert_eq!(length, Some(bytes.len()), "the length of {key}");
    // Megabytes that differ are no message.
    assert!(there.as_ref() == Some(bytes), "{key} has other bytes");
    Ok(())
}

/// Bytes of which no two pieces are alike.
fn bytes_of(length: usize) -> Bytes {
    let words = (0..length.div_ceil(4) as u32).flat_map(u32::to_le_bytes);
    words.take(length).collect()
}
