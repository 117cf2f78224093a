//! The list of a table's hour: the files that are part of it, and what adding and replacing makes of
//! it. It knows no storage and reads no file.
//!
//! A list is what was added and what came in place of others, without what was replaced. Neither the
//! order nor repeats of adding and replacing change it, so that everybody who was interrupted may
//! do all of it again.

use std::collections::BTreeSet;

/// The files of a table's hour, by their URIs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct List {
    uris: BTreeSet<String>,
}

/// Says that bytes are no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidList {
    #[error("it is no UTF-8")]
    Encoding,
    #[error("its last line has no end")]
    CutShort,
    #[error("line {0:?} is no URI")]
    Line(String),
}

impl List {
    /// Reads a list.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InvalidList> {
        let text = str::from_utf8(bytes).map_err(|_| InvalidList::Encoding)?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(InvalidList::CutShort);
        }
        let line = |line: &str| {
            let is_uri = line.contains(':') && !line.bytes().any(|byte| byte <= b' ');
            is_uri
                .then(|| line.to_owned())
                .ok_or_else(|| InvalidList::Line(line.to_owned()))
        };
        let uris = text.lines().map(line).collect::<Result<_, _>>()?;
        Ok(Self { uris })
    }

    /// One URI a line, in the order of their bytes, each line ended by a line feed.
    pub(crate) fn to_text(&self) -> String {
        let lines = self.uris.iter().map(|uri| format!("{uri}\n"));
        lines.collect()
    }

    /// Adds files.
    pub(crate) fn add(&mut self, uris: impl IntoIterator<Item = String>) {
        self.uris.extend(uris);
    }

    /// Brings a list up to all replacements that there were: adds what came in place of others, and
    /// takes out what was replaced, which may be something that came in place itself.
    pub(crate) fn settle(&mut self, replacements: &[Replacement]) {
        for replacement in replacements {
            self.uris.extend(replacement.outputs.iter().cloned());
        }
        for replacement in replacements {
            for input in &replacement.inputs {
                self.uris.remove(input);
            }
        }
    }

    /// Whether it names a file.
    pub(crate) fn has(&self, uri: &str) -> bool {
        self.uris.contains(uri)
    }

    /// The files, in order.
    pub(crate) fn uris(&self) -> impl ExactSizeIterator<Item = &str> {
        self.uris.iter().map(String::as_str)
    }
}

/// Files in place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// What counts no more; each file is an input at most once.
    pub(crate) inputs: Vec<String>,
    /// What counts instead: one at least, which was never there before.
    pub(crate) outputs: Vec<String>,
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    fn list(text: &str) -> List {
        List::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_no_list_is_told() {
        let check = |bytes: &[u8], expected| assert_eq!(List::parse(bytes), Err(expected));
        check(b"file:///a\nfile:///b", InvalidList::CutShort);
        check(b"\xff\n", InvalidList::Encoding);
        check(b"file:///a\n\n", InvalidList::Line(String::new()));
        check(b"a b\n", InvalidList::Line("a b".to_owned()));
        assert_eq!(List::parse(b""), Ok(List::default()));
    }

    #[test]
    fn what_was_replaced_is_gone_also_where_it_is_added_again() {
        let replaced = [
            Replacement {
                inputs: vec!["m:a".to_owned(), "m:b".to_owned()],
                outputs: vec!["m:c".to_owned()],
            },
            Replacement {
                inputs: vec!["m:c".to_owned()],
                outputs: vec!["m:d".to_owned()],
            },
        ];
        let mut there = list("m:a\nm:b\nm:x\n");
        there.settle(&replaced[..1]);
        assert_eq!(there, list("m:c\nm:x\n"));
        there.add(["m:a".to_owned()]);
        there.settle(&replaced);
        assert_eq!(there, list("m:d\nm:x\n"));
    }

    /// What may happen to an hour: files are added, and some of those that count are replaced.
    #[derive(Debug, Clone)]
    enum Step {
        Add(u8),
        Replace(Vec<Index>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..20_u8).prop_map(Step::Add),
            vec(any::<Index>(), 1..4).prop_map(Step::Replace),
        ];
        vec(step, 0..30)
    }

    /// The files that were added, the replacements, and the list as the steps in turn make it.
    fn play(steps: &[Step]) -> (Vec<String>, Vec<Replacement>, List) {
        let (mut added, mut replaced, mut now) = (Vec::new(), Vec::new(), List::default());
        for step in steps {
            match step {
                Step::Add(file) => {
                    let uri = format!("m:f{file}");
                    if !added.contains(&uri) {
                        now.add([uri.clone()]);
                        added.push(uri);
                    }
                }
                Step::Replace(which) => {
                    let uris: Vec<String> = now.uris().map(str::to_owned).collect();
                    if uris.is_empty() {
                        continue;
                    }
                    let inputs: BTreeSet<_> =
                        which.iter().map(|at| at.get(&uris).clone()).collect();
                    now.uris.retain(|uri| !inputs.contains(uri));
                    let output = format!("m:c{}", replaced.len());
                    now.add([output.clone()]);
                    replaced.push(Replacement {
                        inputs: inputs.into_iter().collect(),
                        outputs: vec![output],
                    });
                }
            }
        }
        (added, replaced, now)
    }

    proptest! {
        #[test]
        fn a_list_reads_back_as_it_was_written(uris in vec("[a-z0-9]{1,5}:[!-~]{0,20}", 0..9)) {
            let mut written = List::default();
            written.add(uris);
            prop_assert_eq!(List::parse(written.to_text().as_bytes()), Ok(written));
        }

        #[test]
        fn neither_order_nor_repeats_change_a_list(
            steps in steps(), order in vec(any::<(Index, Index)>(), 0..30), again in vec(any::<Index>(), 0..9),
        ) {
            let (mut added, mut replaced, expected) = play(&steps);
            for (one, other) in order {
                let (files, records) = (added.len(), replaced.len());
                if files > 0 {
                    added.swap(one.index(files), other.index(files));
                }
                if records > 0 {
                    replaced.swap(one.index(records), other.index(records));
                }
            }
            let mut list = List::default();
            for uri in &added {
                list.add([uri.clone()]);
                list.settle(&replaced);
            }
            for one in again {
                if !added.is_empty() {
                    list.add([one.get(&added).clone()]);
                }
                list.settle(&replaced);
            }
            prop_assert_eq!(list, expected);
        }

        #[test]
        fn a_list_once_left_never_comes_again(steps in steps()) {
            // What a storage compares by its bytes is swapped safely for that reason.
            let mut seen = BTreeSet::new();
            let mut last = String::new();
            for end in 0..=steps.len() {
                let text = play(&steps[..end]).2.to_text();
                if text != last {
                    prop_assert!(seen.insert(text.clone()), "{} is there again", text);
                    last = text;
                }
            }
        }
    }
}
