//! Brings one request to an end: sends it until it is decided, waits between attempts, and gives
//! up in the end. What the answer means is the sender's to judge.

use std::time::Duration;

use reqwest::StatusCode;
use service::Shutdown;
use tokio::time::{Instant, sleep, timeout};

use super::{
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
            let asked = match reply {
                Reply::Decided(answer) => return Ending::Decided(answer, sent.elapsed()),
                Reply::Refused { status, text } => return Ending::Refused { status, text },
                Reply::Busy {
                    status,
                    retry_after,
                } => {
                    attempts.count_busy(status);
                    retry_after
                }
                Reply::Unreachable => {
                    attempts.unreachable += 1;
                    None
                }
            };
            if started.elapsed() > self.patience {
                return Ending::GivenUp;
            }
            tokio::select! {
                () = sleep(backoff.next(asked, dice)) => {}
                () = self.shutdown.requested() => return Ending::Stopped,
            }
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
        let send = self.endpoint.send(request);
        if dice.chance(0.5) {
            let breaks_after = Duration::from_secs_f64(dice.between(0.0, BREAKS_WITHIN_SECONDS));
            let _: Result<Reply, _> = timeout(breaks_after, send).await;
        } else {
            let _: Reply = send.await;
        }
    }
}
