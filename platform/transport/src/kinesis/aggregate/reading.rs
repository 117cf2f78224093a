//! Reading aggregates, by whomever they are written. What is not one, to the last byte, is plain.

use std::ops::Range;

use md5::{Digest as _, Md5};

use super::{
    DATA_TAG, DIGEST_BYTES, HASH_KEY_INDEX_TAG, HASH_KEY_TAG, KEY_INDEX_TAG, KEY_TAG, MAGIC,
    RECORD_TAG,
};
use crate::hash_key::HashKey;

/// A record of an aggregate: where its key and its data lie in the aggregate's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserRecord {
    pub(crate) key: Range<usize>,
    pub(crate) data: Range<usize>,
    /// Decides the shard that it belongs to.
    pub(crate) hash: HashKey,
}

/// A record as it is written: places in the tables, and where the data lies.
#[derive(Debug, Clone)]
struct Written {
    key_index: u64,
    hash_key_index: Option<u64>,
    data: Range<usize>,
}

/// Takes an aggregate apart; None for a plain record, which is all that has another magic, a wrong
/// digest, a missing field, or a place beyond its table.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Vec<UserRecord>> {
    let has_frame = bytes.len() > MAGIC.len() + DIGEST_BYTES && bytes.starts_with(&MAGIC);
    if !has_frame {
        return None;
    }
    let end = bytes.len() - DIGEST_BYTES;
    if Md5::digest(&bytes[MAGIC.len()..end])[..] != bytes[end..] {
        return None;
    }
    let mut keys: Vec<(Range<usize>, HashKey)> = Vec::new();
    let mut hash_keys = Vec::new();
    let mut written = Vec::new();
    let mut message = Message {
        bytes: &bytes[..end],
        at: MAGIC.len(),
    };
    while !message.is_at_end() {
        match message.tag()? {
            KEY_TAG => {
                let key = message.chunk()?;
                let hash = HashKey::of(&bytes[key.clone()]);
                keys.push((key, hash));
            }
            HASH_KEY_TAG => {
                let text = std::str::from_utf8(&bytes[message.chunk()?]).ok()?;
                hash_keys.push(HashKey::parse(text)?);
            }
            RECORD_TAG => written.push(record(bytes, message.chunk()?)?),
            other => message.skip(other)?,
        }
    }
    written
        .into_iter()
        .map(|record| {
            let (key, hash) = keys.get(usize::try_from(record.key_index).ok()?)?;
            let explicit = match record.hash_key_index {
                Some(index) => Some(*hash_keys.get(usize::try_from(index).ok()?)?),
                None => None,
            };
            Some(UserRecord {
                key: key.clone(),
                data: record.data,
                hash: explicit.unwrap_or(*hash),
            })
        })
        .collect()
}

fn record(bytes: &[u8], place: Range<usize>) -> Option<Written> {
    let mut message = Message {
        bytes: &bytes[..place.end],
        at: place.start,
    };
    let (mut key_index, mut hash_key_index, mut data) = (None, None, None);
    while !message.is_at_end() {
        match message.tag()? {
            KEY_INDEX_TAG => key_index = Some(message.varint()?),
            HASH_KEY_INDEX_TAG => hash_key_index = Some(message.varint()?),
            DATA_TAG => data = Some(message.chunk()?),
            other => message.skip(other)?,
        }
    }
    Some(Written {
        key_index: key_index?,
        hash_key_index,
        data: data?,
    })
}

/// A Protobuf message that is being read. None is the end of all reading: it is no such message.
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Message<'_> {
    fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next field's tag. Fields from 16 on, which have longer tags, are not the format's.
    fn tag(&mut self) -> Option<u8> {
        u8::try_from(self.varint()?).ok()
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A field with its length in front.
    fn chunk(&mut self) -> Option<Range<usize>> {
        let length = usize::try_from(self.varint()?).ok()?;
        let end = self.at.checked_add(length)?;
        if end > self.bytes.len() {
            return None;
        }
        let chunk = self.at..end;
        self.at = end;
        Some(chunk)
    }

    /// Skips a field that is not known here, by its wire type.
    fn skip(&mut self, tag: u8) -> Option<()> {
        let skipped = match tag & 7 {
            0 => return self.varint().map(drop),
            1 => 8,
            2 => return self.chunk().map(drop),
            5 => 4,
            _ => return None,
        };
        self.at += skipped;
        (self.at <= self.bytes.len()).then_some(())
    }
}
