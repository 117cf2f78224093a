//! Clients that mean well: a ping a request, at times that do not depend on the answers, so that one
//! that is slow is seen and not waited for.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// What they send.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) to: SocketAddr,
    pub(crate) key: Option<String>,
    /// Each has a connection.
    pub(crate) clients: u32,
    /// Of all of them together.
    pub(crate) pings_per_second: u32,
    pub(crate) lasts: Duration,
}

/// How they were answered.
pub(crate) struct Answers {
    /// Microseconds from the time when a request was due to its answer.
    pub(crate) micros: Histogram<u64>,
    /// Requests that got no 2xx.
    pub(crate) refused: u64,
}

impl Answers {
    /// The time within which this part of the requests was answered, in ms.
    pub(crate) fn ms(&self, quantile: f64) -> f64 {
        self.micros.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

impl Load {
    /// Sends all of it.
    pub(crate) async fn send(self) -> anyhow::Result<Answers> {
        let begin = Instant::now() + Duration::from_millis(100);
        let mut clients = JoinSet::new();
        for client in 0..self.clients {
            clients.spawn(self.clone().send_as(client, begin));
        }
        let mut all = Answers {
            micros: Histogram::new(3)?,
            refused: 0,
        };
        while let Some(answers) = clients.join_next().await {
            let answers = answers??;
            all.micros.add(answers.micros)?;
            all.refused += answers.refused;
        }
        Ok(all)
    }

    async fn send_as(self, client: u32, begin: Instant) -> anyhow::Result<Answers> {
        let http = Client::builder().pool_max_idle_per_host(1).build()?;
        let url = format!("http://{}/v1/pings", self.to);
        let every = Duration::from_secs(1) * self.clients / self.pings_per_second;
        let mut answers = Answers {
            micros: Histogram::new(3)?,
            refused: 0,
        };
        // They are spread over the time between two.
        let mut due = begin + every * client / self.clients;
        let mut seq = 0_u64;
        while due < begin + self.lasts {
            sleep_until(due).await;
            seq += 1;
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let ping = json!({
                "vehicle_id": format!("cab-{client}"), "epoch": since_1970.as_secs() / 1_000, "seq": seq,
                "time_ms": since_1970.as_millis() as u64, "lat": 37.77, "lng": -122.42,
            });
            let mut request = http.post(&url).json(&ping);
            if let Some(key) = &self.key {
                request = request.bearer_auth(key);
            }
            let is_taken = request
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success());
            answers.refused += u64::from(!is_taken);
            answers.micros.record(due.elapsed().as_micros() as u64)?;
            due += every;
        }
        Ok(answers)
    }
}
