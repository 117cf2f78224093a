//! Fuzzes `ingest::fuzzing::gpslogger`, which says what it reads and what must hold.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ingest::fuzzing::gpslogger(bytes));
