//! Asking a server, or a cluster: while it is not there, that is told at once and nobody waits. What is
//! asked is not known here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    ErrorKind, FromRedisValue, Pipeline, PushInfo, PushKind, RedisError, ServerErrorKind, cmd,
    from_redis_value,
};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{
    address::{Address, invalid},
    connection::Connection,
    scripts::Scripts,
    watched::Watched,
};
use crate::cache::CacheError;

/// Whoever asks waits so long; after that nobody waits until the server is back.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// While it is away, the server is looked for so often.
const LOOK: Duration = Duration::from_millis(250);

/// The way to a server.
pub(super) struct Link {
    connection: Connection,
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
    /// The way to what `url` names, which need not be there yet. What is published is told to
    /// `watched`.
    pub(super) fn open(url: &str, watched: Arc<Watched>) -> Result<Self, CacheError> {
        let address = Address::parse(url)?;
        let state = Arc::new(State::default());
        let heard = state.clone();
        let told = move |push: PushInfo| {
            match push.kind {
                PushKind::Message => watched.tell(&channel(&push)),
                PushKind::Disconnection => {
                    heard.losses.fetch_add(1, Ordering::Relaxed);
                    watched.tell_all();
                }
                _ => {}
            }
            Ok(())
        };
        let connection = Connection::open(address, told);
        Ok(Self {
            connection: connection.map_err(|error| invalid(url, &error))?,
            state,
            scripts: Scripts::default(),
        })
    }

    /// Whether what is asked at once must be of one fleet, whose keys are all in one place.
    pub(super) fn is_by_fleet(&self) -> bool {
        self.connection.is_cluster()
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

async fn answers(connection: &mut Connection) -> bool {
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
