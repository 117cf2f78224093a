//! A stream of events that breaks off. An event begins with its length in four bytes, the highest
//! first; more is not known of it here.

use std::io;

use axum::body::Bytes;
use bytes::BytesMut;
use futures_util::{Stream, StreamExt as _, stream};

use crate::network::gone;

/// Passes `after` whole events on as they come, and half of the one that follows; then the
/// connection breaks.
pub(crate) fn broken_off<Error>(
    events: impl Stream<Item = Result<Bytes, Error>> + Unpin,
    after: usize,
) -> impl Stream<Item = io::Result<Bytes>> {
    let begin = Some((events, BytesMut::new(), after));
    stream::unfold(begin, |state| async {
        let (mut events, mut buffer, left) = state?;
        loop {
            if let Some(mut event) = take_event(&mut buffer) {
                if left > 0 {
                    return Some((Ok(event), Some((events, buffer, left - 1))));
                }
                event.truncate(event.len() / 2);
                return Some((Ok(event), None));
            }
            match events.next().await {
                Some(Ok(more)) => buffer.extend_from_slice(&more),
                // The server ended it before its time.
                Some(Err(_)) | None => return None,
            }
        }
    })
    .chain(stream::once(gone()))
}

fn take_event(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(*buffer.first_chunk()?) as usize;
    (buffer.len() >= length).then(|| buffer.split_to(length).freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(length: u8) -> Vec<u8> {
        let mut event = vec![0, 0, 0, length];
        event.resize(usize::from(length), 7);
        event
    }

    async fn check(chunk: usize, after: usize, expected: usize) {
        let bytes = [event(20), event(30), event(40)].concat();
        let chunks = bytes
            .chunks(chunk)
            .map(|chunk| Ok::<_, io::Error>(Bytes::copy_from_slice(chunk)));
        let passed: Vec<_> = broken_off(stream::iter(chunks), after).collect().await;
        let (last, passed) = passed.split_last().unwrap();
        assert!(last.is_err());
        let passed: Vec<u8> = passed
            .iter()
            .flat_map(|part| part.as_ref().unwrap())
            .copied()
            .collect();
        assert_eq!(passed, bytes[..expected]);
    }

    #[tokio::test]
    async fn it_breaks_within_the_event_that_follows() {
        for chunk in [1, 7, 90] {
            check(chunk, 0, 10).await;
            check(chunk, 1, 35).await;
            check(chunk, 2, 70).await;
            check(chunk, 3, 90).await;
        }
    }
}
