//! Rows as the elements of an array in a JSON document. A dot in a column's name makes an object
//! of those that share what stands before it; a null is left out.

use std::io::Write as _;

use anyhow::Context as _;
use schemas::regulators::{Cell, Member as Beside, Row, Topic};

use super::wall_text;

/// What stands around the rows of a document. Between `head` and `tail` each row is a line: the end of a
/// line before it, a comma behind it if another follows, and no end of a line within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Up to the bracket that opens the array.
    pub(crate) head: Vec<u8>,
    /// From the end of the last row's line on.
    pub(crate) tail: &'static [u8],
}

impl Frame {
    /// That of a topic's documents: the array alone, or as the last member of an object.
    ///
    /// # Errors
    /// None that is known of: a text is always JSON.
    pub(crate) fn of(topic: &Topic) -> anyhow::Result<Self> {
        let Some(array) = &topic.array else {
            return Ok(Self {
                head: b"[".to_vec(),
                tail: b"\n]\n",
            });
        };
        let mut head = vec![b'{'];
        for (name, value) in &topic.members {
            quote(&mut head, name)?;
            head.push(b':');
            match value {
                Beside::Int(number) => write!(head, "{number}")?,
                Beside::Text(text) => quote(&mut head, text)?,
            }
            head.push(b',');
        }
        quote(&mut head, array)?;
        head.extend_from_slice(b":[");
        Ok(Self {
            head,
            tail: b"\n]}\n",
        })
    }
}

/// Writes JSON into memory, to be taken from there.
pub(in crate::export) struct JsonRows {
    bytes: Vec<u8>,
    members: Vec<Member>,
    is_first: bool,
    tail: &'static [u8],
}

/// A member of a row's object.
enum Member {
    /// The value of a column, which may be written as null.
    Value {
        /// As it is written, with the colon behind it.
        name: Vec<u8>,
        column: usize,
        is_nullable: bool,
    },
    /// An object of further members.
    Object { name: Vec<u8>, members: Vec<Member> },
}

impl JsonRows {
    /// Begins the document.
    pub(super) fn begin(topic: &Topic) -> anyhow::Result<Self> {
        let mut members = Vec::new();
        for (column, of) in topic.columns.iter().enumerate() {
            let path: Vec<&str> = of.name.split('.').collect();
            add(&mut members, &path, (column, of.is_nullable))?;
        }
        let Frame { head, tail } = Frame::of(topic)?;
        Ok(Self {
            bytes: head,
            members,
            is_first: true,
            tail,
        })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row<'_>) -> anyhow::Result<()> {
        let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
        self.bytes.extend_from_slice(separator);
        self.is_first = false;
        if !write_object(&mut self.bytes, &self.members, row)? {
            self.bytes.extend_from_slice(b"{}");
        }
        Ok(())
    }

    /// Takes what has been written so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        // The next piece will be about as long.
        let next = Vec::with_capacity(self.bytes.len());
        std::mem::replace(&mut self.bytes, next)
    }

    /// Ends the document, and takes what is left.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(self.tail);
        self.bytes
    }
}

/// Adds a column at its place in the tree of members.
fn add(
    members: &mut Vec<Member>,
    path: &[&str],
    (column, is_nullable): (usize, bool),
) -> anyhow::Result<()> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(());
    };
    let mut name = Vec::new();
    quote(&mut name, first)?;
    name.push(b':');
    if rest.is_empty() {
        members.push(Member::Value {
            name,
            column,
            is_nullable,
        });
        return Ok(());
    }
    for member in members.iter_mut() {
        if let Member::Object {
            name: known,
            members,
        } = member
            && *known == name
        {
            return add(members, rest, (column, is_nullable));
        }
    }
    let mut inner = Vec::new();
    add(&mut inner, rest, (column, is_nullable))?;
    members.push(Member::Object {
        name,
        members: inner,
    });
    Ok(())
}

/// Writes an object; says whether there was any value, and else writes nothing.
fn write_object(to: &mut Vec<u8>, members: &[Member], row: Row<'_>) -> anyhow::Result<bool> {
    let start = to.len();
    let mut separator = b'{';
    for member in members {
        let before = to.len();
        to.push(separator);
        let is_written = match member {
            Member::Value {
                name,
                column,
                is_nullable,
            } => {
                to.extend_from_slice(name);
                let cell = row.cell(*column).context("a row has too few cells")?;
                let is_written = write_value(to, cell)?;
                if !is_written && *is_nullable {
                    to.extend_from_slice(b"null");
                }
                is_written || *is_nullable
            }
            Member::Object { name, members } => {
                to.extend_from_slice(name);
                write_object(to, members, row)?
            }
        };
        if is_written {
            separator = b',';
        } else {
            to.truncate(before);
        }
    }
    if separator == b'{' {
        to.truncate(start);
        return Ok(false);
    }
    to.push(b'}');
    Ok(true)
}

/// Writes a value; says whether there is one.
fn write_value(to: &mut Vec<u8>, cell: Cell<'_>) -> anyhow::Result<bool> {
    match cell {
        Cell::Null => return Ok(false),
        Cell::Text(text) => quote(to, text)?,
        Cell::Int(number) => serde_json::to_writer(to, &number)?,
        Cell::Decimal(number) => write!(to, "{number}")?,
        Cell::Bool(is) => serde_json::to_writer(to, &is)?,
        Cell::Wall(ms) => quote(to, &wall_text(ms)?)?,
        Cell::Texts(texts) => {
            to.push(b'[');
            for (at, text) in texts.iter().enumerate() {
                if at > 0 {
                    to.push(b',');
                }
                quote(to, text)?;
            }
            to.push(b']');
        }
    }
    Ok(true)
}

fn quote(to: &mut Vec<u8>, text: &str) -> anyhow::Result<()> {
    serde_json::to_writer(to, text).context("write JSON")
}
