//! Random interleavings of appends by several vehicles with outages of every kind and restarts: what
//! was acked is there, and first occurrences come in the order of the appends.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::lock::locked;

const SEEDS: u64 = 24;
const CABS: u64 = 5;
const APPENDS: u64 = 60;

/// A cab's records that were acked, of one lane, in the order of their appends.
type Acked = Arc<Mutex<HashMap<String, Vec<u64>>>>;

/// The spool that there is now.
type Current = Arc<watch::Sender<Option<Arc<Spooled>>>>;

async fn pause(random: &mut StdRng, most_ms: u64) {
    let ms = random.random_range(0..=most_ms);
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Appends, mostly one after another, at times two at once, and at times it does not wait.
async fn drive(cab: u64, seed: u64, current: Current, acked: Acked) {
    let mut random = StdRng::seed_from_u64(seed * 1_000 + cab);
    let key = format!("cab-{cab}");
    let mut counter = 0;
    let mut current = current.subscribe();
    while counter < APPENDS {
        let spooled = current.wait_for(Option::is_some).await.unwrap().clone();
        let producer = match cab {
            0 => spooled.unwrap().backfill(),
            _ => spooled.unwrap().producer(),
        };
        let begin = counter;
        counter += 2;
        let appends = async {
            // The first is polled first.
            tokio::join!(
                producer.append(batch([(&*key, begin), ("all", begin)])),
                producer.append(batch([(&*key, begin + 1)])),
            )
        };
        let most_ms = if random.random_bool(0.2) { 100 } else { 60_000 };
        let appended = timeout(Duration::from_millis(most_ms), appends).await;
        if let Ok((first, second)) = appended {
            for (counter, appended) in [(begin, first), (begin + 1, second)] {
                if appended.failed.is_empty() {
                    let mut acked = locked(&acked);
                    acked.entry(key.clone()).or_default().push(counter);
                }
            }
        }
        pause(&mut random, 300).await;
    }
}

async fn change_the_weather(seed: u64, sky: Sky) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let wait = Duration::from_millis(random.random_range(0..3_000));
        sky.turn(match random.random_range(0..7) {
            0 | 1 => Weather::Calm,
            2 => Weather::Down,
            3 => Weather::Hangs,
            4 => Weather::Late(wait),
            5 => Weather::Lies,
            _ => Weather::Slow(wait / 3),
        });
        pause(&mut random, 1_500).await;
    }
}

/// Drops the spool ever again, as a kill does, and opens it again.
async fn restart(seed: u64, sky: Sky, directory: PathBuf, current: Current) {
    let mut random = StdRng::seed_from_u64(!seed);
    loop {
        pause(&mut random, 6_000).await;
        current.send_replace(None);
        current.send_replace(Some(Arc::new(open(&sky, &directory).await)));
    }
}

async fn check(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Calm);
    let spooled = Arc::new(open(&sky, directory.path()).await);
    let current: Current = Arc::new(watch::Sender::new(Some(spooled)));
    let acked = Acked::default();
    let mut trouble = JoinSet::new();
    trouble.spawn(change_the_weather(seed, sky.clone()));
    let path = directory.path().to_path_buf();
    trouble.spawn(restart(seed, sky.clone(), path, current.clone()));
    let mut cabs = JoinSet::new();
    for cab in 0..CABS {
        cabs.spawn(drive(cab, seed, current.clone(), acked.clone()));
    }
    while let Some(ended) = cabs.join_next().await {
        ended.unwrap();
    }
    trouble.shutdown().await;
    sky.turn(Weather::Calm);
    current.send_replace(None);
    let spooled = open(&sky, directory.path()).await;
    while spooled.live.left() + spooled.backfill.left() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    spooled.close().await.unwrap();
    let acked = locked(&acked).clone();
    assert!(!acked.is_empty());
    assert_kept(&sky.taken(), &acked);
}

#[tokio::test(start_paused = true)]
async fn what_was_acked_comes_through_in_order_whatever_happens() {
    for seed in 0..SEEDS {
        check(seed).await;
    }
}
