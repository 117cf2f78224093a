//! What Kinesis answers to a read, as records of the stream: aggregates are taken apart, and what
//! is none of the shard's, or was read before, is left out. Where reading goes on is kept elsewhere.

use aws_sdk_kinesis::types::Record;
use bytes::Bytes;

use super::aggregate::unpack;
use crate::{
    Fetched, Lineage, Position,
    batch::{FetchedEntry, Place},
    sequence::{InvalidSequence, Sequence},
};

/// The records of one answer.
#[derive(Debug)]
pub(super) struct Unfolded {
    /// Those after the position that was read before; None if there are none.
    pub(super) fetched: Option<Fetched>,
    /// Records of aggregates that are another shard's: whoever wrote them writes them there too.
    pub(super) foreign: usize,
}

/// The numbers of the first and the last record of an answer; None for an empty one.
///
/// # Errors
/// [`InvalidSequence`] if a number is none.
pub(super) fn bounds(records: &[Record]) -> Result<Option<(Sequence, Sequence)>, InvalidSequence> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(None);
    };
    let bounds = (
        first.sequence_number.parse()?,
        last.sequence_number.parse()?,
    );
    Ok(Some(bounds))
}

/// Takes an answer apart, of a shard of this lineage, which was read up to and including `after`.
///
/// # Errors
/// [`InvalidSequence`] if a number is none.
pub(super) fn unfold(
    records: Vec<Record>,
    lineage: &Lineage,
    after: Option<Position>,
) -> Result<Unfolded, InvalidSequence> {
    let bytes = records.iter().map(|record| {
        record.data.as_ref().len() + record.partition_key.as_ref().map_or(0, String::len)
    });
    let mut buffer = Vec::with_capacity(bytes.sum());
    let mut entries = Vec::new();
    let mut foreign = 0;
    for record in records {
        let sequence: Sequence = record.sequence_number.parse()?;
        let arrival = record.approximate_arrival_timestamp;
        let appended_ms = arrival
            .and_then(|time| time.to_millis().ok())
            .unwrap_or_default();
        let mut push = |key, payload, place| {
            let position = Position::new(sequence, place);
            if after.is_none_or(|after| position > after) {
                entries.push(FetchedEntry {
                    key,
                    payload,
                    position,
                    appended_ms,
                });
            }
        };
        let data = record.data.as_ref();
        let base = buffer.len();
        buffer.extend_from_slice(data);
        let place = |start: usize, end: usize| Place {
            start: (base + start) as u32,
            end: (base + end) as u32,
        };
        let Some(packed) = unpack(data) else {
            let key = record.partition_key.unwrap_or_default();
            buffer.extend_from_slice(key.as_bytes());
            push(
                place(data.len(), data.len() + key.len()),
                place(0, data.len()),
                0,
            );
            continue;
        };
        for (number, record) in (0..).zip(packed) {
            if lineage.contains(record.hash) {
                let key = place(record.key.start, record.key.end);
                push(key, place(record.data.start, record.data.end), number);
            } else {
                foreign += 1;
            }
        }
    }
    let buffer = Bytes::from(buffer);
    let fetched = (!entries.is_empty()).then_some(Fetched { buffer, entries });
    Ok(Unfolded { fetched, foreign })
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::primitives::{Blob, DateTime};

    use super::*;
    use crate::{
        hash_key::{HashKey, HashRange},
        kinesis::aggregate::Aggregate,
    };

    fn record(sequence: &str, key: &str, data: Vec<u8>) -> Record {
        Record::builder()
            .sequence_number(sequence)
            .partition_key(key)
            .data(Blob::new(data))
            .approximate_arrival_timestamp(DateTime::from_millis(1_700_000_000_123))
            .build()
            .unwrap()
    }

    fn aggregate(keys: &[&str]) -> Vec<u8> {
        let mut aggregate = Aggregate::default();
        for key in keys {
            aggregate.push(key.as_bytes(), format!("of {key}").as_bytes());
        }
        aggregate.finish().data
    }

    fn read(unfolded: &Unfolded) -> Vec<(String, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let records = unfolded.fetched.iter().flat_map(Fetched::iter);
        records
            .map(|record| {
                assert_eq!(record.appended_ms, 1_700_000_000_123);
                (
                    record.position.to_string(),
                    text(record.key),
                    text(record.payload),
                )
            })
            .collect()
    }

    fn check(after: Option<&str>, expected: &[(&str, &str, &str)]) {
        let records = vec![
            record("10", "a", b"plain".to_vec()),
            record("11", "x", aggregate(&["a", "b", "c"])),
            record("12", "a", Vec::new()),
        ];
        let after = after.map(|after| after.parse().unwrap());
        let read = read(&unfold(records, &Lineage::default(), after).unwrap());
        let read: Vec<_> = read
            .iter()
            .map(|(at, key, data)| (&**at, &**key, &**data))
            .collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn plain_and_aggregated_records_come_in_one_order_and_go_on_within_an_aggregate() {
        let all = [
            ("10", "a", "plain"),
            ("11", "a", "of a"),
            ("11/1", "b", "of b"),
            ("11/2", "c", "of c"),
            ("12", "a", ""),
        ];
        check(None, &all);
        for (index, (position, ..)) in all.iter().enumerate() {
            check(Some(position), &all[index + 1..]);
        }
    }

    #[test]
    fn what_is_another_shards_is_left_out_of_an_aggregate_and_counted() {
        let of_a = HashKey::of(b"a");
        let narrow = Lineage::new(Vec::new(), HashRange::new(of_a, of_a));
        let records = vec![record("11", "x", aggregate(&["a", "b", "c"]))];
        let unfolded = unfold(records, &narrow, None).unwrap();
        assert_eq!(read(&unfolded), [("11".into(), "a".into(), "of a".into())]);
        assert_eq!(unfolded.foreign, 2);
    }

    #[test]
    fn an_answer_with_an_odd_number_is_an_error() {
        let records = vec![record("one", "a", Vec::new())];
        assert!(bounds(&records).is_err());
        assert!(unfold(records, &Lineage::default(), None).is_err());
        assert_eq!(bounds(&[]), Ok(None));
    }
}
