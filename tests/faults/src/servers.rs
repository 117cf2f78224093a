//! The real servers that tests run against: each on a free port of the loopback address, ended when
//! dropped. They are implementations by others of what AWS serves; where they are less careful
//! than AWS, they are made as careful here. What fails is no matter of theirs: see [`crate::Proxy`].

mod kinesis;
mod moto;
mod redis;
mod s3;

use std::{
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

pub use kinesis::{Kinesis, KinesisOptions};
pub use moto::Moto;
pub use redis::Redis;
pub use s3::S3;

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
