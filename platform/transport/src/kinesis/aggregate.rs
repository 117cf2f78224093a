//! Many records in one Kinesis record, in the format of Amazon's Kinesis Producer Library:
//! `F3 89 9A C2`, a Protobuf message, and its MD5. Which records belong together is not decided
//! here, and what cannot be read as an aggregate is a plain record.
//!
//! The message (github.com/awslabs/amazon-kinesis-producer, aggregation-format.md):
//!
//! ```text
//! message AggregatedRecord { repeated string partition_key_table = 1;
//!                            repeated string explicit_hash_key_table = 2;
//!                            repeated Record records = 3; }
//! message Record { required uint64 partition_key_index = 1;
//!                  optional uint64 explicit_hash_key_index = 2;
//!                  required bytes data = 3; repeated Tag tags = 4; }
//! ```
//!
//! It is written by hand because a batch has to know its size before each record that it takes,
//! and read by hand because readers must tell a missing field from an empty one.

mod reading;

use hashbrown::HashTable;
use md5::{Digest as _, Md5};
use twox_hash::XxHash3_64;

pub(crate) use reading::{UserRecord, unpack};

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;
/// An aggregate of so many bytes costs one PUT unit of 25 KB, with some bytes left for its key.
const MAX_BYTES: usize = 24_900;

/// Field 1 of the aggregate, text: a partition key.
const KEY_TAG: u8 = 1 << 3 | 2;
/// Field 2 of the aggregate, text: an explicit hash key.
const HASH_KEY_TAG: u8 = 2 << 3 | 2;
/// Field 3 of the aggregate, a message: a record.
const RECORD_TAG: u8 = 3 << 3 | 2;
/// Field 1 of a record, a number: the place of its key in the table.
const KEY_INDEX_TAG: u8 = 1 << 3;
/// Field 2 of a record, a number: the place of its explicit hash key.
const HASH_KEY_INDEX_TAG: u8 = 2 << 3;
/// Field 3 of a record, bytes: its data.
const DATA_TAG: u8 = 3 << 3 | 2;

/// Records that become one.
#[derive(Debug, Default)]
pub(crate) struct Aggregate {
    /// The table of keys as it is written, and where each key lies in it.
    keys: Vec<u8>,
    index: HashTable<Key>,
    /// The records as they are written.
    records: Vec<u8>,
    count: usize,
    /// Bytes of the first record's data.
    first_data: usize,
}

/// A key of the table.
#[derive(Debug, Clone, Copy)]
struct Key {
    number: u64,
    start: usize,
    end: usize,
}

/// One record for Kinesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) partition_key: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl Aggregate {
    /// Whether the record still belongs in; the first one always does.
    pub(crate) fn has_room(&self, key: &[u8], data: &[u8]) -> bool {
        let known = self.find(key).map(|known| known.number);
        let number = known.unwrap_or(self.index.len() as u64);
        let new_key = match known {
            Some(_) => 0,
            None => 1 + varint_len(key.len() as u64) + key.len(),
        };
        let inner = inner_len(number, data);
        let record = 1 + varint_len(inner as u64) + inner;
        self.count == 0 || self.bytes() + new_key + record <= MAX_BYTES
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, key: &[u8], data: &[u8]) {
        let number = self.number(key);
        self.records.push(RECORD_TAG);
        write_varint(inner_len(number, data) as u64, &mut self.records);
        self.records.push(KEY_INDEX_TAG);
        write_varint(number, &mut self.records);
        self.records.push(DATA_TAG);
        write_varint(data.len() as u64, &mut self.records);
        self.records.extend_from_slice(data);
        if self.count == 0 {
            self.first_data = data.len();
        }
        self.count += 1;
    }

    /// How many records it has.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Bytes that it will have.
    pub(crate) fn bytes(&self) -> usize {
        MAGIC.len() + self.keys.len() + self.records.len() + DIGEST_BYTES
    }

    /// Writes it as a record of Kinesis under the key of its first record: alone that goes as it
    /// is, unless readers would take it for an aggregate.
    pub(crate) fn finish(self) -> Packed {
        let partition_key = self.first_key().to_vec();
        if self.count == 1 {
            let data = &self.records[self.records.len() - self.first_data..];
            if !data.starts_with(&MAGIC) {
                return Packed {
                    partition_key,
                    data: data.to_vec(),
                };
            }
        }
        let mut data = Vec::with_capacity(self.bytes());
        data.extend_from_slice(&MAGIC);
        data.extend_from_slice(&self.keys);
        data.extend_from_slice(&self.records);
        let digest = Md5::digest(&data[MAGIC.len()..]);
        data.extend_from_slice(&digest);
        Packed {
            partition_key,
            data,
        }
    }

    /// Bytes of a record that goes alone, with its key.
    pub(crate) fn bytes_alone(key: &[u8], data: &[u8]) -> usize {
        if !data.starts_with(&MAGIC) {
            return key.len() + data.len();
        }
        let mut alone = Self::default();
        alone.push(key, data);
        key.len() + alone.bytes()
    }

    fn first_key(&self) -> &[u8] {
        let first = self.index.iter().find(|key| key.number == 0);
        first.map_or(&[], |key| &self.keys[key.start..key.end])
    }

    fn find(&self, key: &[u8]) -> Option<&Key> {
        let is_it = |known: &Key| &self.keys[known.start..known.end] == key;
        self.index.find(XxHash3_64::oneshot(key), is_it)
    }

    /// The key's place in the table, where it is written if it is new.
    fn number(&mut self, key: &[u8]) -> u64 {
        if let Some(known) = self.find(key) {
            return known.number;
        }
        let number = self.index.len() as u64;
        self.keys.push(KEY_TAG);
        write_varint(key.len() as u64, &mut self.keys);
        let start = self.keys.len();
        self.keys.extend_from_slice(key);
        let key = Key {
            number,
            start,
            end: self.keys.len(),
        };
        let keys = &self.keys;
        let hash = |key: &Key| XxHash3_64::oneshot(&keys[key.start..key.end]);
        self.index.insert_unique(hash(&key), key, hash);
        number
    }
}

fn inner_len(number: u64, data: &[u8]) -> usize {
    1 + varint_len(number) + 1 + varint_len(data.len() as u64) + data.len()
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn write_varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod interop;
#[cfg(test)]
mod tests;
