//! `hansom.v1.Ingest/Stream`: a call of gRPC on which a server or an app sends batches of pings as they
//! come, and is told what is durable. It goes on as a WebSocket does, and knows no other method.
//!
//! Messages are bytes to gRPC here, so that one ping that cannot be read is told from its neighbours.

mod codec;

use std::future::ready;

use access::Wanted;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use buffa::Message as _;
use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, stream};
use schemas::Protocol;
use tonic::{Code, Status, Streaming, server::Grpc};
use tower::service_fn;

use self::codec::Raw;
use crate::{
    api::SharedIngest,
    metrics, pings,
    problem::{self, Stop},
    session::{MAX_GATHERED, MAX_MESSAGE_BYTES, Session},
};

/// The path of the method, as gRPC makes it of its names.
pub(crate) const PATH: &str = "/hansom.v1.Ingest/Stream";
/// Words of a status, which travels as a header.
const MAX_WORDS_LENGTH: usize = 512;

/// Takes a call.
pub(crate) async fn stream(State(ingest): State<SharedIngest>, request: Request) -> Response {
    let session = match Session::begin(&ingest, &request) {
        Ok(session) => session,
        Err(stop) => return refuse(&stop),
    };
    let mut session = Some(session);
    let answer = service_fn(|request: tonic::Request<Streaming<Bytes>>| {
        let call = session.take().map(|session| Call {
            session,
            messages: request.into_inner(),
            end: None,
        });
        ready(match call {
            Some(call) => Ok(tonic::Response::new(call.answers())),
            None => Err(Status::internal("a call is answered once")),
        })
    });
    let response = Grpc::new(Raw)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .streaming(answer, request)
        .await;
    response.map(Body::new)
}

/// A call under way.
struct Call {
    session: Session,
    messages: Streaming<Bytes>,
    /// Why it ends, once that is known and what came before is acknowledged.
    end: Option<End>,
}

/// Why a call ends: None where the client has ended it.
type End = Option<Status>;

impl Call {
    /// The acknowledgements, and at last why there are no more.
    fn answers(self) -> impl Stream<Item = Result<Bytes, Status>> {
        stream::unfold(Some(self), |call| async {
            let mut call = call?;
            match call.next().await {
                Ok(ack) => Some((Ok(ack), Some(call))),
                Err(end) => {
                    let status = end?;
                    metrics::call_ended(status.code().into());
                    Some((Err(status), None))
                }
            }
        })
    }

    /// Goes on until there is something to tell, or a reason to end.
    async fn next(&mut self) -> Result<Bytes, End> {
        let stopping = self.session.ingest.stopping.clone();
        loop {
            if let Some(end) = self.end.take() {
                return Err(end);
            }
            tokio::select! {
                biased;
                () = stopping.requested() => {
                    let words = self.session.last_words(MAX_WORDS_LENGTH);
                    return Err(Some(Status::unavailable(words)));
                }
                () = self.session.look_is_due() => {
                    self.session.look_again().map_err(|stop| Some(status(&stop)))?;
                }
                received = self.messages.message() => {
                    let message = received.map_err(Some)?.ok_or(None)?;
                    if let Some(ack) = self.take(message).await? {
                        return Ok(ack);
                    }
                }
            }
        }
    }

    /// Takes a message and all that have arrived behind it, and acknowledges them together.
    async fn take(&mut self, first: Bytes) -> Result<Option<Bytes>, End> {
        let ingest = self.session.ingest.clone();
        let mut upload = self.session.upload(&ingest, Protocol::Grpc);
        let mut message = Some(first);
        for gathered in 1..=MAX_GATHERED {
            let Some(next) = message.take() else { break };
            self.session.pace().await;
            if let Err(stop) = pings::take_protobuf(&next, &mut upload) {
                self.end = Some(Some(status(&stop)));
                break;
            }
            // What is received from here on is taken as well, so nothing may be received in vain.
            if upload.is_full() || gathered == MAX_GATHERED {
                break;
            }
            match self.messages.message().now_or_never() {
                Some(Ok(Some(next))) => message = Some(next),
                Some(Ok(None)) => self.end = Some(None),
                Some(Err(status)) => self.end = Some(Some(status)),
                None => {}
            }
        }
        let ack = self.session.settle(upload).await;
        let ack = ack.map_err(|stop| Some(status(&stop)))?;
        Ok(ack.map(|ack| ack.to_wire().encode_to_vec().into()))
    }
}

/// Answers a call that never began.
fn refuse(stop: &Stop) -> Response {
    let refused = stop.refused();
    metrics::call_ended(code(stop).into());
    problem::mark(status(stop).into_http(), refused)
}

fn status(stop: &Stop) -> Status {
    Status::new(code(stop), stop.to_string())
}

fn code(stop: &Stop) -> Code {
    match stop {
        Stop::Refused(refusal) => match refusal.wants() {
            Wanted::Credential => Code::Unauthenticated,
            Wanted::Permission => Code::PermissionDenied,
            Wanted::Patience => Code::ResourceExhausted,
        },
        Stop::OtherSite => Code::PermissionDenied,
        Stop::UnknownFormat(_) | Stop::UnknownEncoding => Code::Unimplemented,
        Stop::Unreadable(_) | Stop::TooLarge(_) | Stop::QueryTooLong(_) => Code::InvalidArgument,
        Stop::TooSlow => Code::DeadlineExceeded,
        Stop::TooFrequent => Code::ResourceExhausted,
        Stop::Busy | Stop::Closing | Stop::Unavailable => Code::Unavailable,
    }
}

#[cfg(test)]
mod tests;
