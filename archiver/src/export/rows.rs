//! Counts the rows of a file as it streams by, by the ending of its name. It does not check that the
//! file is well formed: its digest says what it must be.

/// Counts rows of what it is fed.
#[derive(Debug)]
pub(crate) enum RowCounter {
    Csv(Csv),
    Lines(Lines),
    Json(Json),
    /// Its footer tells the rows: it is read by itself.
    Parquet,
    /// Nobody knows what a row of it is.
    Unknown,
}

impl RowCounter {
    /// The counter for a file of this name.
    pub(crate) fn of(key: &str) -> Self {
        match key.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "csv" => Self::Csv(Csv::default()),
            "ndjson" | "jsonl" => Self::Lines(Lines::default()),
            "json" => Self::Json(Json::default()),
            "parquet" => Self::Parquet,
            _ => Self::Unknown,
        }
    }

    /// Takes the bytes that come next.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Csv(csv) => csv.feed(bytes),
            Self::Lines(lines) => lines.feed(bytes),
            Self::Json(json) => json.feed(bytes),
            Self::Parquet | Self::Unknown => {}
        }
    }

    /// The rows of all that it was fed; None where that is not known here.
    pub(crate) fn rows(&self) -> Option<u64> {
        match self {
            Self::Csv(csv) => Some(csv.rows()),
            Self::Lines(lines) => Some(lines.rows()),
            Self::Json(json) => Some(json.rows),
            Self::Parquet | Self::Unknown => None,
        }
    }
}

/// CSV (RFC 4180) with a header: a quoted field may have line ends in it.
#[derive(Debug, Default)]
pub(crate) struct Csv {
    lines: Lines,
    is_quoted: bool,
}

impl Csv {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // Two quotes, which stand for one, leave it as it was.
            self.is_quoted ^= byte == b'"';
            self.lines.take(if self.is_quoted { b'"' } else { byte });
        }
    }

    fn rows(&self) -> u64 {
        self.lines.rows().saturating_sub(1)
    }
}

/// Lines that are not empty; the last one may have no end.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    ended: u64,
    has_begun: bool,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.take(byte);
        }
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.ended += u64::from(self.has_begun);
                self.has_begun = false;
            }
            b'\r' => {}
            _ => self.has_begun = true,
        }
    }

    fn rows(&self) -> u64 {
        self.ended + u64::from(self.has_begun)
    }
}

/// JSON: the elements of the array that it is, or of all arrays that are members of the object that
/// it is.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one fact of where we are"
)]
#[derive(Debug, Default)]
pub(crate) struct Json {
    rows: u64,
    depth: usize,
    is_object: bool,
    is_text: bool,
    is_escaped: bool,
    /// How deep we are in an array whose elements count.
    counted: Option<usize>,
    /// Whether the next element is one that was not counted yet.
    is_next: bool,
}

impl Json {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_text {
                self.is_text = byte != b'"' || self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
            } else if !byte.is_ascii_whitespace() {
                self.take(byte);
            }
        }
    }

    fn take(&mut self, byte: u8) {
        if self.counted == Some(self.depth) {
            if byte == b',' {
                self.is_next = true;
            } else if byte != b']' && self.is_next {
                self.rows += 1;
                self.is_next = false;
            }
        }
        match byte {
            b'"' => self.is_text = true,
            b'[' | b'{' => self.enter(byte),
            b']' | b'}' => {
                if self.counted == Some(self.depth) {
                    self.counted = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn enter(&mut self, byte: u8) {
        self.depth += 1;
        if self.depth == 1 {
            self.is_object = byte == b'{';
        }
        let counts = self.depth == 1 || self.depth == 2 && self.is_object;
        if byte == b'[' && counts && self.counted.is_none() {
            self.counted = Some(self.depth);
            self.is_next = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json::{Value, json};

    use super::*;

    /// Counts what comes in two parts.
    fn count(key: &str, text: &[u8], cut: usize) -> Option<u64> {
        let mut counter = RowCounter::of(key);
        let (one, other) = text.split_at(cut.min(text.len()));
        counter.feed(one);
        counter.feed(other);
        counter.rows()
    }

    fn check(key: &str, text: &str, expected: Option<u64>) {
        for cut in 0..=text.len() {
            assert_eq!(count(key, text.as_bytes(), cut), expected, "{text}");
        }
    }

    #[test]
    fn rows_are_counted_by_the_ending_of_the_name() {
        check("a.csv", "", Some(0));
        check("a.csv", "a,b\r\n", Some(0));
        check("a.csv", "a,b", Some(0));
        check("a.csv", "a,b\n1,2\n\n3,\"4\n\"\"5\n\"\n\"\"", Some(3));
        check("a.ndjson", "{}\n\n[1,2]\r\n3", Some(3));
        check("a.json", "[]", Some(0));
        check("a.json", "7", Some(0));
        check(
            "a.json",
            " [ [1, 2], {\"a\": [1]}, \"[,]\\\",\" ] ",
            Some(3),
        );
        check(
            "a.json",
            "{\"version\": \"2.0\", \"trips\": [{\"a\": [1, 2]}, {}], \"more\": {\"x\": [1]}, \"b\": [1]}",
            Some(3),
        );
        check("a.zip", "a,b\n", None);
        check("csv", "a,b\n", None);
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((".*", inner), 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn elements_of_json_are_counted_whatever_is_in_them(
            rows in vec(document(), 0..5), other in document(), is_pretty: bool, cut in 0_usize..200,
        ) {
            let elements = |value: &Value| value.as_array().map_or(0, Vec::len);
            let object = json!({"other": &other, "rows": &rows});
            for (document, expected) in [
                (Value::from(rows.clone()), rows.len()),
                (object, rows.len() + elements(&other)),
            ] {
                let text = if is_pretty {
                    serde_json::to_vec_pretty(&document).unwrap()
                } else {
                    serde_json::to_vec(&document).unwrap()
                };
                prop_assert_eq!(count("x.json", &text, cut), Some(expected as u64));
            }
        }

        #[test]
        fn records_of_csv_are_counted_whatever_is_in_them(
            rows in vec(("[a\"\n\r,]{1,6}", "[a\"\n\r,]{0,6}"), 0..6), cut in 0_usize..100,
        ) {
            let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
            let mut text = "one,other\r\n".to_owned();
            for (one, other) in &rows {
                text.push_str(&quoted(one));
                text.push(',');
                text.push_str(&quoted(other));
                text.push_str("\r\n");
            }
            prop_assert_eq!(count("x.csv", text.as_bytes(), cut), Some(rows.len() as u64));
        }
    }
}
