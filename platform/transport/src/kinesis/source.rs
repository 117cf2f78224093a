//! Where a shard's records come from: a subscription, if one is asked for and as long as it works,
//! and calls otherwise.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    cursor::Cursor,
    fan_out::{FanOut, NotServed},
    metrics,
    pace::Pace,
    polling::{Answer, Polling},
    service::Service,
};
use crate::ShardId;

/// After so long a subscription that did not work is tried again: as long as one lives.
const SUBSCRIBE_AGAIN: Duration = Duration::from_mins(5);

/// The source of one shard's records.
pub(super) struct Source {
    polling: Polling,
    fan_out: Option<FanOut>,
    /// Until then records come by calls, whatever was asked for.
    calls_until: Option<Instant>,
}

impl Source {
    /// Reads by calls, or as `consumer`, a consumer's ARN, by a subscription.
    pub(super) fn new(
        service: &Arc<Service>,
        shard: &ShardId,
        poll: Duration,
        consumer: Option<Arc<str>>,
    ) -> Self {
        let pace = Pace::new(poll, Instant::now().into_std());
        let fan_out = consumer.map(|arn| FanOut::new(service.clone(), shard.clone(), arn));
        Self {
            polling: Polling::new(service.clone(), shard.clone(), pace),
            fan_out,
            calls_until: None,
        }
    }

    /// Begins anew, where the cursor says.
    pub(super) fn restart(&mut self) {
        self.polling.restart();
        if let Some(fan_out) = &mut self.fan_out {
            fan_out.restart();
        }
    }

    /// Waits for the next answer. Safe to drop while it waits.
    pub(super) async fn next(&mut self, cursor: &mut Cursor) -> Answer {
        loop {
            let Some(fan_out) = &mut self.fan_out else {
                return self.polling.next(cursor).await;
            };
            match self.calls_until {
                Some(until) if Instant::now() < until => return self.polling.next(cursor).await,
                Some(_) => {
                    info!("subscribing again");
                    self.calls_until = None;
                }
                None => {}
            }
            match fan_out.next(cursor).await {
                Ok(answer) => return answer,
                Err(NotServed { reason, text }) => {
                    warn!(
                        reason,
                        text, "the subscription does not work, reading by calls"
                    );
                    metrics::fell_back(reason);
                    self.calls_until = Some(Instant::now() + SUBSCRIBE_AGAIN);
                    fan_out.restart();
                    self.polling.restart();
                    cursor.resume();
                }
            }
        }
    }
}
