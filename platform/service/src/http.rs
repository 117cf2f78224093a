//! Serves a listener: takes its connections as long as there are places, and ends gracefully.
//! What goes on in a connection is `connection`'s; routes, bodies and their limits are the services'.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracing::{debug, warn};

use crate::{
    Listener, Shutdown,
    client::holder,
    connection::{Host, Limits},
    metrics,
    places::{FreePlace, MAX_CONNECTIONS, Places},
};

/// How long to wait after the system refused a connection, for want of descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `drain` is requested and every request under way has its answer. Dropping
/// it cuts off whatever is under way. Every request has a [`crate::Client`] and a
/// [`crate::RequestId`] among its extensions.
pub async fn serve(listener: impl Into<Listener>, router: Router, drain: Shutdown) {
    serve_by(listener.into(), router, drain, Limits::USUAL).await;
}

/// Serves like [`serve`], but ends `last_answers` after the drain was requested at the latest and
/// cuts off what is under way: for answers that are worth little to a client that is stuck.
pub async fn serve_within(
    listener: impl Into<Listener>,
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

pub(crate) async fn serve_by(listener: Listener, router: Router, drain: Shutdown, limits: Limits) {
    let Listener { socket, terms } = listener;
    let proxies = terms.proxies.clone();
    let places = Places::new(MAX_CONNECTIONS, terms.connections_per_address);
    let host = Arc::new(Host::new(terms, router, limits, drain.clone()));
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer, free) = tokio::select! {
            accepted = next_connection(&socket, &places) => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = drain.requested() => break,
        };
        let holder = holder(peer.ip()).filter(|_| !proxies.have(peer.ip()));
        let Some(place) = places.give(free, holder) else {
            debug!(%peer, "closed: its address has as many connections as it may");
            metrics::address_full();
            continue;
        };
        let host = host.clone();
        connections.spawn(async move { host.serve(stream, peer, place).await });
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Waits for a place and a connection that takes it.
async fn next_connection(
    listener: &TcpListener,
    places: &Places,
) -> (TcpStream, SocketAddr, FreePlace) {
    if places.are_all_taken() {
        warn!(
            MAX_CONNECTIONS,
            "no connection is accepted before another ends"
        );
        metrics::connections_full();
    }
    let free = places.free().await;
    let (stream, peer) = accept(listener).await;
    (stream, peer, free)
}

/// Waits for a connection; trouble of a single one is not the listener's.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "connection without TCP_NODELAY");
                }
                return (stream, peer);
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
