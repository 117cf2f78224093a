//! A page of another server, which a test may change while it is served.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, routing::get};
use tokio::runtime::Runtime;

/// The server; it ends when dropped.
pub(crate) struct Pages {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Pages {
    /// Serves what the text is when it is asked for.
    pub(crate) fn serve(path: &str, text: Arc<Mutex<String>>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let page = async move || text.lock().unwrap().clone();
        let router = Router::new().route(path, get(page));
        let listening = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listening.unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
