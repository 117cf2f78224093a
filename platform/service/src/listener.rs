//! A listener: a bound port, and the terms on which it takes connections. It accepts none itself.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::{ListenerSettings, client::Proxies, places::CONNECTIONS_PER_ADDRESS, tls::Tls};

/// On which terms a process takes connections: one for all of its listeners.
#[derive(Clone)]
pub struct Terms {
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) connections_per_address: usize,
    /// Requests a second; 0 is no limit.
    pub(crate) requests_per_address: u32,
    pub(crate) proxies: Proxies,
}

impl Terms {
    /// Reads the certificates that the settings name, if any, and goes on reading them while the
    /// terms are held.
    ///
    /// # Errors
    /// Files that cannot be read or do not fit together, by their flag.
    pub async fn open(settings: &ListenerSettings) -> anyhow::Result<Self> {
        Ok(Self {
            tls: Tls::start(&settings.tls).await?.map(Arc::new),
            connections_per_address: settings.connections_per_address.get(),
            requests_per_address: settings.requests_per_address,
            proxies: Proxies::new(&settings.proxies),
        })
    }

    /// Without TLS, and with the usual limits.
    pub fn plain() -> Self {
        Self {
            tls: None,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            requests_per_address: 0,
            proxies: Proxies::default(),
        }
    }
}

/// A port that is bound and not served yet.
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) terms: Terms,
}

impl Listener {
    /// Takes connections of a bound port on these terms.
    pub fn new(socket: TcpListener, terms: &Terms) -> Self {
        Self {
            socket,
            terms: terms.clone(),
        }
    }

    /// The address that is bound.
    ///
    /// # Errors
    /// What the system says instead.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.socket.local_addr().context("the listener's address")
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket, &Terms::plain())
    }
}

/// Binds a port (0: any that is free).
///
/// # Errors
/// An address that cannot be bound, and why.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| address.to_string())
}
