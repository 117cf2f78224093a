//! The real servers that tests run against: each on a free port of the loopback address, ended when
//! dropped. They are implementations by others of what AWS serves; where they are less careful
//! than AWS, they are made as careful here. What fails is no matter of theirs: see [`crate::Proxy`].

mod kinesis;
mod moto;
mod redis;
mod s3;

pub use kinesis::{Kinesis, KinesisOptions};
pub use moto::Moto;
pub use redis::Redis;
pub use s3::S3;
