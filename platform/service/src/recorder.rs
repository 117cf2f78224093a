//! The metrics of this process: one recorder, installed once, that renders them as Prometheus
//! text. Which metrics there are is said in the `metrics.rs` of each crate.

use std::sync::OnceLock;

use anyhow::anyhow;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::process;

/// Buckets of every histogram `.._seconds`: from a function call to a stuck request, with the
/// most detail where answers over a network lie.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 60.0, 300.0, 900.0,
];

/// Buckets of every histogram `.._error_seconds`: how far off is what people were told, from what
/// nobody minds to what everybody does.
const ERROR_SECONDS: &[f64] = &[15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1_200.0];

/// Buckets of every histogram `.._bytes`: from a record to an archive file, by fours.
const BYTES: &[f64] = &[
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
];

/// Buckets of every other histogram: counts, from one record to a large batch.
const COUNTS: &[f64] = &[
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    1_000.0,
    2_000.0,
    5_000.0,
    10_000.0,
    100_000.0,
    1_000_000.0,
];

/// Renders the metrics of this process.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// The metrics of this process, recorded from the first call on.
    ///
    /// # Errors
    /// An error where metrics go to a recorder that is not ours.
    pub(crate) fn install() -> anyhow::Result<Self> {
        static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        match INSTALLED.get_or_init(|| new_recorder().map_err(|error| format!("{error:#}"))) {
            Ok(handle) => Ok(Self(handle.clone())),
            Err(reason) => Err(anyhow!("record metrics: {reason}")),
        }
    }

    /// All metrics as Prometheus text, those of the operating system for this process among them.
    pub(crate) fn render(&self) -> String {
        let mut text = self.0.render();
        if let Some(process) = process::read() {
            text.push_str(&process.to_string());
        }
        text
    }

    /// Folds what histograms have gathered, so that memory stays bounded when nobody scrapes.
    pub(crate) fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}

fn new_recorder() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        // Of endings that a name has, the first by the alphabet counts: this one, before `_seconds`.
        .set_buckets_for_metric(Matcher::Suffix("_error_seconds".to_owned()), ERROR_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| anyhow!("{error}"))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_a_process_are_one_set() {
        let (first, second) = (Metrics::install().unwrap(), Metrics::install().unwrap());
        metrics::counter!("one_set_total").increment(1);
        metrics::counter!("one_set_total").increment(1);
        for metrics in [first, second] {
            assert!(
                metrics.render().contains("one_set_total 2\n"),
                "{}",
                metrics.render()
            );
        }
    }

    #[test]
    fn histograms_have_buckets_that_suit_their_unit() {
        let installed = Metrics::install().unwrap();
        metrics::describe_histogram!(
            "call_seconds",
            metrics::Unit::Seconds,
            "How long calls take."
        );
        metrics::histogram!("call_seconds").record(0.003);
        metrics::histogram!("arrival_error_seconds").record(150.0);
        metrics::histogram!("call_bytes").record(5_000.0);
        metrics::histogram!("call_records").record(3.0);
        installed.run_upkeep();
        let text = installed.render();
        for line in [
            "# HELP call_seconds How long calls take.",
            "# TYPE call_seconds histogram",
            "call_seconds_bucket{le=\"0.0025\"} 0",
            "call_seconds_bucket{le=\"0.005\"} 1",
            "call_seconds_count 1",
            "arrival_error_seconds_bucket{le=\"120\"} 0",
            "arrival_error_seconds_bucket{le=\"180\"} 1",
            "call_bytes_bucket{le=\"4096\"} 0",
            "call_bytes_bucket{le=\"16384\"} 1",
            "call_records_bucket{le=\"2\"} 0",
            "call_records_bucket{le=\"5\"} 1",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in {text}"
            );
        }
    }
}
