//! Brings one request to an end: sends it until it is decided, waits between attempts, and gives
//! up in the end. What the answer means is the sender's to judge.

use std::time::Duration;

use reqwest::StatusCode;
use service::Shutdown;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Progress,
    answer::Answer,
    backoff::Backoff,
    endpoint::{Endpoint, Reply, Request},
    tally::Attempts,
};
use crate::dice::Dice;

/// The answer that is awaited once the run is to end.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// How many requests lose their answer where answers are lost.
const LOST_ANSWERS: f64 = 0.02;
/// A connection that breaks does so within this time of the request's start.
const BREAKS_WITHIN_SECONDS: f64 = 0.02;

/// Says whether the network is made to lose answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// As it is.
    Untouched,
    /// Some answers are lost, by a broken connection or after they came.
    Lossy,
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server decided; so long took the attempt that brought the answer.
    Decided(Answer, Duration),
    /// The same for some items; the others came too frequently, and the time that they must wait
    /// has passed.
    Partly(Answer, Duration),
    /// No answer within the patience.
    GivenUp,
    /// The server will never take it.
    Refused { status: StatusCode, text: String },
    /// The run is to end.
    Stopped,
}

/// Sends requests until they are decided.
#[derive(Debug, Clone)]
pub(super) struct Courier {
    pub endpoint: Endpoint,
    pub patience: Duration,
    pub network: Network,
    pub shutdown: Shutdown,
    /// Where the first request without an answer is told.
    pub progress: Progress,
}

impl Courier {
    /// Sends `request` until it is decided.
    pub(super) async fn deliver(
        &self,
        request: &Request,
        dice: &mut Dice,
        attempts: &mut Attempts,
    ) -> Ending {
        if self.network == Network::Lossy && dice.chance(LOST_ANSWERS) {
            self.send_in_vain(request, dice).await;
            attempts.lost_answers += 1;
        }
        let started = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let sent = Instant::now();
            let Some(reply) = self.send_or_stop(request).await else {
                return Ending::Stopped;
            };
            let latency = sent.elapsed();
            let asked = match reply {
                Reply::Decided(answer) => return Ending::Decided(answer, latency),
                Reply::Partly {
                    answer,
                    retry_after,
                } => {
                    attempts.count_busy(StatusCode::TOO_MANY_REQUESTS);
                    self.rest(backoff.next(retry_after, dice)).await;
                    return Ending::Partly(answer, latency);
                }
                Reply::Refused { status, text } => return Ending::Refused { status, text },
                Reply::Busy {
                    status,
                    retry_after,
                } => {
                    attempts.count_busy(status);
                    retry_after
                }
                Reply::Unreachable(why) => {
                    attempts.unreachable += 1;
                    let patience = self.patience;
                    self.progress
                        .tell_once(&format!("no answer, trying for {patience:?}: {why}"));
                    None
                }
            };
            if started.elapsed() > self.patience {
                return Ending::GivenUp;
            }
            self.rest(backoff.next(asked, dice)).await;
            if self.shutdown.is_requested() {
                return Ending::Stopped;
            }
        }
    }

    /// Waits so long, or until the run is to end.
    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            () = self.shutdown.requested() => {}
        }
    }

    /// Sends once; None if the run is to end and the answer does not come soon.
    async fn send_or_stop(&self, request: &Request) -> Option<Reply> {
        tokio::select! {
            reply = self.endpoint.send(request) => Some(reply),
            () = async {
                self.shutdown.requested().await;
                sleep(LAST_ANSWER).await;
            } => None,
        }
    }

    /// Sends once and loses the answer: half of the time the connection breaks on the way.
    async fn send_in_vain(&self, request: &Request, dice: &mut Dice) {
        let send = self.send_or_stop(request);
        if dice.chance(0.5) {
            let breaks_after = Duration::from_secs_f64(dice.between(0.0, BREAKS_WITHIN_SECONDS));
            let _: Result<Option<Reply>, _> = timeout(breaks_after, send).await;
        } else {
            let _: Option<Reply> = send.await;
        }
    }
}
