//! Aggregates that other people's code reads and writes: aws-kinesis-agg, Amazon's for Python. Needs
//! the Python that `HANSOM_TEST_PYTHON` names; without it these tests are skipped aloud.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
};

use super::*;

/// Reads aggregates, a line of hexadecimal each, and writes their records: key, tab, data.
const DEAGGREGATE: &str = "
import base64, sys
from aws_kinesis_agg.deaggregator import iter_deaggregate_records
for line in sys.stdin:
    record = {'Data': bytes.fromhex(line), 'PartitionKey': 'a', 'SequenceNumber': '1',
              'ApproximateArrivalTimestamp': 0}
    for one in iter_deaggregate_records([record], data_format='Boto3'):
        assert one['kinesis']['aggregated']
        key = one['kinesis']['partitionKey'].encode().hex()
        print(key, base64.b64decode(one['kinesis']['data']).hex(), sep='\\t')
    print('end')
";

/// Reads records as the other writes them, and writes aggregates of them.
const AGGREGATE: &str = "
import sys
from aws_kinesis_agg.aggregator import RecordAggregator
aggregator = RecordAggregator(max_size=24900)
def write(full):
    if full: print(full.get_contents()[2].hex())
for line in sys.stdin:
    key, data = line.rstrip('\\n').split('\\t')
    write(aggregator.add_user_record(bytes.fromhex(key).decode(), bytes.fromhex(data)))
write(aggregator.clear_and_get())
";

type Record = (Vec<u8>, Vec<u8>);

/// Runs a script with this input; None where there is no Python.
fn python(test: &str, script: &str, input: &str) -> Option<String> {
    let Some(python) = env::var_os("HANSOM_TEST_PYTHON") else {
        faults::skip(
            test,
            "HANSOM_TEST_PYTHON names no Python with aws-kinesis-agg",
        );
        return None;
    };
    let mut process = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "the script fails");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn line((key, data): &Record) -> String {
    format!("{}\t{}\n", hex(key), hex(data))
}

/// Records of all sizes, of keys that come again and again, and of some that do not.
fn records() -> Vec<Record> {
    let record = |number: usize| {
        let key = match number % 3 {
            0 => format!("fleet/cab-{}", number % 17),
            1 => format!("flotte/taxi-{number}-é"),
            _ => "k".repeat(1 + number % 256),
        };
        let data = (0..number * 37 % 900).map(|at| (at * number) as u8);
        (key.into_bytes(), data.collect())
    };
    (0..2_000).map(record).collect()
}

#[test]
fn amazons_code_reads_every_record_of_our_aggregates() {
    let records = records();
    let (mut packed, mut expected, mut count) = (String::new(), String::new(), 0);
    let mut aggregate = Aggregate::default();
    let mut end = |aggregate: Aggregate, packed: &mut String, expected: &mut String| {
        packed.push_str(&hex(&aggregate.finish().data));
        packed.push('\n');
        expected.push_str("end\n");
        count += 1;
    };
    for record in &records {
        if !aggregate.has_room(&record.0, &record.1) {
            end(std::mem::take(&mut aggregate), &mut packed, &mut expected);
        }
        aggregate.push(&record.0, &record.1);
        expected.push_str(&line(record));
    }
    end(aggregate, &mut packed, &mut expected);
    let test = "amazons_code_reads_every_record_of_our_aggregates";
    let Some(read) = python(test, DEAGGREGATE, &packed) else {
        return;
    };
    assert!(count > 30, "there are many aggregates");
    for (read, expected) in read.lines().zip(expected.lines()) {
        assert_eq!(read, expected);
    }
    assert!(read == expected, "{} bytes, {}", read.len(), expected.len());
}

#[test]
fn our_code_reads_every_record_of_amazons_aggregates() {
    let records = records();
    let lines: String = records.iter().map(line).collect();
    let test = "our_code_reads_every_record_of_amazons_aggregates";
    let Some(written) = python(test, AGGREGATE, &lines) else {
        return;
    };
    let read = written.lines().flat_map(|packed| {
        let packed = bytes(packed);
        let records = unpack(&packed).expect("an aggregate");
        let part = |range: std::ops::Range<usize>| packed[range].to_vec();
        let records = records.into_iter();
        records
            .map(|record| (part(record.key), part(record.data)))
            .collect::<Vec<_>>()
    });
    assert!(read.eq(records), "what is read differs");
}
