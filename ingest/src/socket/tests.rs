//! WebSockets as apps open them, by another implementation, on the real in-memory stream and on
//! streams with faults.

use std::{net::SocketAddr, sync::Arc};

use access::Guard;
use buffa::MessageView as _;
use futures_util::{SinkExt as _, StreamExt as _};
use schemas::proto;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};
use transport::{AppendError, Appended, Producer};

use super::*;
use crate::tests::{Service, faulty, now_ms, ping, settings, standing_still};
use crate::{api::Ingest, session::MAX_SESSIONS};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An ingest that listens.
struct Listening {
    ingest: Arc<Ingest>,
    address: SocketAddr,
}

impl Listening {
    async fn on(producer: Arc<dyn Producer>) -> Self {
        let ingest = Ingest::new(
            settings(&[]),
            [producer.clone(), producer],
            Guard::open().into(),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = crate::api::router(ingest.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { ingest, address }
    }

    async fn connect(&self) -> Client {
        connect_async(self.url()).await.unwrap().0
    }

    fn url(&self) -> String {
        format!("ws://{}/v1/stream", self.address)
    }
}

async fn say(client: &mut Client, message: &Value) {
    client
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

/// The next acknowledgement.
async fn ack(client: &mut Client) -> Value {
    loop {
        match client.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Code and reason of the close that comes next.
async fn closed(client: &mut Client) -> (u16, String) {
    loop {
        match client.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                return (frame.code.into(), frame.reason.to_string());
            }
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_on_the_stream_and_counts_all_that_was_sent_before() {
    let service = Service::start(&[]).await;
    let listening = Listening::on(service.stream.producer()).await;
    let mut client = listening.connect().await;
    say(&mut client, &ping(1)).await;
    let first = ack(&mut client).await;
    let last = json!({"vehicle_id": "cab-1", "epoch": 1, "seq": 1});
    assert_eq!(first, json!({"items": 1, "last": last}));
    say(
        &mut client,
        &json!([ping(2), {"vehicle_id": "cab-1"}, ping(3)]),
    )
    .await;
    let second = ack(&mut client).await;
    assert_eq!(second["items"], 4);
    assert_eq!(second["last"]["seq"], 3);
    assert_eq!(
        second["rejected"][0]["index"], 2,
        "it is the third of the connection"
    );
    assert_eq!(second["rejected"][0]["code"], "wrong_shape");
    let archived = service.archived(3).await;
    let protocols = archived.iter().map(|record| match record {
        schemas::Record::Ping(ping) => ping.protocol,
        other => panic!("{other:?}"),
    });
    let websocket = schemas::Protocol::WebsocketJson;
    assert_eq!(protocols.collect::<Vec<_>>(), [websocket; 3]);
}

#[tokio::test]
async fn messages_that_wait_are_acknowledged_together() {
    let service = Service::start(&[]).await;
    let listening = Listening::on(service.stream.producer()).await;
    let mut client = listening.connect().await;
    for seq in 1..=1_000 {
        client
            .feed(Message::text(ping(seq).to_string()))
            .await
            .unwrap();
    }
    client.flush().await.unwrap();
    let (mut acks, mut items) = (0, 0);
    while items < 1_000 {
        let ack = ack(&mut client).await;
        acks += 1;
        assert!(ack["items"].as_u64().unwrap() > items);
        items = ack["items"].as_u64().unwrap();
        assert_eq!(ack["last"]["seq"], items, "none is left out");
    }
    assert!(acks < 500, "{acks}");
    assert_eq!(service.archived(1_000).await.len(), 1_000);
}

#[tokio::test]
async fn protobuf_is_answered_with_protobuf() {
    let service = Service::start(&[]).await;
    let listening = Listening::on(service.stream.producer()).await;
    let mut client = listening.connect().await;
    let batch = proto::PingBatch {
        pings: vec![proto::Ping {
            vehicle_id: "cab-1".to_owned(),
            epoch: 1,
            seq: 7,
            time_ms: now_ms(),
            lat_e7: 377_700_000,
            lng_e7: -1_224_200_000,
            ..Default::default()
        }],
    };
    let bytes = buffa::Message::encode_to_vec(&batch);
    client.send(Message::binary(bytes)).await.unwrap();
    let Message::Binary(bytes) = client.next().await.unwrap().unwrap() else {
        panic!("no binary message")
    };
    let ack = proto::StreamAckView::decode_view(&bytes).unwrap();
    assert_eq!(
        (ack.items, ack.vehicle_id, ack.epoch, ack.seq),
        (1, "cab-1", 1, 7)
    );
}

#[tokio::test]
async fn what_the_stream_does_not_take_is_not_acknowledged() {
    let unavailable = faulty(|records| Appended {
        failed: vec![(records - 1, AppendError::Unavailable("away".into()))],
    });
    let listening = Listening::on(unavailable).await;
    let mut client = listening.connect().await;
    say(&mut client, &ping(1)).await;
    assert_eq!(closed(&mut client).await.0, code::TRY_AGAIN_LATER);
}

#[tokio::test]
async fn a_stop_tells_what_is_acknowledged_and_waits_for_what_is_under_way() {
    let service = Service::start(&[]).await;
    let listening = Listening::on(service.stream.producer()).await;
    let (mut client, mut idle) = (listening.connect().await, listening.connect().await);
    say(&mut client, &ping(1)).await;
    ack(&mut client).await;
    listening.ingest.stopping.request();
    let (code, reason) = closed(&mut client).await;
    assert_eq!(code, code::GOING_AWAY);
    assert_eq!(reason, "going away, acknowledged to cab-1 1 1");
    assert_eq!(
        closed(&mut idle).await,
        (code::GOING_AWAY, "going away".to_owned())
    );
    let all = listening.ingest.sessions.acquire_many(MAX_SESSIONS as u32);
    let _all = timeout(Duration::from_secs(20), all)
        .await
        .unwrap()
        .unwrap();
    let refused = connect_async(listening.url()).await.unwrap_err();
    assert!(matches!(refused, tungstenite::Error::Http(answer) if answer.status() == 503));
}

#[tokio::test]
async fn what_is_no_ping_at_all_closes_the_connection_and_loses_nothing_before_it() {
    let service = Service::start(&[]).await;
    let listening = Listening::on(service.stream.producer()).await;
    let too_long = "x".repeat(MAX_MESSAGE_BYTES + 1);
    for (message, expected) in [
        (Message::text("[1"), code::POLICY),
        (Message::binary(vec![0xff; 9]), code::POLICY),
        (Message::text(too_long), code::TOO_BIG),
    ] {
        let mut client = listening.connect().await;
        say(&mut client, &ping(1)).await;
        assert_eq!(ack(&mut client).await["items"], 1);
        client.send(message).await.unwrap();
        assert_eq!(closed(&mut client).await.0, expected);
    }
    // Not JSON, but an item by itself: rejected, and the connection goes on.
    let mut client = listening.connect().await;
    client.send(Message::text("nonsense")).await.unwrap();
    assert_eq!(ack(&mut client).await["rejected"][0]["code"], "malformed");
    say(&mut client, &ping(2)).await;
    assert_eq!(ack(&mut client).await["items"], 2);
}

#[tokio::test]
async fn a_page_of_another_site_opens_no_connection() {
    let service = Service::start(&[]).await;
    let listening = Listening::on(service.stream.producer()).await;
    for (origin, expected) in [
        ("https://evil.example".to_owned(), Some(403)),
        (format!("http://{}", listening.address), None),
    ] {
        let mut request = listening.url().into_client_request().unwrap();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let status = match connect_async(request).await {
            Ok(_) => None,
            Err(tungstenite::Error::Http(answer)) => Some(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(status, expected, "{origin}");
    }
}

#[tokio::test]
async fn who_asks_for_no_websocket_is_told() {
    let listening = Listening::on(standing_still()).await;
    let url = listening.url().replace("ws://", "http://");
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    let path = url.split_once(&listening.address.to_string()).unwrap().1;
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}
