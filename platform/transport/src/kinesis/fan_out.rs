//! Reading a shard by a subscription (enhanced fan-out): the service pushes, at 2 MB a second for
//! every consumer alone. A subscription lives five minutes and is then made again. A wait for an
//! event may be dropped: the next wait gets it. What takes its place is decided by the caller.

use std::{pin::Pin, sync::Arc, time::Duration};

use aws_sdk_kinesis::{
    operation::subscribe_to_shard::SubscribeToShardOutput,
    types::{
        ConsumerStatus, ShardIteratorType, StartingPosition, SubscribeToShardEvent,
        SubscribeToShardEventStream,
    },
};
use aws_smithy_types::DateTime;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info};

use super::{
    cursor::Cursor,
    metrics,
    polling::Answer,
    service::{Service, Start, repeat},
    trouble::Trouble,
};
use crate::{ShardId, StreamError, backoff};

/// A subscription is asked for so long, and no event comes for so long, before it is given up. The
/// service sends events without records on shards that are idle, every few seconds.
const SILENCE: Duration = Duration::from_secs(35);
/// So many failures in a row are too many.
const MAX_FAILURES: u32 = 5;
/// Between two subscriptions to a shard (a Kinesis limit).
const SPACING: Duration = Duration::from_secs(5);
/// A new consumer takes a moment to become active.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// One that is not active after so many looks never will be.
const MAX_LOOKS: u32 = 120;

/// Reads one shard.
pub(super) struct FanOut {
    service: Arc<Service>,
    shard: ShardId,
    consumer: Arc<str>,
    subscription: Option<Box<SubscribeToShardOutput>>,
    waiting: Option<Waiting>,
    not_before: Instant,
    failures: u32,
}

/// What is waited for: an event of a subscription, which is handed back.
type Waiting = Pin<Box<dyn Future<Output = Waited> + Send>>;
type Waited = Result<(Box<SubscribeToShardOutput>, Option<SubscribeToShardEvent>), Trouble>;

/// Says that a subscription does not work.
#[derive(Debug)]
pub(super) struct NotServed {
    pub(super) reason: &'static str,
    pub(super) text: String,
}

impl FanOut {
    /// A reader of one shard as `consumer`.
    pub(super) fn new(service: Arc<Service>, shard: ShardId, consumer: Arc<str>) -> Self {
        Self {
            service,
            shard,
            consumer,
            subscription: None,
            waiting: None,
            not_before: Instant::now(),
            failures: 0,
        }
    }

    /// Begins anew, where the cursor says.
    pub(super) fn restart(&mut self) {
        self.subscription = None;
        self.waiting = None;
        self.failures = 0;
    }

    /// Waits for the next event. Safe to drop while it waits.
    ///
    /// # Errors
    /// [`NotServed`] where a subscription fails again and again.
    pub(super) async fn next(&mut self, cursor: &mut Cursor) -> Result<Answer, NotServed> {
        loop {
            let waiting = self.waiting.get_or_insert_with(|| {
                if self.subscription.is_none() {
                    cursor.resume();
                }
                let wait = wait(
                    self.service.clone(),
                    (self.consumer.clone(), self.shard.clone()),
                    self.subscription.take(),
                    (cursor.from(), self.not_before),
                );
                Box::pin(wait)
            });
            let waited = waiting.await;
            self.waiting = None;
            match waited {
                Ok((subscription, Some(event))) => {
                    self.failures = 0;
                    self.subscription = Some(subscription);
                    return Ok(answer(event));
                }
                Ok((_, None)) => debug!(shard = %self.shard, "a subscription is over"),
                Err(trouble) => self.failed(&trouble, cursor)?,
            }
        }
    }

    fn failed(&mut self, trouble: &Trouble, cursor: &mut Cursor) -> Result<(), NotServed> {
        metrics::read_failed(trouble);
        let reason = match trouble {
            Trouble::Throttled => "throttled",
            Trouble::Invalid(_) if cursor.is_unknown() => return Ok(()),
            Trouble::Invalid(_) | Trouble::Expired => "invalid",
            Trouble::InUse(_) => "in_use",
            Trouble::Passing(_) => "other",
        };
        self.failures += 1;
        if self.failures >= MAX_FAILURES {
            let text = trouble.to_string();
            return Err(NotServed { reason, text });
        }
        info!(shard = %self.shard, %trouble, "subscribing again");
        let wait = match trouble {
            // The one before is not over yet.
            Trouble::InUse(_) => SPACING,
            _ => backoff::after(self.failures),
        };
        self.not_before = Instant::now() + wait;
        Ok(())
    }
}

/// Waits for the next event of a subscription, or of a new one.
async fn wait(
    service: Arc<Service>,
    names: (Arc<str>, ShardId),
    subscription: Option<Box<SubscribeToShardOutput>>,
    begin: (Start, Instant),
) -> Waited {
    let silent = |_| Trouble::Passing("the service is silent".to_owned());
    let mut subscription = if let Some(subscription) = subscription {
        subscription
    } else {
        let (from, not_before) = begin;
        sleep_until(not_before).await;
        let subscribe = subscribe(&service, &names.0, &names.1, from);
        timeout(SILENCE, subscribe).await.map_err(silent)??
    };
    let received = timeout(SILENCE, subscription.event_stream.recv()).await;
    match received.map_err(silent)?? {
        Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => {
            Ok((subscription, Some(event)))
        }
        Some(_) => Err(Trouble::Passing("an event of an unknown kind".to_owned())),
        None => Ok((subscription, None)),
    }
}

async fn subscribe(
    service: &Service,
    consumer: &str,
    shard: &ShardId,
    from: Start,
) -> Result<Box<SubscribeToShardOutput>, Trouble> {
    let start = StartingPosition::builder();
    let start = match from {
        Start::Oldest => start.r#type(ShardIteratorType::TrimHorizon),
        Start::At(sequence) => start
            .r#type(ShardIteratorType::AtSequenceNumber)
            .sequence_number(sequence.to_string()),
        Start::Time(ms) => start
            .r#type(ShardIteratorType::AtTimestamp)
            .timestamp(DateTime::from_millis(ms)),
    };
    let start = start
        .build()
        .map_err(|error| Trouble::Invalid(error.to_string()))?;
    let call = service.client().subscribe_to_shard();
    let call = call.consumer_arn(consumer).shard_id(shard.as_str());
    Ok(Box::new(call.starting_position(start).send().await?))
}

fn answer(event: SubscribeToShardEvent) -> Answer {
    let has_children = event
        .child_shards
        .is_some_and(|children| !children.is_empty());
    // The last event has no number to go on with, which the SDK shows as an empty one; or it tells
    // of the shards that go on, and of no record.
    let is_last =
        event.continuation_sequence_number.is_empty() || (has_children && event.records.is_empty());
    Answer {
        records: event.records,
        behind_ms: event.millis_behind_latest,
        is_last,
    }
}

/// The ARN of the consumer called `name`, which is registered if it is not yet. Each call is made
/// again where it fails.
///
/// # Errors
/// [`StreamError`] if it cannot be registered, or does not become active.
pub(super) async fn register(service: &Service, name: &str) -> Result<Arc<str>, StreamError> {
    let client = service.client();
    let what = format!("register consumer {name}");
    let find_stream = || async {
        let stream = client.describe_stream_summary();
        let stream = stream.stream_name(service.stream()).send().await?;
        let arn = stream.stream_description_summary.map(|it| it.stream_arn);
        arn.ok_or_else(|| Trouble::Passing("a stream without an ARN".to_owned()))
    };
    let arn = repeat(&what, find_stream).await?;
    let register = || async {
        let registering = client.register_stream_consumer();
        let registering = registering.stream_arn(&arn).consumer_name(name);
        match registering.send().await.map_err(Trouble::from) {
            Ok(_) | Err(Trouble::InUse(_)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    };
    repeat(&what, register).await?;
    let look = || async {
        let looking = client.describe_stream_consumer();
        let found = looking.stream_arn(&arn).consumer_name(name).send().await?;
        Ok(found.consumer_description)
    };
    for _ in 0..MAX_LOOKS {
        if let Some(consumer) = repeat(&what, look).await?
            && consumer.consumer_status == ConsumerStatus::Active
        {
            return Ok(consumer.consumer_arn.into());
        }
        sleep(LOOK_AGAIN).await;
    }
    Err(StreamError::Storage(format!(
        "{what}: it does not become active"
    )))
}
