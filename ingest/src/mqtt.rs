//! A subscription by MQTT: takes what vehicles publish at a broker, and acknowledges it there once the
//! stream has it durably. It is a client of a broker, never one itself, and says nothing to vehicles.
//!
//! A message's way: it comes by a [`connection`] and is held, within limits; [`appending`] gathers all
//! that are held, and [`message`] reads them, into one append, and acknowledges them when it is
//! durable. What is not acknowledged when a connection or this process ends, the broker sends again,
//! and repeats are recognised as everywhere. So a slow stream leaves messages with the broker: it has
//! so many on their way to us at most, and keeps the others.

mod appending;
mod connection;
pub(crate) mod message;
pub(crate) mod settings;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, Sender},
    },
    time::{sleep, timeout},
};
use tracing::{info, warn};

use self::{
    appending::{Appending, Held, Number},
    connection::{Connection, Lost, Publish, Told},
    settings::Broker,
};
use crate::{
    api::{SharedIngest, now},
    metrics,
};

pub(crate) use self::message::Unusable;

/// Messages that are held at most; then no more are read, until some are acknowledged.
const MAX_HELD: usize = 1_024;
/// Bytes of them, likewise. A longer message is held alone.
const MAX_HELD_BYTES: usize = 16 << 20;
/// After a connection ended, the next one is tried after this time, and then after twice as long each
/// time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A broker that is back is found within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What is sent last is sent within this time.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Takes what comes from the broker until ingest is stopping; then has what was taken made durable,
/// acknowledges that, and leaves.
pub(crate) async fn follow(ingest: SharedIngest, broker: &Broker) {
    metrics::describe_mqtt();
    let connection = Connection::new(broker);
    let number = Number::default();
    let (held, arrived) = mpsc::channel(MAX_HELD);
    let appending = Appending {
        ingest: ingest.clone(),
        fleet: broker.fleet,
        acks: connection.acks(),
        number: number.clone(),
    };
    let mut reading = Reading {
        ingest,
        connection,
        number,
        room: Arc::new(Semaphore::new(MAX_HELD_BYTES)),
        is_connected: false,
        pause: FIRST_PAUSE,
        address: broker.address(),
    };
    let appended = appending.run(arrived);
    tokio::pin!(appended);
    tokio::select! {
        () = &mut appended => {}
        () = reading.read(held) => reading.wait(appended).await,
    }
    reading.leave().await;
    metrics::mqtt_connected(0.0);
}

/// The messages that a connection brings.
struct Reading {
    ingest: SharedIngest,
    connection: Connection,
    number: Number,
    room: Arc<Semaphore>,
    is_connected: bool,
    pause: Duration,
    address: String,
}

impl Reading {
    /// Hands over messages until ingest is stopping.
    async fn read(&mut self, held: Sender<Held>) {
        let stopping = self.ingest.stopping.clone();
        while let Some(told) = stopping.unless_requested(self.connection.next()).await {
            let next = self.notice(told, &held);
            if stopping.unless_requested(next).await.is_none() {
                return;
            }
        }
    }

    async fn notice(&mut self, told: Result<Told, Lost>, held: &Sender<Held>) {
        match told {
            Ok(Told::Published(publish)) => self.hold(publish, held).await,
            Ok(Told::Subscribed(refused)) => self.connected(refused),
            Ok(Told::Left | Told::Nothing) => {}
            Err(lost) => {
                self.disconnected(&lost);
                sleep(self.pause).await;
                self.pause = LONGEST_PAUSE.min(self.pause * 2);
            }
        }
    }

    /// Waits for room before the next message is read.
    async fn hold(&mut self, publish: Publish, held: &Sender<Held>) {
        let bytes = publish.payload().len().clamp(1, MAX_HELD_BYTES);
        let share = self.room.clone().acquire_many_owned(bytes as u32).await;
        // Neither is closed while messages are read; what is not held is not acknowledged.
        let (Ok(share), Ok(place)) = (share, held.reserve().await) else {
            return;
        };
        place.send(Held::new(publish, self.number.now(), now(), share));
    }

    fn connected(&mut self, refused: usize) {
        self.is_connected = true;
        self.pause = FIRST_PAUSE;
        metrics::mqtt_connected(1.0);
        let broker = &self.address;
        if refused > 0 {
            warn!(%broker, refused, "the MQTT broker refuses topics: nothing comes from there");
        } else {
            info!(%broker, "subscribed at the MQTT broker");
        }
    }

    fn disconnected(&mut self, lost: &Lost) {
        self.is_connected = false;
        self.number.advance();
        metrics::mqtt_connected(0.0);
        let (broker, again_s) = (&self.address, self.pause.as_secs());
        warn!(%broker, error = %lost, again_s, "no connection to the MQTT broker");
    }

    /// Sends acknowledgements until there are no more. What else comes will come again.
    async fn wait(&mut self, appended: impl Future<Output = ()>) {
        tokio::pin!(appended);
        while self.is_connected {
            tokio::select! {
                () = &mut appended => return,
                told = self.connection.next() => {
                    if let Err(lost) = told {
                        self.disconnected(&lost);
                    }
                }
            }
        }
        appended.await;
    }

    /// Sends what is to be sent and says that we leave, so that the broker keeps what comes from now on.
    async fn leave(&mut self) {
        if !self.is_connected || self.connection.leave().is_err() {
            return;
        }
        let leaving =
            async { while !matches!(self.connection.next().await, Ok(Told::Left) | Err(_)) {} };
        if timeout(LAST_WORDS, leaving).await.is_err() {
            warn!(broker = %self.address, "the MQTT broker does not hear that we leave");
        }
    }
}
