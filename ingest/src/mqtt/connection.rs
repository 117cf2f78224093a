//! A connection to a broker, by MQTT 3.1.1 or 5 alike: what arrives, what is acknowledged, how it ends.
//! It takes nothing that it is not told to, and decides nothing about what a message says.

use std::{sync::Arc, time::Duration};

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Outgoing,
    Packet, QoS, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport, v5,
};
use v5::mqttbytes::v5 as packets;

use super::{
    MAX_HELD,
    message::MAX_MESSAGE_BYTES,
    settings::{Broker, Version},
};

/// The broker is asked so often whether it lives, if nothing else is said.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The broker keeps what it has for us for so long while we are away: what is older than ingest takes
/// by default is of no use.
const SESSION_LASTS: Duration = Duration::from_hours(7 * 24);
/// The most that a broker may send us unacknowledged; a few hundred fill an append.
const MAX_IN_FLIGHT: u16 = 512;
/// Beside its payload a packet has a topic and, in MQTT 5, what senders have attached to it.
const MAX_PACKET_BYTES: usize = MAX_MESSAGE_BYTES + (128 << 10);
/// The longest packet of MQTT 3.1.1, in which nobody can be told of less. One that is too long to be read
/// would come again on every connection, and nothing behind it.
const LONGEST_PACKET_BYTES: usize = 268_435_455;
/// We publish nothing; the library has a place for as many messages as we might.
const MAX_PUBLISHED: u16 = 16;
/// Requests that wait to be sent: an acknowledgement of all that may be held, and some others.
const REQUESTS: usize = 2 * MAX_HELD;

/// A connection, which comes back by itself when it is asked for what comes next.
pub(super) struct Connection {
    wire: Wire,
    acks: Acks,
    topics: Vec<String>,
}

enum Wire {
    V3(Box<EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// A message as it came.
pub(super) enum Publish {
    /// By MQTT 3.1.1.
    V3(rumqttc::Publish),
    /// By MQTT 5.
    V5(Box<packets::Publish>),
}

/// Where acknowledgements go.
#[derive(Clone)]
pub(super) enum Acks {
    /// By MQTT 3.1.1.
    V3(AsyncClient),
    /// By MQTT 5.
    V5(v5::AsyncClient),
}

/// What happens on a connection.
pub(super) enum Told {
    /// A message came.
    Published(Publish),
    /// From now on messages come; of so many topics they do not, because the broker refused them.
    Subscribed(usize),
    /// The broker was told that we leave, and all before that.
    Left,
    /// Nothing that matters.
    Nothing,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// It is of no use to try again before somebody has changed something.
    #[error("the broker refuses the user or the password: {0}")]
    Refused(String),
    /// The network, the broker, or what it says.
    #[error("{0}")]
    Broken(String),
}

impl Connection {
    /// Prepares a connection; nobody is called yet.
    pub(super) fn new(broker: &Broker) -> Self {
        let (wire, acks) = match broker.version {
            Version::V3 => {
                let (client, wire) = AsyncClient::new(options(broker), REQUESTS);
                (Wire::V3(Box::new(wire)), Acks::V3(client))
            }
            Version::V5 => {
                let (client, wire) = v5::AsyncClient::new(options_v5(broker), REQUESTS);
                (Wire::V5(Box::new(wire)), Acks::V5(client))
            }
        };
        Self {
            wire,
            acks,
            topics: broker.topics.clone(),
        }
    }

    /// Where acknowledgements go.
    pub(super) fn acks(&self) -> Acks {
        self.acks.clone()
    }

    /// Sends what is to be sent and waits for what comes. Connects, and subscribes, where there is no
    /// connection. If it is dropped, an acknowledgement may be lost with it.
    ///
    /// # Errors
    /// [`Lost`] when the connection ends. What came by it and is not acknowledged comes again.
    pub(super) async fn next(&mut self) -> Result<Told, Lost> {
        let told = match &mut self.wire {
            Wire::V3(wire) => match wire.poll().await {
                Ok(event) => Ok(told(event)),
                Err(error) => {
                    // What waits there came by the connection that has ended.
                    wire.state.events.clear();
                    Err(lost(&error))
                }
            },
            Wire::V5(wire) => match wire.poll().await {
                Ok(event) => Ok(told_v5(event)),
                Err(error) => {
                    wire.state.events.clear();
                    Err(lost_v5(&error))
                }
            },
        };
        let Some(told) = told? else {
            self.subscribe()?;
            return Ok(Told::Nothing);
        };
        Ok(told)
    }

    /// Asks for every topic, also of a session that the broker remembers: others may be wanted now.
    fn subscribe(&self) -> Result<(), Lost> {
        let topics = self.topics.iter().cloned();
        match &self.acks {
            Acks::V3(client) => {
                let topics = topics.map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
                client.try_subscribe_many(topics).map_err(broken)
            }
            Acks::V5(client) => {
                let topics = topics.map(|topic| packets::Filter {
                    // What a broker retains it has sent already, to a session that it remembers.
                    retain_forward_rule: packets::RetainForwardRule::OnNewSubscribe,
                    ..packets::Filter::new(topic, v5::mqttbytes::QoS::AtLeastOnce)
                });
                client.try_subscribe_many(topics).map_err(broken)
            }
        }
    }

    /// Says, after all acknowledgements so far, that we leave. It is sent by [`Connection::next`].
    ///
    /// # Errors
    /// [`Lost`] where it cannot be said.
    pub(super) fn leave(&self) -> Result<(), Lost> {
        match &self.acks {
            Acks::V3(client) => client.try_disconnect().map_err(broken),
            Acks::V5(client) => client.try_disconnect().map_err(broken),
        }
    }
}

impl Publish {
    pub(super) fn topic(&self) -> &[u8] {
        match self {
            Self::V3(publish) => publish.topic.as_bytes(),
            Self::V5(publish) => &publish.topic,
        }
    }

    pub(super) fn payload(&self) -> &[u8] {
        match self {
            Self::V3(publish) => &publish.payload,
            Self::V5(publish) => &publish.payload,
        }
    }
}

impl Acks {
    /// Acknowledges a message of the connection that there is now.
    ///
    /// # Errors
    /// [`Lost`] where that cannot be said: then it comes again.
    pub(super) fn acknowledge(&self, publish: &Publish) -> Result<(), Lost> {
        match (self, publish) {
            (Self::V3(client), Publish::V3(publish)) => client.try_ack(publish).map_err(broken),
            (Self::V5(client), Publish::V5(publish)) => client.try_ack(publish).map_err(broken),
            _ => Ok(()),
        }
    }
}

fn options(broker: &Broker) -> MqttOptions {
    let mut options = MqttOptions::new(&broker.client_id, &broker.host, broker.port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_inflight(MAX_PUBLISHED)
        .set_max_packet_size(LONGEST_PACKET_BYTES, MAX_PACKET_BYTES);
    if let Some(tls) = &broker.tls {
        options.set_transport(by_tls(tls));
    }
    if let Some((user, password)) = broker.credentials() {
        options.set_credentials(user, password);
    }
    options
}

fn options_v5(broker: &Broker) -> v5::MqttOptions {
    let mut options = v5::MqttOptions::new(&broker.client_id, &broker.host, broker.port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_start(false)
        .set_manual_acks(true)
        .set_session_expiry_interval(Some(SESSION_LASTS.as_secs() as u32))
        .set_receive_maximum(Some(MAX_IN_FLIGHT))
        .set_outgoing_inflight_upper_limit(MAX_PUBLISHED)
        // A broker drops for us what is longer.
        .set_max_packet_size(Some(MAX_PACKET_BYTES as u32));
    if let Some(tls) = &broker.tls {
        options.set_transport(by_tls(tls));
    }
    if let Some((user, password)) = broker.credentials() {
        options.set_credentials(user, password);
    }
    options
}

fn by_tls(tls: &Arc<rustls::ClientConfig>) -> Transport {
    Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone()))
}

/// None where there is a connection now.
fn told(event: Event) -> Option<Told> {
    Some(match event {
        Event::Incoming(Packet::ConnAck(_)) => return None,
        Event::Incoming(Packet::Publish(publish)) => Told::Published(Publish::V3(publish)),
        Event::Incoming(Packet::SubAck(answer)) => {
            let codes = answer.return_codes.iter();
            let refused = codes.filter(|code| matches!(code, SubscribeReasonCode::Failure));
            Told::Subscribed(refused.count())
        }
        Event::Outgoing(Outgoing::Disconnect) => Told::Left,
        Event::Incoming(_) | Event::Outgoing(_) => Told::Nothing,
    })
}

fn told_v5(event: v5::Event) -> Option<Told> {
    use packets::{Packet, SubscribeReasonCode};
    Some(match event {
        v5::Event::Incoming(Packet::ConnAck(_)) => return None,
        v5::Event::Incoming(Packet::Publish(publish)) => {
            Told::Published(Publish::V5(publish.into()))
        }
        v5::Event::Incoming(Packet::SubAck(answer)) => {
            let codes = answer.return_codes.iter();
            let refused = codes.filter(|code| !matches!(code, SubscribeReasonCode::Success(_)));
            Told::Subscribed(refused.count())
        }
        v5::Event::Outgoing(Outgoing::Disconnect) => Told::Left,
        v5::Event::Incoming(_) | v5::Event::Outgoing(_) => Told::Nothing,
    })
}

fn lost(error: &ConnectionError) -> Lost {
    match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
        ) => Lost::Refused(format!("{code:?}")),
        error => broken(error),
    }
}

fn lost_v5(error: &v5::ConnectionError) -> Lost {
    use packets::ConnectReturnCode;
    match error {
        v5::ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
        ) => Lost::Refused(format!("{code:?}")),
        error => broken(error),
    }
}

fn broken(error: impl std::fmt::Display) -> Lost {
    Lost::Broken(error.to_string())
}
