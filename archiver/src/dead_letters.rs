//! What cannot be a row: its position, its reason and its bytes, as lines of JSON.
//! Whoever repairs a record finds all of it there; nothing here tries to.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use schemas::record::DecodeError;
use serde::Serialize;
use transport::StreamRecord;

use crate::layout::Table;

/// Why a record cannot be a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Its bytes are not Protobuf.
    NotProtobuf,
    /// It holds no fact that this version knows.
    UnknownFact,
    /// A field of it breaks its type's promise.
    InvalidField,
    /// It happened outside the years 1970 to 9999: no partition of its table has its hour.
    TimeOutOfRange(Table),
}

impl Reason {
    pub(crate) const ALL: [Self; 6] = [
        Self::NotProtobuf,
        Self::UnknownFact,
        Self::InvalidField,
        Self::TimeOutOfRange(Table::Pings),
        Self::TimeOutOfRange(Table::RideEvents),
        Self::TimeOutOfRange(Table::Trips),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotProtobuf => "not_protobuf",
            Self::UnknownFact => "unknown_fact",
            Self::InvalidField => "invalid_field",
            Self::TimeOutOfRange(_) => "time_out_of_range",
        }
    }

    /// The table that the record would be a row of; None where its bytes do not say.
    pub(crate) fn table(self) -> Option<Table> {
        match self {
            Self::NotProtobuf | Self::UnknownFact | Self::InvalidField => None,
            Self::TimeOutOfRange(table) => Some(table),
        }
    }
}

impl From<&DecodeError> for Reason {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::Protobuf(_) => Self::NotProtobuf,
            DecodeError::UnknownFact => Self::UnknownFact,
            DecodeError::Invalid(_) => Self::InvalidField,
        }
    }
}

/// Dead letters, in the order of the stream.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    lines: String,
    counts: BTreeMap<Reason, u64>,
}

/// A line as it is stored.
#[derive(Serialize)]
struct Line<'a> {
    position: String,
    appended_ms: i64,
    reason: &'a str,
    detail: &'a str,
    key_hex: String,
    payload_hex: String,
}

impl DeadLetters {
    /// Adds a record, with words for who repairs it.
    pub(crate) fn push(
        &mut self,
        record: &StreamRecord<'_>,
        reason: Reason,
        detail: &str,
    ) -> serde_json::Result<()> {
        let line = Line {
            position: record.position.to_string(),
            appended_ms: record.appended_ms,
            reason: reason.as_str(),
            detail,
            key_hex: Hex(record.key).to_string(),
            payload_hex: Hex(record.payload).to_string(),
        };
        self.lines.push_str(&serde_json::to_string(&line)?);
        self.lines.push('\n');
        *self.counts.entry(reason).or_default() += 1;
        Ok(())
    }

    /// Bytes that they take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.capacity()
    }

    /// All lines, and how many there are of each reason.
    pub(crate) fn into_parts(self) -> (String, BTreeMap<Reason, u64>) {
        (self.lines, self.counts)
    }
}

/// Bytes as pairs of lower-case hexadecimal digits.
#[derive(Debug)]
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in self.0 {
            f.write_char(char::from(DIGITS[usize::from(byte >> 4)]))?;
            f.write_char(char::from(DIGITS[usize::from(byte & 15)]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_hexadecimal_pairs() {
        assert_eq!(Hex(&[0, 0x1f, 0xff]).to_string(), "001fff");
    }
}
