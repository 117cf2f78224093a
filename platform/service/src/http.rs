//! Serves HTTP/1.1 with limits: connections, header time and size, idle time, and a graceful end.
//! Routes, bodies and their limits are the services' business.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tracing::{debug, warn};

use crate::{Shutdown, metrics};

/// Open connections of one listener: with headers as large as they may be they take 160 MiB.
const MAX_CONNECTIONS: usize = 10_240;
/// How long a client may take from its last answer, or from the connection's begin, to the end of
/// its headers. Load balancers keep idle connections for 60 s and must be the first to close them;
/// who is only slow (a "slow loris") keeps one of the places above for so long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of headers, or of a body that nobody reads yet.
const MAX_BUFFER_BYTES: usize = 16 << 10;
/// How long to wait after the system refused a connection, for want of descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds a port (0: any that is free).
///
/// # Errors
/// An address that cannot be bound, and why.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| address.to_string())
}

/// Serves `router` until `drain` is requested and every request under way has its answer. Dropping
/// it cuts off whatever is under way.
pub async fn serve(listener: TcpListener, router: Router, drain: Shutdown) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = next_connection(&listener, &places) => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = drain.requested() => break,
        };
        let Ok((stream, counted)) = accepted else {
            break;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            // One that becomes a WebSocket is its handler's from then on, and no more counted here.
            .with_upgrades();
        let drain = drain.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = drain.requested() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                debug!(%error, "connection ended early");
            }
            drop(counted);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves like [`serve`], but ends `last_answers` after the drain was requested at the latest and
/// cuts off what is under way: for answers that are worth little to a client that is stuck.
pub async fn serve_within(
    listener: TcpListener,
    router: Router,
    drain: Shutdown,
    last_answers: Duration,
) {
    let time_is_up = async {
        drain.requested().await;
        tokio::time::sleep(last_answers).await;
    };
    tokio::select! {
        () = serve(listener, router, drain.clone()) => {}
        () = time_is_up => {}
    }
}

/// An open connection, as it is counted.
struct Connection {
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn open(place: OwnedSemaphorePermit) -> Self {
        metrics::connections_changed(1.0);
        Self { _place: place }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::connections_changed(-1.0);
    }
}

/// Waits for a place and a connection that takes it.
async fn next_connection(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Result<(TcpStream, Connection), AcquireError> {
    if places.available_permits() == 0 {
        warn!(
            MAX_CONNECTIONS,
            "no connection is accepted before another ends"
        );
        metrics::connections_full();
    }
    let place = places.clone().acquire_owned().await?;
    let stream = accept(listener).await;
    Ok((stream, Connection::open(place)))
}

/// Waits for a connection; trouble of a single one is not the listener's.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "connection without TCP_NODELAY");
                }
                return stream;
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
