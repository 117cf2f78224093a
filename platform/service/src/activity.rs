//! What is under way on one connection, and since when nothing is. How long that may last is the
//! connection's business.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

/// The requests of one connection.
pub(crate) struct Activity(Mutex<State>);

struct State {
    under_way: usize,
    has_begun: bool,
    quiet_since: Instant,
}

/// A request from the end of its headers to the end of its answer.
pub(crate) struct UnderWay {
    activity: Arc<Activity>,
    _place: OwnedSemaphorePermit,
}

impl Activity {
    /// A connection without a request so far.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            under_way: 0,
            has_begun: false,
            quiet_since: Instant::now(),
        }))
    }

    /// Begins a request.
    pub(crate) fn begin(self: Arc<Self>, place: OwnedSemaphorePermit) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.has_begun = true;
        drop(state);
        UnderWay {
            activity: self,
            _place: place,
        }
    }

    /// Waits until there was no first request for `first`, or no further one for `idle`. It looks
    /// again after `first` at the soonest, so that `idle` should be the longer one.
    pub(crate) async fn is_quiet_for(&self, first: Duration, idle: Duration) {
        loop {
            let end = {
                let state = self.state();
                let allowed = if state.has_begun { idle } else { first };
                if state.under_way > 0 {
                    Instant::now() + idle
                } else {
                    state.quiet_since + allowed
                }
            };
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    /// Waits until nothing was under way for so long, from now on.
    pub(crate) async fn is_quiet_from_now(&self, long: Duration) {
        {
            let mut state = self.state();
            state.quiet_since = Instant::now();
        }
        self.is_quiet_for(long, long).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.under_way -= 1;
        state.quiet_since = Instant::now();
    }
}

/// The body of an answer, with which the request ends.
pub(crate) struct LastPart {
    body: Body,
    _request: UnderWay,
}

impl LastPart {
    pub(crate) fn new(body: Body, request: UnderWay) -> Self {
        Self {
            body,
            _request: request,
        }
    }
}

impl HttpBody for LastPart {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
