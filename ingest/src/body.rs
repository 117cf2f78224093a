//! The body of a request: undone of its compression, in bounded memory and within its time.
//! What it says is not its business.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use tokio::{
    io::AsyncRead,
    time::{sleep, timeout},
};
use tokio_util::io::{ReaderStream, StreamReader};

use crate::{api::Ingest, intake::BodyShare, problem::Stop};

/// What is decompressed at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// A zstd frame may refer back so far, 8 MiB: what RFC 9659 lets a server ask for.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Pings shrink to a tenth, those of a parked cab to a fiftieth; what shrinks more is a bomb.
const MAX_RATIO: u64 = 200;
/// So many bytes may come out of a body before its ratio is looked at: short ones may repeat.
const FREE_BYTES: u64 = 1 << 20;
/// What is packed already does not wait longer for the rest of a body.
const LINGER: Duration = Duration::from_millis(100);

/// A body that is being read.
pub(crate) struct UploadBody<'a> {
    ingest: &'a Ingest,
    chunks: stream::Peekable<BoxStream<'static, io::Result<Bytes>>>,
    /// Bytes that came over the wire, where they are compressed.
    wire_bytes: Option<Arc<AtomicU64>>,
    bytes: u64,
}

impl<'a> UploadBody<'a> {
    /// Begins to read a body, compressed as `headers` say.
    ///
    /// # Errors
    /// [`Stop::UnknownEncoding`].
    pub(crate) fn open(ingest: &'a Ingest, headers: &HeaderMap, body: Body) -> Result<Self, Stop> {
        let raw = body.into_data_stream().map_err(io::Error::other);
        let encoding = headers
            .get(header::CONTENT_ENCODING)
            .map_or(Ok(""), |value| {
                value.to_str().map_err(|_| Stop::UnknownEncoding)
            })?;
        let (chunks, wire_bytes) = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => (raw.boxed(), None),
            "gzip" | "x-gzip" => {
                let (raw, counter) = counted(raw);
                let mut gzip = GzipDecoder::new(StreamReader::new(raw));
                gzip.multiple_members(true);
                (chunked(gzip), Some(counter))
            }
            "zstd" => {
                let (raw, counter) = counted(raw);
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
                let mut zstd = ZstdDecoder::with_params(StreamReader::new(raw), &window);
                zstd.multiple_members(true);
                (chunked(zstd), Some(counter))
            }
            _ => return Err(Stop::UnknownEncoding),
        };
        Ok(Self {
            ingest,
            chunks: chunks.peekable(),
            wire_bytes,
            bytes: 0,
        })
    }

    /// Waits for the next bytes; None at the end.
    ///
    /// # Errors
    /// [`Stop`] if they cannot be read, do not come in time, or blow up.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        let pause = self.ingest.settings.body_timeout;
        let chunk = tokio::select! {
            biased;
            chunk = self.chunks.next() => chunk,
            () = sleep(pause) => return Err(Stop::TooSlow),
            () = self.ingest.closing.requested() => return Err(Stop::Closing),
        };
        let Some(chunk) = chunk else { return Ok(None) };
        let chunk = chunk.map_err(|error| Stop::Unreadable(error.to_string()))?;
        self.bytes += chunk.len() as u64;
        let wire_bytes = self.wire_bytes.as_ref();
        let is_bomb = wire_bytes.is_some_and(|wire_bytes| {
            self.bytes > FREE_BYTES.max(MAX_RATIO * wire_bytes.load(Ordering::Relaxed))
        });
        if is_bomb {
            let limit = format!("{MAX_RATIO} times its compressed bytes");
            return Err(Stop::TooLarge(limit));
        }
        // A body that is here already must not keep others from their turn.
        tokio::task::yield_now().await;
        Ok(Some(chunk))
    }

    /// Says whether the rest of the body keeps its reader waiting.
    pub(crate) async fn is_paused(&mut self) -> bool {
        timeout(LINGER, Pin::new(&mut self.chunks).peek())
            .await
            .is_err()
    }

    /// Bytes read so far, decompressed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads a body that is held whole, counting it against the limit and the budget as it grows.
    ///
    /// # Errors
    /// As [`UploadBody::next`]; [`Stop::TooLarge`] and [`Stop::Busy`] beyond the limits.
    pub(crate) async fn whole(self) -> Result<(Vec<u8>, BodyShare), Stop> {
        let deadline = self.ingest.settings.whole_body_timeout;
        timeout(deadline, self.gather())
            .await
            .unwrap_or(Err(Stop::TooSlow))
    }

    async fn gather(mut self) -> Result<(Vec<u8>, BodyShare), Stop> {
        let limit = self.ingest.settings.max_body_bytes as usize;
        let (mut whole, mut share) = (Vec::new(), BodyShare::default());
        while let Some(chunk) = self.next().await? {
            if whole.len() + chunk.len() > limit {
                return Err(Stop::TooLarge(format!("{limit} bytes")));
            }
            self.ingest.intake.hold(&mut share, chunk.len())?;
            whole.extend_from_slice(&chunk);
        }
        Ok((whole, share))
    }
}

/// Counts the bytes that pass.
fn counted(
    raw: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> (BoxStream<'static, io::Result<Bytes>>, Arc<AtomicU64>) {
    let passed = Arc::new(AtomicU64::new(0));
    let total = passed.clone();
    let counted = raw.inspect_ok(move |chunk| {
        total.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    });
    (counted.boxed(), passed)
}

fn chunked(decoder: impl AsyncRead + Send + 'static) -> BoxStream<'static, io::Result<Bytes>> {
    ReaderStream::with_capacity(decoder, CHUNK_BYTES).boxed()
}
