//! What cannot be a row: its position, its reason and its bytes, as lines of JSON.
//! Whoever repairs a record finds all of it there; nothing here tries to.

use std::fmt::{self, Write as _};

use schemas::record::DecodeError;
use serde::Serialize;
use transport::StreamRecord;

/// Why a record cannot be a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Its bytes are not Protobuf.
    NotProtobuf,
    /// It holds no fact that this version knows.
    UnknownFact,
    /// A field of it breaks its type's promise.
    InvalidField,
    /// It happened outside the years 1970 to 9999: no partition has its hour.
    TimeOutOfRange,
}

impl Reason {
    pub(crate) const ALL: [Self; 4] = [
        Self::NotProtobuf,
        Self::UnknownFact,
        Self::InvalidField,
        Self::TimeOutOfRange,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotProtobuf => "not_protobuf",
            Self::UnknownFact => "unknown_fact",
            Self::InvalidField => "invalid_field",
            Self::TimeOutOfRange => "time_out_of_range",
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
    counts: [u64; Reason::ALL.len()],
}

/// A line as it is stored.
#[derive(Serialize)]
struct Line<'a> {
    position: String,
    appended_ms: i64,
    reason: Reason,
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
            reason,
            detail,
            key_hex: Hex(record.key).to_string(),
            payload_hex: Hex(record.payload).to_string(),
        };
        self.lines.push_str(&serde_json::to_string(&line)?);
        self.lines.push('\n');
        self.counts[reason as usize] += 1;
        Ok(())
    }

    /// How many there are, by reason.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.counts)
    }

    /// Bytes that they take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.capacity()
    }

    /// All lines.
    pub(crate) fn into_lines(self) -> String {
        self.lines
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
    fn reasons_are_counted_under_their_own_names() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn bytes_are_written_as_hexadecimal_pairs() {
        assert_eq!(Hex(&[0, 0x1f, 0xff]).to_string(), "001fff");
    }
}
