//! Serves HTTP/1.1 with limits: connections, header time and size, and a graceful end.
//! Routes, bodies and their limits are the services' business.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tracing::{debug, warn};

use crate::Shutdown;

/// Open connections of one listener; each costs about 20 KB, so that all of them fit into 200 MB.
const MAX_CONNECTIONS: usize = 10_240;
/// A client that takes longer to send its headers is cut off (a "slow loris").
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of headers, or of a body that nobody reads yet; 64 KiB is what browsers' cookies need.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// How long to wait after the system refused a connection, for want of descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `drain` is requested and every request under way has its answer.
pub async fn serve(listener: TcpListener, router: Router, drain: Shutdown) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let (stream, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = drain.requested() => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Serves like [`serve`], but ends `last_answers` after the drain was requested at the latest: for
/// answers that are worth little to a client that is stuck.
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

/// Waits for a place and a connection; trouble of a single connection is not the listener's.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "connection without TCP_NODELAY");
                }
                return (stream, place);
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
