//! Senders: each takes its source's items in their order and posts them round by round.
//! A round is not begun before the one before it is decided, so no vehicle overtakes itself.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use futures_util::{StreamExt as _, stream};
use service::Shutdown;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Outbox, Pace, Progress, Report, Settings, Source,
    acked::AckedFile,
    batch::PingBatch,
    courier::{Courier, Ending, Network},
    endpoint::Endpoint,
    event::EventPost,
    outbox::{Entry, Round},
    pace::Schedule,
    tally::{Attempts, Tally},
    verdict::{Outcome, judge, judge_settled, miscount},
};
use crate::dice::Dice;

/// Items that are due are awaited this long, so that a paced run has batches at all.
const LINGER: Duration = Duration::from_millis(200);
/// Ride events of one round that are posted at the same time; each is of another vehicle.
const EVENTS_AT_ONCE: usize = 32;
/// So long may it take, once the run is to end, to send what waits and the last words.
const LEAVE: Duration = Duration::from_secs(3);
/// Sets the senders' draws apart from those of the vehicles under the same seed.
const SENDER_STREAMS: u64 = 1 << 40;

/// How a run sends.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// How the source's time runs.
    pub pace: Pace,
    /// From then on nothing more is taken from the sources.
    pub deadline: Option<Instant>,
    /// If given, some answers are lost, by draws from this seed.
    pub lossy_by: Option<u64>,
    /// Counts the pings that are decided.
    pub progress: Progress,
}

/// Sends all that the sources make, each over its own connection, until they end, the deadline
/// comes, or `shutdown` is requested.
///
/// # Errors
/// An error if the server refuses a request for good, or the file of accepted pings cannot be
/// written. What was sent until then is lost for the report, but not for the server.
pub(crate) async fn send_all<S: Source>(
    sources: Vec<S>,
    settings: &Settings,
    delivery: Delivery,
    shutdown: Shutdown,
) -> anyhow::Result<Report> {
    let acked = settings
        .acked
        .as_deref()
        .map(AckedFile::create)
        .transpose()?
        .map(Arc::new);
    let courier = Courier {
        endpoint: Endpoint::new(settings)?,
        patience: settings.patience,
        network: match delivery.lossy_by {
            Some(_) => Network::Lossy,
            None => Network::Untouched,
        },
        shutdown,
        progress: delivery.progress.clone(),
    };
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for (stream, source) in (SENDER_STREAMS..).zip(sources) {
        let vehicles = source.vehicles();
        let sender = Sender {
            outbox: Outbox::new(settings.format, settings.batch.get(), vehicles.len()),
            source,
            vehicles,
            schedule: Schedule::start(delivery.pace, started),
            deadline: delivery.deadline,
            dice: Dice::new(delivery.lossy_by.unwrap_or_default(), stream),
            courier: courier.clone(),
            acked: acked.clone(),
            tally: Tally::new()?,
        };
        senders.spawn(sender.run());
    }
    let mut tally = Tally::new()?;
    while let Some(ended) = senders.join_next().await {
        tally.add(ended.context("a sender broke down")??)?;
    }
    let elapsed = started.elapsed();
    delivery.progress.finish();
    if let Some(acked) = acked {
        acked.flush()?;
    }
    Ok(Report::new(tally, elapsed))
}

struct Sender<S> {
    source: S,
    vehicles: Vec<String>,
    outbox: Outbox,
    schedule: Schedule,
    deadline: Option<Instant>,
    dice: Dice,
    courier: Courier,
    acked: Option<Arc<AckedFile>>,
    tally: Tally,
}

/// Whether the sender goes on after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    /// No: a request was given up, and the order of its vehicles with it.
    GiveUp,
    /// No: the run is to end, and nobody answers any more.
    Stop,
}

impl<S: Source> Sender<S> {
    async fn run(mut self) -> anyhow::Result<Tally> {
        while !self.courier.shutdown.is_requested() {
            let waits_for = self.fill()?;
            if !self.outbox.is_empty() {
                let round = self.outbox.take_round();
                if self.post(round).await? != Next::GoOn {
                    return Ok(self.tally);
                }
            } else if let Some(moment) = waits_for {
                let shutdown = self.courier.shutdown.clone();
                tokio::select! {
                    () = sleep_until(moment + LINGER) => {}
                    () = shutdown.requested() => {}
                }
            } else {
                return Ok(self.tally);
            }
        }
        self.source.take_leave(&mut self.outbox)?;
        if let Ok(posted) = timeout(LEAVE, self.post_the_rest()).await {
            posted?;
        }
        Ok(self.tally)
    }

    /// Posts what is in the outbox, as far as it is answered.
    async fn post_the_rest(&mut self) -> anyhow::Result<()> {
        while !self.outbox.is_empty() {
            let round = self.outbox.take_round();
            if self.post(round).await? != Next::GoOn {
                break;
            }
        }
        Ok(())
    }

    /// Takes what is due from the source until a round is full; says when more will be due.
    fn fill(&mut self) -> anyhow::Result<Option<Instant>> {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Ok(None);
        }
        while let Some(due) = self.source.due() {
            let moment = self.schedule.moment(due);
            if moment > now || self.outbox.is_full() {
                return Ok(Some(moment));
            }
            self.source.step(&mut self.outbox)?;
        }
        Ok(None)
    }

    /// Posts a round: the batch, then the events.
    async fn post(&mut self, round: Round) -> anyhow::Result<Next> {
        if !round.pings.is_empty() {
            self.tally.sent += round.pings.entries().len() as u64;
            let next = self.post_batch(round.pings).await?;
            if next != Next::GoOn {
                if next == Next::GiveUp {
                    self.tally.given_up += round.events.len() as u64;
                }
                return Ok(next);
            }
        }
        if round.events.is_empty() {
            Ok(Next::GoOn)
        } else {
            self.post_events(round.events).await
        }
    }

    /// Posts a batch, and again what of it came too frequently, until all of it is settled.
    async fn post_batch(&mut self, mut batch: PingBatch) -> anyhow::Result<Next> {
        while !batch.is_empty() {
            let request = self.courier.endpoint.pings(&batch)?;
            let delivered =
                self.courier
                    .deliver(&request, &mut self.dice, &mut self.tally.attempts);
            let entries = batch.entries();
            let (answer, latency, outcomes) = match delivered.await {
                Ending::Decided(answer, latency) => {
                    let outcomes = judge(entries, &answer).into_iter().map(Some).collect();
                    (answer, latency, outcomes)
                }
                Ending::Partly(answer, latency) => {
                    let outcomes = judge_settled(entries, &answer);
                    (answer, latency, outcomes)
                }
                Ending::GivenUp => {
                    self.tally.given_up += entries.len() as u64;
                    return Ok(Next::GiveUp);
                }
                Ending::Refused { status, text } => {
                    bail!("{} answered {status}: {text}", request.url())
                }
                Ending::Stopped => return Ok(Next::Stop),
            };
            self.tally.time(latency);
            if let Some(words) = miscount(entries, &answer) {
                self.tally.surprise(|| words);
            }
            let again = self.settle(entries, outcomes)?;
            batch = batch.only(&again);
        }
        Ok(Next::GoOn)
    }

    /// Counts and writes down what came of pings; hands out the positions of the others.
    fn settle(
        &mut self,
        entries: &[Entry],
        outcomes: Vec<Option<Outcome>>,
    ) -> anyhow::Result<Vec<usize>> {
        if let Some(acked) = &self.acked {
            let accepted = entries.iter().zip(&outcomes);
            let accepted = accepted.filter(|(_, outcome)| **outcome == Some(Outcome::Accepted));
            acked.write(accepted.map(|(entry, _)| (self.vehicle(entry), entry.name)))?;
        }
        let mut again = Vec::new();
        for (at, (entry, outcome)) in entries.iter().zip(outcomes).enumerate() {
            let Some(outcome) = outcome else {
                again.push(at);
                continue;
            };
            let vehicle = &self.vehicles[entry.vehicle.position()];
            self.tally.count(outcome, || {
                format!("{vehicle} {} {}", entry.name.epoch, entry.name.seq)
            });
        }
        let settled = entries.len() - again.len();
        self.courier.progress.advance(settled as u64);
        Ok(again)
    }

    fn vehicle(&self, entry: &Entry) -> &str {
        &self.vehicles[entry.vehicle.position()]
    }

    async fn post_events(&mut self, events: Vec<EventPost>) -> anyhow::Result<Next> {
        self.tally.events_sent += events.len() as u64;
        let mut posts = Vec::with_capacity(events.len());
        for event in events {
            let ride = event.ride;
            let request = self.courier.endpoint.event(event)?;
            let mut dice = self.dice.fork();
            let courier = &self.courier;
            posts.push(async move {
                let mut attempts = Attempts::default();
                let ending = courier.deliver(&request, &mut dice, &mut attempts).await;
                (request, ride, ending, attempts)
            });
        }
        let endings: Vec<_> = stream::iter(posts).buffered(EVENTS_AT_ONCE).collect().await;
        let mut next = Next::GoOn;
        for (request, ride, ending, attempts) in endings {
            self.tally.attempts.add(attempts);
            match ending {
                Ending::Decided(answer, latency) if answer.accepted == 1 => {
                    self.tally.time(latency);
                    self.tally.events_accepted += 1;
                }
                Ending::Decided(answer, _) | Ending::Partly(answer, _) => {
                    let codes = answer.errors.into_iter().map(|error| error.code);
                    let codes = codes.collect::<Vec<_>>().join(", ");
                    self.tally
                        .surprise(|| format!("an event of ride {ride}: got {codes}"));
                }
                Ending::GivenUp => {
                    self.tally.given_up += 1;
                    next = Next::GiveUp;
                }
                Ending::Refused { status, text } => {
                    bail!("{} answered {status}: {text}", request.url())
                }
                Ending::Stopped => next = Next::Stop,
            }
        }
        Ok(next)
    }
}
