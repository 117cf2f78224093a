//! The stream against ferrokinesis, a server by others, and moto, which keeps the leases.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::Credentials;
use faults::servers::{Kinesis, KinesisOptions};

use super::*;
use crate::conformance::{self, Delivery};

/// A stream of its own on a server.
async fn open(kinesis: &Kinesis, options: &str) -> Arc<dyn Stream> {
    static STREAMS: AtomicU32 = AtomicU32::new(0);
    let name = format!("stream-{}", STREAMS.fetch_add(1, Ordering::Relaxed));
    kinesis.create_stream(&name, 2).await;
    open_named(kinesis, &name, options).await
}

async fn open_named(kinesis: &Kinesis, name: &str, options: &str) -> Arc<dyn Stream> {
    let url = format!(
        "kinesis://{name}?region=us-east-1&endpoint=http://{}&{options}",
        kinesis.address()
    );
    let credentials = Credentials::from_keys("key", "secret", None);
    let loader = ConfigLoader::default().credentials_provider(credentials);
    Arc::new(KinesisStream::open_by(&url, loader).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_stream() {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    let options = "linger=2ms&poll=10ms&failover=1s";
    conformance::run(Delivery::Once, async || open(&kinesis, options).await).await;
}
