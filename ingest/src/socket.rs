//! `GET /v1/stream`: a WebSocket on which an app sends pings as they come, and is told what is durable.
//! It keeps nothing of a connection that has ended: an app sends again what was not acknowledged, and
//! repeats are recognised as everywhere.
//!
//! A connection's way: whoever opens it is admitted as by every path; what has arrived is taken into
//! one [`Upload`] ([`frame`] reads it), appended, and acknowledged in one frame. So an acknowledgement
//! covers all that this connection sent before, and a stream that is slow makes for larger appends,
//! not for more of them.

pub(crate) mod frame;

use std::{ops::ControlFlow, time::Duration};

use axum::{
    extract::{
        Request, State,
        ws::{
            CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
        },
    },
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tracing::debug;

use self::frame::Kind;
use crate::{
    ack::Ack,
    answer::Answer,
    api::SharedIngest,
    metrics, problem,
    session::{MAX_GATHERED, MAX_MESSAGE_BYTES, Session},
    upload::Upload,
};

/// What a connection's buffers begin with: thousands of them are idle nearly always.
const BUFFER_BYTES: usize = 2 << 10;
/// Bytes of a close frame's reason (RFC 6455).
const MAX_REASON_LENGTH: usize = 123;
/// Pings in a row without a sign of life, after which the connection is given up.
const MAX_UNANSWERED: u32 = 2;
/// An app that does not read what it is told for so long is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection is closed, as RFC 6455 and the registry that it began number it.
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const TOO_BIG: u16 = 1009;
    pub(super) const TRY_AGAIN_LATER: u16 = 1013;
}

/// Opens a WebSocket for pings.
#[utoipa::path(
    get,
    path = "/v1/stream",
    tag = "pings",
    responses(
        (status = 101, description = "A message is what `POST /v1/pings` takes as JSON (text) or as \
            Protobuf (binary), of at most 64 KiB. Each answer is an `Ack`, as JSON or `StreamAck`, and \
            covers all that was sent before. What is not acknowledged when the connection ends is to \
            be sent again: closed by 1013 after the time that Retry-After would say, 2 s; by 1001 at \
            once, to another server", body = Ack),
        (status = 400, description = "No WebSocket is asked for"),
        (status = 401, description = "No credential, or none that is known"),
        (status = 503, description = "Too many connections, or about to end"),
    ),
)]
pub(crate) async fn open(
    State(ingest): State<SharedIngest>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let session = match Session::begin(&ingest, &request) {
        Ok(session) => session,
        Err(stop) => return problem::stopped(&stop, Answer::default()),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let socket = Socket {
        session,
        unanswered: 0,
    };
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(|stream| socket.serve(stream))
}

/// A WebSocket under way.
struct Socket {
    session: Session,
    /// Pings that were sent since the last sign of life.
    unanswered: u32,
}

/// Why a session ends, for the app: None where there is nobody to tell.
type End = Option<(u16, String)>;

impl Socket {
    async fn serve(mut self, mut socket: WebSocket) {
        let ControlFlow::Break(end) = self.follow(&mut socket).await else {
            return;
        };
        let Some((code, reason)) = end else {
            return;
        };
        metrics::socket_closed(code);
        let reason = reason.into();
        let closing = socket.send(Message::Close(Some(CloseFrame { code, reason })));
        let _told = timeout(SEND_TIMEOUT, closing).await;
    }

    /// Goes on until there is a reason to end.
    async fn follow(&mut self, socket: &mut WebSocket) -> ControlFlow<End> {
        let stopping = self.session.ingest.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = stopping.requested() => return self.go_away(),
                () = self.session.look_is_due() => self.look_after(socket).await?,
                received = socket.recv() => {
                    self.unanswered = 0;
                    match received {
                        Some(Ok(message)) => self.take(socket, message).await?,
                        Some(Err(error)) => return unreadable(&error),
                        None => return ControlFlow::Break(None),
                    }
                }
            }
        }
    }

    fn go_away(&self) -> ControlFlow<End> {
        let words = self.session.last_words(MAX_REASON_LENGTH);
        ControlFlow::Break(Some((code::GOING_AWAY, words)))
    }

    /// Pings the app, and sees whether it may still write.
    async fn look_after(&mut self, socket: &mut WebSocket) -> ControlFlow<End> {
        if self.unanswered >= MAX_UNANSWERED {
            return ControlFlow::Break(None);
        }
        self.unanswered += 1;
        if let Err(stop) = self.session.look_again() {
            return ControlFlow::Break(Some((code::POLICY, stop.to_string())));
        }
        tell(socket, Message::Ping(axum::body::Bytes::new())).await
    }

    /// Takes a message and all that have arrived behind it, and acknowledges them together.
    async fn take(&mut self, socket: &mut WebSocket, first: Message) -> ControlFlow<End> {
        let Some((kind, protocol)) = Kind::of(&first) else {
            // A ping is answered by the library, a pong wants nothing, a close is answered too.
            return ControlFlow::Continue(());
        };
        let ingest = self.session.ingest.clone();
        let mut upload = self.session.upload(&ingest, protocol);
        let mut message = Some(first);
        let mut after = ControlFlow::Continue(());
        for gathered in 1..=MAX_GATHERED {
            let Some(next) = message.take() else { break };
            self.session.pace().await;
            if let Err(stop) = kind.read(&next, &mut upload) {
                after = ControlFlow::Break(Some((code::POLICY, stop.to_string())));
                break;
            }
            // What is received from here on is taken as well, so nothing may be received in vain.
            if upload.is_full() || gathered == MAX_GATHERED {
                break;
            }
            match socket.recv().now_or_never() {
                Some(Some(Ok(next))) if Kind::of(&next).is_some_and(|(other, _)| other == kind) => {
                    message = Some(next);
                }
                Some(Some(Ok(Message::Ping(_) | Message::Pong(_)))) | None => {}
                Some(Some(Ok(_))) => {
                    let reason = "text and binary messages do not mix".to_owned();
                    after = ControlFlow::Break(Some((code::POLICY, reason)));
                }
                Some(Some(Err(error))) => after = unreadable(&error),
                Some(None) => after = ControlFlow::Break(None),
            }
        }
        self.acknowledge(socket, upload, kind).await?;
        after
    }

    async fn acknowledge(
        &mut self,
        socket: &mut WebSocket,
        upload: Upload<'_>,
        kind: Kind,
    ) -> ControlFlow<End> {
        match self.session.settle(upload).await {
            Ok(Some(ack)) => tell(socket, kind.write(&ack)).await,
            Ok(None) => ControlFlow::Continue(()),
            Err(stop) => ControlFlow::Break(Some((code::TRY_AGAIN_LATER, stop.to_string()))),
        }
    }
}

async fn tell(socket: &mut WebSocket, message: Message) -> ControlFlow<End> {
    match timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => ControlFlow::Continue(()),
        Ok(Err(_)) | Err(_) => ControlFlow::Break(None),
    }
}

fn unreadable(error: &axum::Error) -> ControlFlow<End> {
    debug!(%error, "a WebSocket ended early");
    // The library tells no kinds: what is too long is what an honest app gets wrong.
    let is_too_big = error.to_string().contains("too long");
    let end = (
        code::TOO_BIG,
        format!("a message has more than {MAX_MESSAGE_BYTES} bytes"),
    );
    ControlFlow::Break(is_too_big.then_some(end))
}

#[cfg(test)]
mod tests;
