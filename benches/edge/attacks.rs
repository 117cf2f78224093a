//! The time of an acknowledgement for a client that means well, while others attack the same port from
//! the same machine, whose CPU they use as well, in a process of their own.

use std::{
    env, future::pending, io::Write as _, net::SocketAddr, process::Command, time::Duration,
};

use reqwest::{Client, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    good_client::Load,
    server::{Server, free_address, key},
};

/// How long each is measured.
const LASTS: Duration = Duration::from_secs(20);
/// Connections that say nothing.
const IDLE: usize = 10_000;
/// Connections that send a byte of a body a second.
const SLOW: usize = 1_000;
/// Requests a second of those that ask much.
const FORGED_PER_SECOND: u32 = 500;
const BOMBS_PER_SECOND: u32 = 10;
/// Zeros in a bomb.
const BOMB_BYTES: usize = 256 << 20;

#[derive(Debug, Clone, Copy)]
enum Attack {
    None,
    Idle,
    SlowBodies,
    ForgedTokens,
    Bombs,
    HugeHeaders,
}

impl Attack {
    const ALL: [Self; 6] = [
        Self::None,
        Self::Idle,
        Self::SlowBodies,
        Self::ForgedTokens,
        Self::Bombs,
        Self::HugeHeaders,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Idle => "idle",
            Self::SlowBodies => "slow",
            Self::ForgedTokens => "forged",
            Self::Bombs => "bombs",
            Self::HugeHeaders => "huge",
        }
    }
}

/// Measures, and prints.
pub(crate) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("keys.toml");
    let made = key(&file)?;
    let address = free_address()?;
    let flags = [
        "--api-keys",
        file.to_str().unwrap_or_default(),
        "--credential-rate",
        "0",
    ];
    let server = Server::start(&directory.path().join("data"), address, &flags)?;
    println!("acknowledgement of one of 200 pings/s, ms | p50 | p99 | most | refused | p99 / calm");
    let mut calm = None;
    for (name, attack) in [
        ("(first connections)", Attack::None),
        ("calm", Attack::None),
        ("10,000 idle connections", Attack::Idle),
        ("1,000 slow bodies", Attack::SlowBodies),
        ("500 forged tokens/s", Attack::ForgedTokens),
        ("500 huge headers/s", Attack::HugeHeaders),
        ("10 bombs/s with a good key", Attack::Bombs),
        ("calm again", Attack::None),
    ] {
        let mut attackers = Command::new(env::current_exe()?)
            .args(["attack", attack.as_str(), &address.to_string(), &made])
            .spawn()?;
        sleep(Duration::from_secs(2)).await;
        let load = Load {
            to: address,
            key: Some(made.clone()),
            clients: 20,
            pings_per_second: 200,
            lasts: LASTS,
        };
        let answers = load.send().await?;
        attackers.kill()?;
        attackers.wait()?;
        let p99 = answers.ms(0.99);
        let ratio = p99 / *calm.get_or_insert(p99);
        if name.starts_with('(') {
            calm = None;
        }
        println!(
            "{name:<28} | {:>6.2} | {p99:>6.2} | {:>6.1} | {} | {ratio:.2}",
            answers.ms(0.5),
            answers.ms(1.0),
            answers.refused
        );
    }
    server.stop()
}

/// Attacks until it is killed.
pub(crate) async fn attack(name: &str, to: &str, key: &str) -> anyhow::Result<()> {
    let attack = Attack::ALL
        .into_iter()
        .find(|attack| attack.as_str() == name);
    let to: SocketAddr = to.parse()?;
    let mut attackers = JoinSet::new();
    match attack.unwrap_or(Attack::None) {
        Attack::None => {}
        Attack::Idle => {
            for _ in 0..IDLE {
                attackers.spawn(stay(to, Vec::new()));
            }
        }
        Attack::SlowBodies => {
            let head = format!(
                "POST /v1/pings HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n"
            );
            for _ in 0..SLOW {
                attackers.spawn(stay(to, head.clone().into_bytes()));
            }
        }
        Attack::ForgedTokens => {
            let forged = format!("Bearer {}x", &key[..key.len() - 1]);
            attackers.spawn(repeat(to, FORGED_PER_SECOND, forged, Vec::new()));
        }
        Attack::HugeHeaders => {
            let huge = "x".repeat(20_000);
            attackers.spawn(repeat(to, FORGED_PER_SECOND, huge, Vec::new()));
        }
        Attack::Bombs => {
            attackers.spawn(repeat(
                to,
                BOMBS_PER_SECOND,
                format!("Bearer {key}"),
                bomb(),
            ));
        }
    }
    pending().await
}

/// Holds a connection, a byte a second if it has begun to say something, and another after it.
async fn stay(to: SocketAddr, head: Vec<u8>) {
    loop {
        let Ok(mut socket) = TcpStream::connect(to).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        if head.is_empty() {
            // Until the server closes it.
            let _closed = socket.read(&mut [0]).await;
            continue;
        }
        let mut is_open = socket.write_all(&head).await.is_ok();
        while is_open {
            sleep(Duration::from_secs(1)).await;
            is_open = socket.write_all(b" ").await.is_ok();
        }
    }
}

/// Sends the same request so often.
async fn repeat(to: SocketAddr, per_second: u32, authorization: String, body: Vec<u8>) {
    let http = Client::new();
    let url = format!("http://{to}/v1/pings");
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut requests = JoinSet::new();
    loop {
        ticks.tick().await;
        while requests.try_join_next().is_some() {}
        let mut request = http
            .post(&url)
            .header(header::AUTHORIZATION, authorization.as_str())
            .header(header::CONTENT_TYPE, "application/json");
        if !body.is_empty() {
            request = request.header(header::CONTENT_ENCODING, "gzip");
        }
        requests.spawn(request.body(body.clone()).send());
    }
}

fn bomb() -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // To memory one can always write.
    let _written = packed.write_all(&vec![b' '; BOMB_BYTES]);
    packed.finish().unwrap_or_default()
}
