//! A JSON document that is put together from the parts of an export as it is sent: no more than a piece
//! of it is in memory. What is in it was decided before.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use anyhow::{Context as _, ensure};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use objects::Key;
use tokio::sync::OwnedSemaphorePermit;
use tracing::error;

use super::{
    accept::MEDIA_TYPE,
    rows::RowFilter,
    topics::{Part, Parts},
};
use crate::export::Store;

/// Bytes that are read of a file at a time: enough that a storage which takes 30 ms a request sends some
/// 30 MB a second, and little enough for many answers at once.
const PIECE_BYTES: u64 = 1 << 20;

/// Rows in memory are sent in pieces of about this.
const ROWS_BYTES: usize = 64 << 10;

/// A document of the rows of some parts.
pub(crate) struct Document {
    pub(crate) head: Bytes,
    pub(crate) parts: Vec<Part>,
    pub(crate) tail: Bytes,
    /// Only the rows with these times; None for all.
    pub(crate) times: Option<Range<i64>>,
}

/// What is still to be sent.
struct Sending {
    store: Store,
    steps: VecDeque<Step>,
    filter: Option<RowFilter>,
    /// Given back when all is sent, or nobody takes it any more.
    _place: OwnedSemaphorePermit,
}

/// One step of sending.
enum Step {
    Bytes(Bytes),
    /// A piece of a file.
    Piece(Arc<Key>, Range<u64>),
    EndOfPart,
}

impl Document {
    /// All rows of an hour, as the export has them.
    pub(crate) fn whole(Parts { frame, parts }: Parts) -> Self {
        Self {
            head: frame.head.into(),
            parts,
            tail: Bytes::from_static(frame.tail),
            times: None,
        }
    }

    /// Its answer.
    pub(crate) fn into_response(self, store: Store, place: OwnedSemaphorePermit) -> Response {
        let length = self.length();
        let sending = Sending {
            store,
            filter: self.times.clone().map(RowFilter::new),
            steps: self.into_steps(),
            _place: place,
        };
        let pieces = stream::try_unfold(sending, Sending::next).inspect_err(|error| {
            let error = format!("{error:#}");
            error!(error, "an answer was cut off");
        });
        let mut response = answer(Body::from_stream(pieces));
        if let Some(length) = length {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        response
    }

    /// Its bytes; None where not all rows are sent.
    fn length(&self) -> Option<u64> {
        if self.times.is_some() {
            return None;
        }
        let around = (self.head.len() + self.tail.len()) as u64;
        let filled = self.parts.iter().filter(|part| !part.rows.is_empty());
        let commas = filled.count().saturating_sub(1) as u64;
        let rows: u64 = self
            .parts
            .iter()
            .map(|part| part.rows.end - part.rows.start)
            .sum();
        Some(around + commas + rows)
    }

    fn into_steps(self) -> VecDeque<Step> {
        let mut steps = VecDeque::from([Step::Bytes(self.head)]);
        let mut is_first = true;
        for part in self.parts {
            if part.rows.is_empty() {
                continue;
            }
            // A filter puts the commas itself: it knows which rows pass.
            if !is_first && self.times.is_none() {
                steps.push_back(Step::Bytes(Bytes::from_static(b",")));
            }
            is_first = false;
            let key = Arc::new(part.key);
            let mut from = part.rows.start;
            while from < part.rows.end {
                let to = part.rows.end.min(from + PIECE_BYTES);
                steps.push_back(Step::Piece(Arc::clone(&key), from..to));
                from = to;
            }
            steps.push_back(Step::EndOfPart);
        }
        steps.push_back(Step::Bytes(self.tail));
        steps
    }
}

impl Sending {
    /// The next bytes, and what is to be sent after them.
    async fn next(mut self) -> anyhow::Result<Option<(Bytes, Self)>> {
        while let Some(step) = self.steps.pop_front() {
            let bytes = match (step, &mut self.filter) {
                (Step::Bytes(bytes), _) => bytes,
                (Step::Piece(key, range), None) => read_piece(&self.store, &key, range).await?,
                (Step::Piece(key, range), Some(filter)) => {
                    let piece = read_piece(&self.store, &key, range).await?;
                    filter.feed(&piece).with_context(|| key.to_string())?.into()
                }
                (Step::EndOfPart, Some(filter)) => filter.end()?.into(),
                (Step::EndOfPart, None) => continue,
            };
            if !bytes.is_empty() {
                return Ok(Some((bytes, self)));
            }
        }
        Ok(None)
    }
}

/// The pieces of a part's rows, for who reads them in order.
///
/// # Errors
/// An error from the storage, a file that is shorter than its manifest says, and what `take` says.
pub(crate) async fn read_rows(
    store: &Store,
    part: &Part,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut from = part.rows.start;
    while from < part.rows.end {
        let to = part.rows.end.min(from + PIECE_BYTES);
        take(&read_piece(store, &part.key, from..to).await?)?;
        from = to;
    }
    Ok(())
}

async fn read_piece(store: &Store, key: &Key, range: Range<u64>) -> anyhow::Result<Bytes> {
    let wanted = range.end - range.start;
    let piece = store.get_range(key, range).await?;
    let piece = piece.with_context(|| format!("{key} is missing"))?;
    ensure!(piece.len() as u64 == wanted, "{key} ends too soon");
    Ok(piece)
}

/// A document of rows in memory.
pub(crate) fn in_memory(head: &[u8], rows: Vec<Bytes>, tail: &str) -> Response {
    let between = rows.len() * 2 - usize::from(!rows.is_empty());
    let length = head.len() + rows.iter().map(Bytes::len).sum::<usize>() + between + tail.len();
    let mut begun = head.to_vec();
    let mut rows = rows.into_iter();
    let mut tail = Some(Bytes::copy_from_slice(tail.as_bytes()));
    let mut separator: &[u8] = b"\n";
    let pieces = std::iter::from_fn(move || {
        while begun.len() < ROWS_BYTES {
            let Some(row) = rows.next() else { break };
            begun.extend_from_slice(separator);
            separator = b",\n";
            begun.extend_from_slice(&row);
        }
        if begun.is_empty() {
            return tail.take();
        }
        Some(Bytes::from(std::mem::take(&mut begun)))
    });
    let pieces = pieces.map(Ok::<Bytes, std::convert::Infallible>);
    let mut response = answer(Body::from_stream(stream::iter(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    response
}

fn answer(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}
