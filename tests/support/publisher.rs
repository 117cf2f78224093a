//! An app that publishes by MQTT 3.1.1 or 5, and goes away once the broker has all that it said. What
//! becomes of it there is the broker's and ingest's matter.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
};

use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS, v5};

use super::program::wait;

/// The largest packet that it sends.
const MAX_PACKET_BYTES: usize = 1 << 20;

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V5,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::V3, Self::V5];

    /// As it stands in the URL of a broker.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V5 => 5,
        }
    }
}

/// What an app says.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// Whether the broker tells it also those who come later.
    pub(crate) is_retained: bool,
}

impl Message {
    /// One that is told to those who are there.
    pub(crate) fn new(topic: &str, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.into(),
            is_retained: false,
        }
    }
}

/// An app.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    broker: SocketAddr,
    version: Version,
    credentials: Option<(String, String)>,
}

impl Publisher {
    /// One that says who it is to nobody.
    pub(crate) fn new(broker: SocketAddr, version: Version) -> Self {
        Self {
            broker,
            version,
            credentials: None,
        }
    }

    /// The same as a user with a password.
    pub(crate) fn with(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Publishes what is to be acknowledged, and waits until the broker has acknowledged all.
    pub(crate) fn publish(&self, messages: Vec<Message>) {
        match self.version {
            Version::V3 => wait(self.publish_v3(messages)),
            Version::V5 => wait(self.publish_v5(messages)),
        }
    }

    async fn publish_v3(&self, messages: Vec<Message>) {
        let (host, port) = (self.broker.ip().to_string(), self.broker.port());
        let mut options = MqttOptions::new(name(), host, port);
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password);
        }
        let mut open = messages.len();
        let (client, mut events) = AsyncClient::new(options, open + 1);
        for message in messages {
            let (topic, is_retained) = (message.topic, message.is_retained);
            let said = client.publish(topic, QoS::AtLeastOnce, is_retained, message.payload);
            said.await.unwrap();
        }
        while open > 0 {
            if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.unwrap() {
                open -= 1;
            }
        }
        client.disconnect().await.unwrap();
        while events.poll().await.unwrap() != Event::Outgoing(Outgoing::Disconnect) {}
    }

    async fn publish_v5(&self, messages: Vec<Message>) {
        use v5::{
            Event,
            mqttbytes::{QoS, v5::Packet},
        };
        let (host, port) = (self.broker.ip().to_string(), self.broker.port());
        let mut options = v5::MqttOptions::new(name(), host, port);
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password);
        }
        let mut open = messages.len();
        let (client, mut events) = v5::AsyncClient::new(options, open + 1);
        for message in messages {
            let (topic, is_retained) = (message.topic, message.is_retained);
            let said = client.publish(topic, QoS::AtLeastOnce, is_retained, message.payload);
            said.await.unwrap();
        }
        while open > 0 {
            if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.unwrap() {
                open -= 1;
            }
        }
        client.disconnect().await.unwrap();
        while events.poll().await.unwrap() != Event::Outgoing(Outgoing::Disconnect) {}
    }
}

/// A name that no other client of a broker has.
fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("app-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
