//! Thousands of vehicles on WebSockets: what a connection takes of memory, and that nothing is lost when
//! the server ends under them and another takes its place. It measures no time of answers.

use std::{
    env,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::server::{Server, free_address};

/// Each is one connection.
const VEHICLES: usize = 10_000;
/// So many connect at once.
const CONNECTING: usize = 200;
/// Every vehicle sends so often, for so long, before the restart and after it.
const INTERVAL: Duration = Duration::from_secs(10);
const ROUNDS: u64 = 3;

/// Measures, and prints.
pub(crate) async fn run() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let address = free_address()?;
    let server = Server::start(data.path(), address, &["--insecure-demo"])?;
    let before = server.resident()?;
    let acked = Arc::new(AtomicU64::new(0));
    let mut vehicles = JoinSet::new();
    let connected = Arc::new(AtomicU64::new(0));
    for vehicle in 0..VEHICLES {
        let (acked, connected) = (acked.clone(), connected.clone());
        vehicles.spawn(async move {
            Vehicle::new(vehicle, address)
                .drive(&acked, &connected)
                .await
        });
        if vehicle % CONNECTING == 0 {
            sleep(Duration::from_millis(100)).await;
        }
    }
    while connected.load(Ordering::SeqCst) < VEHICLES as u64 {
        sleep(Duration::from_millis(100)).await;
    }
    let idle = server.resident()?;
    // All have sent, and were answered.
    while acked.load(Ordering::SeqCst) < VEHICLES as u64 {
        sleep(Duration::from_millis(100)).await;
    }
    let busy = server.resident()?;
    let a_socket =
        |resident: u64| resident.saturating_sub(before) as f64 / VEHICLES as f64 / 1024.0;
    println!(
        "{VEHICLES} WebSockets: {:.1} KiB each when all were open, {:.1} KiB when all had sent",
        a_socket(idle),
        a_socket(busy)
    );
    server.stop()?;
    let began = Instant::now();
    let server = Server::start(data.path(), address, &["--insecure-demo"])?;
    println!(
        "the server was ended and another started, in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    while let Some(ended) = vehicles.join_next().await {
        ended??;
    }
    let sent = VEHICLES as u64 * ROUNDS * 2;
    println!(
        "{} pings acknowledged of {sent}",
        acked.load(Ordering::SeqCst)
    );
    server.stop()?;
    let rows =
        Command::new(env::var("HANSOM_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned()))
            .args(["-c", COUNT])
            .arg(data.path().join("archive"))
            .output();
    let rows = String::from_utf8(rows?.stdout)?;
    println!("rows and names in the archive: {}", rows.trim());
    Ok(())
}

/// Counts rows and names.
const COUNT: &str = "import duckdb, sys; print(duckdb.sql(f\"select count(*), count(distinct (vehicle_id, \
    epoch, seq)) from '{sys.argv[1]}/pings/*/*/*.parquet'\").fetchall()[0])";

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// An app, which keeps what is not acknowledged.
struct Vehicle {
    id: usize,
    address: SocketAddr,
    sent: u64,
    acked: u64,
}

impl Vehicle {
    fn new(id: usize, address: SocketAddr) -> Self {
        Self {
            id,
            address,
            sent: 0,
            acked: 0,
        }
    }

    /// Sends its pings, over as many connections as that takes.
    async fn drive(mut self, acked: &AtomicU64, connected: &AtomicU64) -> anyhow::Result<()> {
        let mut is_first = true;
        while self.acked < ROUNDS * 2 {
            let Ok(mut socket) = self.connect().await else {
                sleep(Duration::from_millis(500)).await;
                continue;
            };
            if std::mem::take(&mut is_first) {
                connected.fetch_add(1, Ordering::SeqCst);
                while connected.load(Ordering::SeqCst) < VEHICLES as u64 {
                    sleep(Duration::from_millis(500)).await;
                }
                // After all are measured idle.
                sleep(Duration::from_secs(2)).await;
            }
            // What the last connection left open goes first.
            self.sent = self.acked;
            let _lost = self.send_on(&mut socket, acked).await;
        }
        Ok(())
    }

    async fn send_on(&mut self, socket: &mut Socket, acked: &AtomicU64) -> anyhow::Result<()> {
        while self.acked < ROUNDS * 2 {
            self.sent += 1;
            socket
                .send(Message::text(self.ping(self.sent).to_string()))
                .await?;
            loop {
                let answer = socket.next().await.context("it ended")??;
                if let Message::Text(text) = answer {
                    let ack: Value = serde_json::from_str(&text)?;
                    ensure!(ack["last"]["seq"] == self.sent, "{ack}");
                    break;
                }
            }
            acked.fetch_add(1, Ordering::SeqCst);
            self.acked = self.sent;
            sleep(INTERVAL).await;
        }
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<Socket> {
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(1 << 10)
            .write_buffer_size(0);
        let url = format!("ws://{}/v1/stream", self.address);
        let stream = MaybeTlsStream::Plain(stream);
        let opening = client_async_with_config(url, stream, Some(config));
        Ok(timeout(Duration::from_secs(30), opening).await??.0)
    }

    fn ping(&self, seq: u64) -> Value {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        json!({
            "vehicle_id": format!("cab-{}", self.id), "epoch": 1, "seq": seq,
            "time_ms": now.as_millis() as u64, "lat": 37.77, "lng": -122.42,
        })
    }
}
