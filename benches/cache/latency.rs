//! How long after its fix a ping is seen by who watches its ride, over HTTP, and what that costs.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use faults::servers::Redis;
use futures_util::StreamExt as _;
use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    fleet::{Fleet, now_ms, ride},
    program::Program,
};

/// Each tells where it is once a second.
const CABS: usize = 5_000;
/// Rides that somebody watches.
const WATCHED: usize = 200;
const TIME: Duration = Duration::from_mins(1);

/// Measures and prints.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let redis = Redis::start("latency").context("redis-server is not installed")?;
    let program = Program::start(&format!("redis://{}", redis.address()))?;
    let fleet = Fleet {
        cabs: CABS,
        ingest: program.ingest.clone(),
        client: Client::new(),
    };
    fleet.begin().await?;
    let driving = tokio::spawn(async move { fleet.drive(TIME).await });
    // The first second has the rides' beginning in it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let until = Instant::now() + TIME - Duration::from_secs(3);
    let mut watching = JoinSet::new();
    for cab in (0..CABS).step_by(CABS / WATCHED) {
        let url = format!("{}/v1/rides/{}/events", program.live, ride(cab));
        watching.spawn(watch(url, until));
    }
    let (cpu, before) = (program.cpu_seconds(), Used::of(&redis)?);
    let mut seen = Histogram::<u64>::new(3)?;
    while let Some(watched) = watching.join_next().await {
        seen.add(watched??)?;
    }
    let (cpu, after) = (program.cpu_seconds() - cpu, Used::of(&redis)?);
    driving.await??;
    ensure!(!seen.is_empty(), "nobody saw anything");
    let pings = CABS as f64 * (TIME.as_secs_f64() - 3.0);
    println!(
        "5,000 pings/s, flush interval 100 ms: seen by {WATCHED} watchers {} times, after p50 {} ms, \
         p99 {} ms, at most {} ms",
        seen.len(),
        seen.value_at_quantile(0.5),
        seen.value_at_quantile(0.99),
        seen.max(),
    );
    let writes = after.writes - before.writes;
    println!(
        "of {pings} pings {writes} writes of rides and vehicles, {:.0} bytes each; CPU a ping: program \
         {:.1} us, Redis {:.1} us",
        (after.bytes_in - before.bytes_in) / writes,
        cpu * 1e6 / pings,
        (after.cpu_seconds - before.cpu_seconds) * 1e6 / pings,
    );
    println!("lag of the cache behind the stream, by its own metric:");
    for (bound, count) in program
        .metric("hansom_processor_cache_lag_seconds_bucket")
        .await?
    {
        println!("    {bound} {count}");
    }
    Ok(())
}

/// How many milliseconds after its fix each state of a ride was seen. The first is no news: it is
/// the ride as it was when the watching began.
async fn watch(url: String, until: Instant) -> anyhow::Result<Histogram<u64>> {
    let mut seen = Histogram::new(3)?;
    let answer = reqwest::get(url).await?.error_for_status()?;
    let mut chunks = answer.bytes_stream();
    let mut text = String::new();
    let mut is_news = false;
    while let Ok(Some(chunk)) = timeout_at(until, chunks.next()).await {
        text.push_str(std::str::from_utf8(&chunk?)?);
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else {
                continue;
            };
            let ride: Value = serde_json::from_str(data)?;
            let fix_ms = ride["as_of_ms"].as_i64().context("a time")?;
            if is_news {
                seen.record((now_ms() - fix_ms).max(0) as u64)?;
            }
            is_news = true;
        }
    }
    Ok(seen)
}

/// What a server has done so far.
struct Used {
    writes: f64,
    bytes_in: f64,
    cpu_seconds: f64,
}

impl Used {
    fn of(redis: &Redis) -> anyhow::Result<Self> {
        let port = redis.address().port().to_string();
        let told = Command::new("redis-cli")
            .args(["-p", &port, "info", "everything"])
            .output()?;
        let told = String::from_utf8(told.stdout)?;
        let value = |name: &str| -> anyhow::Result<f64> {
            let line = told.lines().find_map(|line| line.strip_prefix(name));
            let value = line.with_context(|| format!("{name} in Redis' info"))?;
            let value = value.split(',').next().unwrap_or(value);
            Ok(value.trim().parse()?)
        };
        Ok(Self {
            writes: value("cmdstat_evalsha:calls=")?,
            bytes_in: value("total_net_input_bytes:")?,
            cpu_seconds: value("used_cpu_user:")? + value("used_cpu_sys:")?,
        })
    }
}
