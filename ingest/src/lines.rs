//! Cuts a stream of chunks into lines, in bounded memory. What a line holds is not its business.

/// A line longer than this is no ping (one has about 200 bytes).
pub(crate) const MAX_LINE_BYTES: usize = 16 << 10;

/// A line of a body, or the trace of one that was too long to keep.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The bytes between two line ends, without them.
    Whole(&'a [u8]),
    /// A line over [`MAX_LINE_BYTES`]; its bytes are gone.
    TooLong,
}

/// The unfinished line between two chunks.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Takes the next chunk and hands every line that it ends to `each`. Blank lines are skipped.
    pub(crate) fn push(&mut self, chunk: &[u8], mut each: impl FnMut(Line<'_>)) {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, tail) = (&rest[..end], &rest[end + 1..]);
            rest = tail;
            if self.begun.is_empty() && !self.too_long {
                hand_over(line, &mut each);
            } else {
                self.keep(line);
                self.end(&mut each);
            }
        }
        self.keep(rest);
    }

    /// Hands over the last line, if it has no line end.
    pub(crate) fn finish(mut self, mut each: impl FnMut(Line<'_>)) {
        self.end(&mut each);
    }

    fn keep(&mut self, part: &[u8]) {
        if self.too_long || self.begun.len() + part.len() > MAX_LINE_BYTES {
            self.too_long = true;
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn end(&mut self, each: &mut impl FnMut(Line<'_>)) {
        if std::mem::take(&mut self.too_long) {
            each(Line::TooLong);
        } else {
            hand_over(&self.begun, each);
            self.begun.clear();
        }
    }
}

fn hand_over(line: &[u8], each: &mut impl FnMut(Line<'_>)) {
    if line.len() > MAX_LINE_BYTES {
        each(Line::TooLong);
    } else if !line.trim_ascii().is_empty() {
        each(Line::Whole(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What comes out of `body` when it arrives in chunks of `size` bytes; None is a long line.
    fn cut(body: &[u8], size: usize) -> Vec<Option<Vec<u8>>> {
        let mut found = Vec::new();
        let mut each = |line: Line<'_>| {
            found.push(match line {
                Line::Whole(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
        };
        let mut lines = Lines::default();
        for chunk in body.chunks(size) {
            lines.push(chunk, &mut each);
        }
        lines.finish(&mut each);
        found
    }

    #[test]
    fn blank_lines_are_no_lines_and_the_last_needs_no_end() {
        let expected = vec![
            Some(b"a".to_vec()),
            Some(b"b\r".to_vec()),
            Some(b"c".to_vec()),
        ];
        assert_eq!(
            cut(b"\n a\n\r\n  \nb\r\nc".as_slice(), 100)[1..],
            expected[1..]
        );
        assert_eq!(cut(b"a\nb\r\nc", 2), expected);
    }

    #[test]
    fn a_long_line_is_lost_alone() {
        let mut body = b"first\n".to_vec();
        body.extend(std::iter::repeat_n(b'x', MAX_LINE_BYTES + 1));
        body.extend_from_slice(b"\nlast");
        for size in [1, 7, 4_096, body.len()] {
            let expected = vec![Some(b"first".to_vec()), None, Some(b"last".to_vec())];
            assert_eq!(cut(&body, size), expected, "{size}");
        }
    }

    proptest! {
        #[test]
        fn chunks_do_not_change_the_lines(
            body in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..200),
            size in 1_usize..50,
        ) {
            prop_assert_eq!(cut(&body, size), cut(&body, 1_000));
        }
    }
}
