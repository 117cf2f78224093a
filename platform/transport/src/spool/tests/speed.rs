//! How fast it is, for who asks: `cargo test --lib -- --ignored --nocapture spool_takes`. It asserts
//! nothing about time.

use std::time::Instant;

use super::*;

const BATCHES: u64 = 2_000;
const RECORDS: u64 = 100;
const APPENDERS: u64 = 16;

/// Appends all, from several appenders at once, of pings of the usual size.
async fn append_all(spooled: &Spooled) -> Duration {
    let began = Instant::now();
    let mut appenders = JoinSet::new();
    for appender in 0..APPENDERS {
        let producer = spooled.producer();
        appenders.spawn(async move {
            for number in 0..BATCHES / APPENDERS {
                let mut batch = Batch::default();
                for record in 0..RECORDS {
                    let key = format!("fleet/{appender}-{record}");
                    batch.add(key.as_bytes(), format!("{number:080}").as_bytes());
                }
                assert!(producer.append(batch).await.failed.is_empty());
            }
        });
    }
    while appenders.join_next().await.is_some() {}
    began.elapsed()
}

fn tell(what: &str, took: Duration) {
    let rate = (BATCHES * RECORDS) as f64 / took.as_secs_f64();
    println!("{what}: {rate:.0} records/s");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn so_much_the_spool_takes_and_forwards_in_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Calm);
    let spooled = open(&sky, directory.path()).await;
    tell("direct", append_all(&spooled).await);
    sky.turn(Weather::Down);
    tell("spooled", append_all(&spooled).await);
    sky.turn(Weather::Slow(Duration::from_millis(20)));
    let began = Instant::now();
    while spooled.live.left() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tell("forwarded, 20 ms a call", began.elapsed());
}
