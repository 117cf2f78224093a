//! Cabs that each have a rider on board, and tell where they are once a second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use reqwest::Client;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Requests a second: the pings of a second are spread over them.
const REQUESTS: usize = 50;

/// So many cabs of one fleet.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) cabs: usize,
    pub(crate) ingest: String,
    pub(crate) client: Client,
}

/// Where a cab is at some second.
pub(crate) struct Fix {
    pub(crate) time_ms: i64,
    pub(crate) lat: f64,
    pub(crate) lng: f64,
}

pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as i64
}

/// The name of the ride that a cab has.
pub(crate) fn ride(cab: usize) -> String {
    format!("ride-{cab:05}")
}

/// Where a cab is that has driven for so many seconds, now.
pub(crate) fn fix(cab: usize, seconds: u64) -> Fix {
    let (east, north) = ((cab % 100) as f64 * 1e-3, (cab / 100) as f64 * 1e-3);
    Fix {
        time_ms: now_ms(),
        lat: 37.7 + north + seconds as f64 * 1e-4,
        lng: -122.5 + east,
    }
}

impl Fleet {
    /// Has each cab take a ride.
    pub(crate) async fn begin(&self) -> anyhow::Result<()> {
        let mut begun = JoinSet::new();
        for cab in 0..self.cabs {
            let Fix { time_ms, lat, lng } = fix(cab, 0);
            let (far, client) = (lat + 0.05, self.client.clone());
            let url = format!("{}/v1/rides/{}/events", self.ingest, ride(cab));
            let events = [
                json!({"type": "assigned", "pickup": {"lat": lat, "lng": lng},
                       "dropoff": {"lat": far, "lng": lng}}),
                json!({"type": "picked_up"}),
            ];
            begun.spawn(async move {
                for (at, mut event) in events.into_iter().enumerate() {
                    event["vehicle_id"] = format!("cab-{cab:05}").into();
                    event["time_ms"] = (time_ms + at as i64).into();
                    let answer = client.post(&url).json(&event).send().await?;
                    ensure!(answer.status().is_success(), "{}", answer.text().await?);
                }
                Ok(())
            });
            if begun.len() >= REQUESTS
                && let Some(done) = begun.join_next().await
            {
                done??;
            }
        }
        while let Some(done) = begun.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Drives for so long.
    pub(crate) async fn drive(&self, time: Duration) -> anyhow::Result<()> {
        let mut ticks = interval(Duration::from_secs(1) / REQUESTS as u32);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sent = JoinSet::new();
        for seconds in 1..=time.as_secs() {
            for part in 0..REQUESTS {
                ticks.tick().await;
                let lines = self.lines(part, seconds);
                let request = self.client.post(format!("{}/v1/pings", self.ingest));
                let request = request.header("Content-Type", "application/x-ndjson");
                sent.spawn(request.body(lines).send());
            }
            while let Some(done) = sent.try_join_next() {
                ensure!(done??.status().is_success(), "pings are refused");
            }
        }
        while let Some(done) = sent.join_next().await {
            ensure!(done??.status().is_success(), "pings are refused");
        }
        Ok(())
    }

    fn lines(&self, part: usize, seconds: u64) -> String {
        let cabs = (part..self.cabs).step_by(REQUESTS);
        let line = |cab| {
            let Fix { time_ms, lat, lng } = fix(cab, seconds);
            format!(
                "{{\"vehicle_id\":\"cab-{cab:05}\",\"epoch\":1,\"seq\":{seconds},\
                 \"time_ms\":{time_ms},\"lat\":{lat:.7},\"lng\":{lng:.7}}}\n"
            )
        };
        cabs.map(line).collect()
    }
}
