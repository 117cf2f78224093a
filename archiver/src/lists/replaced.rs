//! The record that files of a table's hour were replaced by others, and why: plain JSON for whoever
//! audits. There is no clock in it, and nobody's id.

use serde::{Deserialize, Serialize};

use crate::commit::File;

/// A link of the chain of an hour's replacements. Once it is there, `inputs` are not part of the
/// table any more, and `outputs` are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replaced {
    /// The table and the hour.
    pub(crate) partition: String,
    /// The number of the link, from 1 on.
    pub(crate) n: u64,
    /// Why.
    pub(crate) why: Why,
    /// Of an erasure: the number of its link in the chain `_erasures`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) erasure: Option<u64>,
    /// What was replaced.
    pub(crate) inputs: Vec<File>,
    /// What came in place: one at least, so that no list is ever again what it was.
    pub(crate) outputs: Vec<File>,
    /// What became of the rows.
    pub(crate) counts: RowCounts,
}

/// Why files were replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// To make few large files of many small ones.
    Compaction,
    /// To erase what must not be kept.
    Erasure,
}

/// What became of the rows of the inputs: rows = written + repeats + conflicts + erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowCounts {
    /// Rows of the inputs.
    pub(crate) rows: u64,
    /// Rows of the outputs.
    pub(crate) written: u64,
    /// Rows that were there before, all alike.
    pub(crate) repeats: u64,
    /// Rows that another row has the name of, with other content: the earliest received is kept.
    pub(crate) conflicts: u64,
    /// Rows taken out by an erasure.
    pub(crate) erased: u64,
    /// Rows that an erasure left with less in them; they are among the written.
    pub(crate) altered: u64,
}

impl Replaced {
    /// Whether no row is unaccounted for.
    pub(crate) fn adds_up(&self) -> bool {
        let rows = |files: &[File]| files.iter().map(|file| file.rows).sum::<u64>();
        let counts = self.counts;
        rows(&self.inputs) == counts.rows
            && rows(&self.outputs) == counts.written
            && counts.rows == counts.written + counts.repeats + counts.conflicts + counts.erased
            && counts.altered <= counts.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::{StoredObject, to_bytes},
        layout::Table,
    };

    fn file(key: &str, rows: u64) -> File {
        File {
            table: Table::Trips,
            object: StoredObject {
                key: key.to_owned(),
                bytes: 9,
                sha256: "ab".to_owned(),
            },
            rows,
            min_ms: 0,
            max_ms: 1,
        }
    }

    /// What was written once is read for ever, and written the same.
    const GOLDEN: &str = r#"{
  "partition": "trips/dt=2026-03-01/hour=23",
  "n": 1,
  "why": "compaction",
  "inputs": [
    {
      "table": "trips",
      "key": "a",
      "bytes": 9,
      "sha256": "ab",
      "rows": 2,
      "min_ms": 0,
      "max_ms": 1
    }
  ],
  "outputs": [
    {
      "table": "trips",
      "key": "b",
      "bytes": 9,
      "sha256": "ab",
      "rows": 1,
      "min_ms": 0,
      "max_ms": 1
    }
  ],
  "counts": {
    "rows": 2,
    "written": 1,
    "repeats": 1,
    "conflicts": 0,
    "erased": 0,
    "altered": 0
  }
}"#;

    #[test]
    fn a_record_is_written_for_people_and_adds_up() {
        let record = Replaced {
            partition: "trips/dt=2026-03-01/hour=23".to_owned(),
            n: 1,
            why: Why::Compaction,
            erasure: None,
            inputs: vec![file("a", 2)],
            outputs: vec![file("b", 1)],
            counts: RowCounts {
                rows: 2,
                written: 1,
                repeats: 1,
                ..RowCounts::default()
            },
        };
        assert_eq!(to_bytes(&record).unwrap(), GOLDEN);
        assert_eq!(serde_json::from_str::<Replaced>(GOLDEN).unwrap(), record);
        assert!(record.adds_up());
        for change in [
            |record: &mut Replaced| record.counts.rows += 1,
            |record: &mut Replaced| record.inputs[0].rows += 1,
            |record: &mut Replaced| record.outputs.clear(),
            |record: &mut Replaced| record.counts.altered = 2,
        ] {
            let mut wrong = record.clone();
            change(&mut wrong);
            assert!(!wrong.adds_up(), "{wrong:?}");
        }
    }
}
