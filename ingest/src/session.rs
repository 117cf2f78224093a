//! What a connection has on which pings come one after the other: a place, an authority that is looked
//! at again, and an account of what is decided. How messages come and go is each protocol's.

use std::{sync::Arc, time::Duration};

use access::Credential;
use axum::extract::Request;
use schemas::Protocol;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep},
};

use crate::{
    ack::{Account, Ack},
    api::{Ingest, SharedIngest},
    audit::About,
    authority::Authority,
    metrics,
    problem::Stop,
    upload::Upload,
};

/// Connections of this kind open at once.
pub(crate) const MAX_SESSIONS: usize = 10_240;
/// A message may have so many bytes: some hundred pings.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// So many messages go into one append at most.
pub(crate) const MAX_GATHERED: usize = 256;
/// Every so often it is asked anew whether the credential is still good.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// A connection under way.
pub(crate) struct Session {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) authority: Authority,
    account: Account,
    credential: Option<Credential>,
    about: About,
    looks: Interval,
    _open: Open,
}

impl Session {
    /// Admits whoever sent this request.
    ///
    /// # Errors
    /// [`Stop`] for who may not write, and where no place is left.
    pub(crate) fn begin(ingest: &SharedIngest, request: &Request) -> Result<Self, Stop> {
        let authority = ingest.admit(request.headers(), None)?;
        if ingest.stopping.is_requested() {
            return Err(Stop::Closing);
        }
        let place = ingest.sessions.clone().try_acquire_owned();
        let place = place.map_err(|_| Stop::Busy)?;
        let mut looks = interval_at(Instant::now() + LOOK_INTERVAL, LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            ingest: ingest.clone(),
            authority,
            account: Account::default(),
            credential: Credential::of(request.headers()),
            about: About::of(request),
            looks,
            _open: Open::new(place),
        })
    }

    /// Waits until it is time for [`Session::look_again`]. Whoever waits for messages too asks this
    /// first: of a sender that never pauses there is always one.
    pub(crate) async fn look_is_due(&mut self) {
        self.looks.tick().await;
    }

    /// Sees whether the credential is still good, and for what.
    ///
    /// # Errors
    /// [`Stop`] if it is not.
    pub(crate) fn look_again(&mut self) -> Result<(), Stop> {
        self.authority = self.ingest.look_again(self.credential.as_ref())?;
        Ok(())
    }

    /// Waits until the credential has a share of messages again.
    pub(crate) async fn pace(&self) {
        while let Some(pause) = self.ingest.guard.pause(self.credential.as_ref()) {
            metrics::session_paced();
            sleep(pause).await;
        }
    }

    /// An upload for messages of this protocol.
    pub(crate) fn upload<'a>(&self, ingest: &'a Ingest, protocol: Protocol) -> Upload<'a> {
        Upload::new(ingest, self.authority, protocol)
    }

    /// Appends what was taken and, when it is durable, says what to tell.
    ///
    /// # Errors
    /// [`Stop`] for what is to be sent again.
    pub(crate) async fn settle(&mut self, upload: Upload<'_>) -> Result<Option<Ack>, Stop> {
        let ack = self.account.settle(upload).await?;
        if let Some(refused) = ack.as_ref().and_then(|ack| ack.refused) {
            self.ingest
                .audit
                .write(&self.ingest.guard, &self.about, refused);
        }
        Ok(ack)
    }

    /// Words for a sender whose connection ends here, of at most `length` characters.
    pub(crate) fn last_words(&self, length: usize) -> String {
        self.account.last_words(length)
    }
}

/// An open connection, as it is counted.
struct Open {
    _place: OwnedSemaphorePermit,
}

impl Open {
    fn new(place: OwnedSemaphorePermit) -> Self {
        metrics::sessions_changed(1.0);
        Self { _place: place }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::sessions_changed(-1.0);
    }
}
