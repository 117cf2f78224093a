//! One connection from its first byte to its last: the handshake of TLS, then HTTP/1.1 or HTTP/2 as
//! the client begins, all within limits. Which connections are taken is the listener's business.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rand::RngExt as _;
use tokio::{net::TcpStream, pin, sync::Semaphore, time::timeout};
use tracing::debug;

use crate::{
    Shutdown,
    activity::Activity,
    client::AddressRate,
    listener::Terms,
    metrics,
    places::Place,
    request::{Bounds, Requests},
    socket::{Socket, Stream},
    tls::Tls,
};

/// Bytes of the headers of one request, and of a body that nobody reads yet in HTTP/1.1.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Requests of one connection at a time, in HTTP/2: 100 is the least that RFC 9113 recommends.
const MAX_STREAMS: u32 = 100;
/// Bytes of one body that nobody reads yet, in HTTP/2: what the protocol begins with.
const STREAM_WINDOW: u32 = 65_535;
/// The same for all bodies of a connection. Over 50 ms of way it lets in 2.6 MB/s.
const CONNECTION_WINDOW: u32 = 128 << 10;
/// Bytes of one answer that the client has not taken yet, in HTTP/2.
const MAX_SEND_BYTES: usize = 16 << 10;
/// Requests that were taken back before they were looked at; past it the client only makes work
/// ("rapid reset").
const MAX_RESETS: usize = 20;
/// Streams that the server had to reset for the client's mistakes.
const MAX_MISTAKES: usize = 100;
/// A client of HTTP/2 that is silent is asked this often whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Who does not say so within this is gone.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How much a listener takes on, and how long it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Requests under way, over all connections.
    pub(crate) requests: usize,
    /// From the begin of the connection to the end of the handshake of TLS.
    pub(crate) handshake: Duration,
    /// From there to the end of the first request's headers; who is only slow (a "slow loris") or
    /// silent keeps a place for so long, or for half as long again.
    pub(crate) first_request: Duration,
    /// From an answer's end to the end of the next request's headers. Load balancers keep idle
    /// connections for 60 s and must be the first to close them.
    pub(crate) idle: Duration,
    /// For a request that comes while the connection is being closed.
    pub(crate) last_request: Duration,
}

impl Limits {
    pub(crate) const USUAL: Self = Self {
        requests: 20_480,
        handshake: Duration::from_secs(10),
        first_request: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        last_request: Duration::from_secs(5),
    };
}

/// Why a connection was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The handshake of TLS went wrong: no certificate that is trusted, say.
    Handshake,
    /// The handshake of TLS took too long.
    SlowHandshake,
    /// No request came in time.
    Quiet,
    /// HTTP went wrong, or the client left in the middle of it.
    Protocol,
}

impl Trouble {
    /// How metrics name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::SlowHandshake => "slow_handshake",
            Self::Quiet => "quiet",
            Self::Protocol => "protocol",
        }
    }
}

/// What the connections of one listener share.
pub(crate) struct Host {
    tls: Option<Arc<Tls>>,
    router: Router,
    http: auto::Builder<TokioExecutor>,
    bounds: Arc<Bounds>,
    limits: Limits,
    drain: Shutdown,
}

impl Host {
    pub(crate) fn new(terms: Terms, router: Router, limits: Limits, drain: Shutdown) -> Self {
        let bounds = Bounds {
            free: Arc::new(Semaphore::new(limits.requests)),
            proxies: terms.proxies,
            rate: AddressRate::new(terms.requests_per_address),
        };
        Self {
            tls: terms.tls,
            router,
            http: protocols(),
            bounds: Arc::new(bounds),
            limits,
            drain,
        }
    }

    /// Serves a connection until it ends; once the drain is requested, after the requests under way.
    pub(crate) async fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let served = async {
            let Some(secured) = self.drain.unless_requested(self.secure(stream)).await else {
                return Ok(());
            };
            self.converse(Socket::new(secured?, place), peer.ip()).await
        };
        if let Err(trouble) = served.await {
            metrics::connection_cut(trouble);
        }
    }

    async fn secure(&self, stream: TcpStream) -> Result<Stream, Trouble> {
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        match timeout(self.limits.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => {
                debug!(%error, "no TLS with a client");
                Err(Trouble::Handshake)
            }
            Err(_elapsed) => Err(Trouble::SlowHandshake),
        }
    }

    async fn converse(&self, socket: Socket, peer: IpAddr) -> Result<(), Trouble> {
        let activity = Arc::new(Activity::new());
        let requests = Requests {
            router: self.router.clone(),
            peer,
            activity: activity.clone(),
            bounds: self.bounds.clone(),
        };
        let service = service_fn(move |request| requests.clone().answer(request));
        let served = self
            .http
            .serve_connection_with_upgrades(TokioIo::new(socket), service);
        pin!(served);
        let limits = &self.limits;
        // Those that were opened together are not closed together, nor do all come back together.
        let spread = rand::rng().random_range(1.0..1.5);
        let first_request = limits.first_request.mul_f64(spread);
        let is_quiet = tokio::select! {
            ended = &mut served => return ended.map_err(broken),
            () = activity.is_quiet_for(first_request, limits.idle) => true,
            () = self.drain.requested() => false,
        };
        served.as_mut().graceful_shutdown();
        tokio::select! {
            ended = &mut served => match ended {
                Ok(()) => Ok(()),
                // A connection without a request ends in an error when it is told to end.
                Err(_) if is_quiet => Err(Trouble::Quiet),
                Err(_) if self.drain.is_requested() => Ok(()),
                Err(error) => Err(broken(error)),
            },
            () = activity.is_quiet_from_now(limits.last_request) => Err(Trouble::Quiet),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: Box<dyn std::error::Error + Send + Sync>) -> Trouble {
    debug!(error, "connection ended early");
    Trouble::Protocol
}

/// HTTP/1.1 and HTTP/2 within limits. In HTTP/2 a connection can make the server hold
/// [`CONNECTION_WINDOW`] of bodies, and for each of [`MAX_STREAMS`] requests [`MAX_HEADER_BYTES`] and
/// [`MAX_SEND_BYTES`]: 3.4 MB. All connections together: 1.3 GB of bodies and, with as many requests
/// as are taken on, 670 MB of headers and answers.
fn protocols() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        // The connection's activity is watched in one way for both protocols.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEADER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BYTES)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_MISTAKES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    http
}

#[cfg(test)]
mod tests;
