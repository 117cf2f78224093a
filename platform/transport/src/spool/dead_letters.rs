//! Spooled records that the stream refuses for good, in a file of a line of JSON each, so that they
//! block nothing and are not lost. Nothing reads them here: a human does.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tracing::error;

use super::{LaneName, metrics};
use crate::{clock::wall_ms, lock::locked};

/// The file in the spool's directory.
pub(super) const FILE: &str = "dead-letters.ndjson";

/// The file grows to this size: some hundred thousand records, and whoever looks is late already.
const MAX_BYTES: u64 = 64 << 20;

/// The file. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct DeadLetters(Arc<Mutex<Ledger>>);

#[derive(Debug)]
struct Ledger {
    file: File,
    /// Up to where it has whole lines.
    bytes: u64,
    max_bytes: u64,
}

/// A record, and why the stream refuses it.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) key: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) reason: String,
}

impl DeadLetters {
    /// Opens the file in a directory, or makes it.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        Self::open_with(directory, MAX_BYTES)
    }

    fn open_with(directory: &Path, max_bytes: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(directory.join(FILE))?;
        let bytes = whole_lines(&mut file)?;
        file.set_len(bytes)?;
        file.sync_all()?;
        // The name must last as well.
        File::open(directory)?.sync_all()?;
        let ledger = Ledger {
            file,
            bytes,
            max_bytes,
        };
        Ok(Self(Arc::new(Mutex::new(ledger))))
    }

    /// Writes the letters, and waits until they are durable. What there is no room for is lost,
    /// counted and told.
    pub(super) async fn put(&self, lane: LaneName, letters: Vec<DeadLetter>) {
        let ledger = self.0.clone();
        let count = letters.len() as u64;
        let writing = tokio::task::spawn_blocking(move || locked(&ledger).write(lane, &letters));
        let written = writing
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)));
        match written {
            Ok(()) => {
                error!(
                    lane = lane.as_str(),
                    records = count,
                    "the stream refuses spooled records: they are in {FILE}"
                );
                metrics::dead_letters(lane, count);
            }
            Err(error) => {
                error!(
                    lane = lane.as_str(),
                    records = count,
                    %error,
                    "the stream refuses spooled records, and {FILE} does not take them: they are lost"
                );
                metrics::lost_dead_letters(count);
            }
        }
    }
}

impl Ledger {
    fn write(&mut self, lane: LaneName, letters: &[DeadLetter]) -> io::Result<()> {
        let now_ms = wall_ms();
        let mut lines = String::new();
        for letter in letters {
            let entry = serde_json::json!({
                "lane": lane.as_str(),
                "reason": letter.reason,
                "time_ms": now_ms,
                "key": BASE64_STANDARD.encode(&letter.key),
                "payload": BASE64_STANDARD.encode(&letter.payload),
            });
            lines.push_str(&entry.to_string());
            lines.push('\n');
        }
        let end = self.bytes + lines.len() as u64;
        if end > self.max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // What a failed write left is written over.
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(lines.as_bytes())?;
        self.file.set_len(end)?;
        self.file.sync_data()?;
        self.bytes = end;
        Ok(())
    }
}

/// Up to where the file has whole lines: a kill may have cut the last one.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let end = text.iter().rposition(|byte| *byte == b'\n');
    Ok(end.map_or(0, |end| end as u64 + 1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn letter(payload: &[u8]) -> DeadLetter {
        DeadLetter {
            key: b"fleet/cab".to_vec(),
            payload: payload.to_vec(),
            reason: "it is \"poison\"".to_owned(),
        }
    }

    fn payloads(directory: &Path) -> Vec<Vec<u8>> {
        let text = fs::read_to_string(directory.join(FILE)).unwrap();
        let decode = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["reason"], "it is \"poison\"");
            assert_eq!(line["key"], "ZmxlZXQvY2Fi");
            assert!(line["time_ms"].as_i64().unwrap() > 0);
            BASE64_STANDARD
                .decode(line["payload"].as_str().unwrap())
                .unwrap()
        };
        text.lines().map(decode).collect()
    }

    #[tokio::test]
    async fn a_line_that_a_kill_cut_is_taken_off_and_those_before_it_stay() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(directory.path()).unwrap();
        letters
            .put(LaneName::Live, vec![letter(b"1"), letter(b"2")])
            .await;
        let path = directory.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], br#"{"key": "Zm"#].concat()).unwrap();
        let letters = DeadLetters::open(directory.path()).unwrap();
        letters.put(LaneName::Backfill, vec![letter(b"3")]).await;
        assert_eq!(payloads(directory.path()), [b"1", b"2", b"3"]);
    }

    #[tokio::test]
    async fn a_full_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open_with(directory.path(), 200).unwrap();
        letters.put(LaneName::Live, vec![letter(b"1")]).await;
        letters.put(LaneName::Live, vec![letter(b"2")]).await;
        assert_eq!(payloads(directory.path()), [b"1"]);
    }
}
