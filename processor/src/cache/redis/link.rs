//! The way to the server: one connection for all, which comes back by itself. While the server is not
//! there, that is told at once and nobody waits. What is asked is not known here.

use std::{
    fmt::Display,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    Client, ErrorKind, FromRedisValue, IntoConnectionInfo as _, Pipeline, ProtocolVersion,
    PushInfo, PushKind, RedisError, ServerErrorKind, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cmd, from_redis_value,
};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use url::Url;

use super::{scripts::Scripts, watched::Watched};
use crate::cache::CacheError;

/// Whoever asks waits so long; after that nobody waits until the server is back.
const PATIENCE: Duration = Duration::from_secs(1);
/// While it is away, the server is looked for so often.
const LOOK: Duration = Duration::from_millis(250);

/// The way to a server.
pub(super) struct Link {
    connection: ConnectionManager,
    state: Arc<State>,
    pub(super) scripts: Scripts,
}

/// What is known of the server.
#[derive(Default)]
struct State {
    is_away: AtomicBool,
    /// How often it was away, and may have lost what it had.
    losses: AtomicU64,
}

impl Link {
    /// The way to the server that `url` names, which need not be there yet. What it publishes is
    /// told to `watched`.
    pub(super) fn open(url: &str, watched: Arc<Watched>) -> Result<Self, CacheError> {
        let no = |error: RedisError| invalid(url, &error);
        let info = url.into_connection_info().map_err(no)?;
        // Only in this version may a connection be told of changes and asked at once.
        let settings = info.redis_settings().clone();
        let settings = settings.set_protocol(ProtocolVersion::RESP3);
        let info = info.set_redis_settings(settings);
        let client = match authority(url)? {
            Some(root_cert) => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(root_cert),
                };
                Client::build_with_tls(info, certificates)
            }
            None => Client::open(info),
        };
        let client = client.map_err(no)?;
        let state = Arc::new(State::default());
        let told = state.clone();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_push_sender(move |push: PushInfo| {
                match push.kind {
                    PushKind::Message => watched.tell(&channel(&push)),
                    PushKind::Disconnection => {
                        told.losses.fetch_add(1, Ordering::Relaxed);
                        watched.tell_all();
                    }
                    _ => {}
                }
                Ok::<(), ()>(())
            })
            .set_automatic_resubscription();
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(no)?;
        Ok(Self {
            connection,
            state,
            scripts: Scripts::default(),
        })
    }

    /// How often the server may have lost what it had.
    pub(super) fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::Relaxed)
    }

    /// Asks all of it at once.
    pub(super) async fn ask<Answer: FromRedisValue>(
        &self,
        questions: &Pipeline,
    ) -> Result<Answer, CacheError> {
        if self.state.is_away.load(Ordering::Relaxed) {
            return Err(CacheError::Unavailable("it does not answer".to_owned()));
        }
        let mut connection = self.connection.clone();
        let asked = async {
            match questions.query_async(&mut connection).await {
                Err(error) if is_new(&error) => {
                    self.scripts.load(&mut connection).await?;
                    questions.query_async(&mut connection).await
                }
                answer => answer,
            }
        };
        match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if !is_away(&error) => Err(CacheError::Unavailable(error.to_string())),
            Ok(Err(error)) => Err(self.lost(&error.to_string())),
            Err(_) => Err(self.lost("no answer in time")),
        }
    }

    /// Has changes on this channel told.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), CacheError> {
        let mut connection = self.connection.clone();
        match timeout(PATIENCE, connection.subscribe(channel)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.lost(&error.to_string())),
            Err(_) => Err(self.lost("no answer in time")),
        }
    }

    /// Has them told no more.
    pub(super) async fn unsubscribe(&self, channel: &str) {
        let mut connection = self.connection.clone();
        // If it fails, what is told is nobody's.
        let _answer = timeout(PATIENCE, connection.unsubscribe(channel)).await;
    }

    /// Notes that the server is away, and has it looked for until it is back.
    fn lost(&self, reason: &str) -> CacheError {
        if !self.state.is_away.swap(true, Ordering::Relaxed) {
            warn!(reason, "the cache is away");
            let (mut connection, state) = (self.connection.clone(), self.state.clone());
            tokio::spawn(async move {
                while !answers(&mut connection).await {
                    sleep(LOOK).await;
                }
                info!("the cache is back");
                state.losses.fetch_add(1, Ordering::Relaxed);
                state.is_away.store(false, Ordering::Relaxed);
            });
        }
        CacheError::Unavailable(reason.to_owned())
    }
}

/// What is wrong with a URL, which may hold a password.
fn invalid(url: &str, reason: &dyn Display) -> CacheError {
    CacheError::Url {
        url: url.split('@').next_back().unwrap_or_default().to_owned(),
        reason: reason.to_string(),
    }
}

/// The certificate of the authority that is trusted, if it is named: `?ca=/path/to/ca.pem`.
fn authority(url: &str) -> Result<Option<Vec<u8>>, CacheError> {
    let parsed = Url::parse(url).map_err(|error| invalid(url, &error))?;
    let mut certificate = None;
    for (name, value) in parsed.query_pairs() {
        if name != "ca" || parsed.scheme() != "rediss" {
            let reason = format!("there is no option {name}; ca is there, of rediss://");
            return Err(invalid(url, &reason));
        }
        let read = fs::read(&*value);
        let no = |error| invalid(url, &format!("ca={value}: {error}"));
        certificate = Some(read.map_err(no)?);
    }
    Ok(certificate)
}

async fn answers(connection: &mut ConnectionManager) -> bool {
    let ping = cmd("PING");
    let answer = timeout(PATIENCE, ping.exec_async(connection)).await;
    matches!(answer, Ok(Ok(())))
}

/// Whether the server does not know a script: it was started anew.
fn is_new(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Whether it may be that nobody heard what was asked.
fn is_away(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_timeout()
}

fn channel(push: &PushInfo) -> String {
    let name = push.data.first().cloned();
    name.and_then(|name| from_redis_value(name).ok())
        .unwrap_or_default()
}
