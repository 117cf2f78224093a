//! The real servers that tests run against: each on a free port of the loopback address, ended when
//! dropped. They are implementations by others of what AWS serves, and Kafka; where they are less
//! careful than AWS, they are made as careful here. What fails is no matter of theirs: see [`crate::Proxy`].

mod certificate;
mod kafka;
mod kinesis;
mod ministack;
mod mosquitto;
mod moto;
mod noida;
mod postgres;
mod redis;
mod s3;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::Child,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

pub use certificate::make_certificate;
pub use kafka::Kafka;
pub use kinesis::{Kinesis, KinesisOptions};
pub use ministack::Ministack;
pub use mosquitto::Mosquitto;
pub use moto::Moto;
pub use noida::Noida;
pub use postgres::Postgres;
pub use redis::{Redis, RedisCluster};
pub use s3::S3;

/// A server listens within two seconds, on a machine that is busy within some more.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked whether it listens.
const POLL: Duration = Duration::from_millis(20);

/// A port of the loopback address that is free now, for who cannot be told to choose one; whoever takes
/// it must be quick. It is none of those that the system gives to connections, so that it is free
/// again when a program that had it is killed.
pub fn free_port() -> SocketAddr {
    /// Below what Linux gives to connections (`ip_local_port_range`), from 32768 on.
    const PORTS: u32 = 12_000;
    const FIRST: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (std::process::id().wrapping_mul(97).wrapping_add(next)) % PORTS;
        let address = SocketAddr::from(([127, 0, 0, 1], port as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Waits until a server listens, `name` saying what it is and what it may lack.
#[expect(clippy::panic, reason = "it is for tests")]
fn wait_until_listening(server: &mut Child, address: SocketAddr, name: &str) {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Ok(Some(ended)) = server.try_wait() {
            panic!("it ended before it listened, with {ended}: {name}");
        }
        assert!(begun.elapsed() < PATIENCE, "it does not listen: {name}");
        thread::sleep(POLL);
    }
}
