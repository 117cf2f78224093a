//! What the benchmarks share: a load of pings, and what a process used. It measures nothing itself.

mod cpu;

use schemas::{Ping, Protocol, Timestamp, record, upload::PingUpload};
use transport::Batch;

pub(crate) use cpu::cpu_seconds;

/// Pings a request.
pub(crate) const BATCH: usize = 500;
const VEHICLES: usize = 1_000;
/// 2026-03-02 06:00 UTC.
const START_MS: i64 = 1_772_431_200_000;

/// Pings as an app sends them, a second apart for each vehicle.
pub(crate) fn lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| {
            let (vehicle, seq) = (at % VEHICLES, at / VEHICLES);
            let (east, north) = (
                (vehicle * 37 % 500) as f64 * 1e-4,
                (vehicle / 2) as f64 * 1e-4,
            );
            let way = seq as f64 * 1.1e-4;
            // Noise of a receiver, some metres, the same in every run.
            let noise = |salt: usize| ((at + salt) * 2_654_435_761 % 1_009) as f64 * 4e-8;
            format!(
                "{{\"vehicle_id\":\"cab-{vehicle:05}\",\"driver_id\":\"driver-{vehicle:05}\",\
                 \"epoch\":1,\"seq\":{seq},\"time_ms\":{},\"lat\":{:.7},\"lng\":{:.7},\
                 \"speed_mps\":{:.2},\"heading_deg\":{:.1},\"accuracy_m\":{:.1},\
                 \"state\":\"available\"}}",
                START_MS + seq as i64 * 1_000,
                37.7 + north + way + noise(0),
                -122.5 + east + noise(7),
                12.0 + noise(3) * 1e5,
                (at % 13) as f64 * 0.3 + noise(5) * 1e5,
                4.0 + (at % 5) as f64 * 0.4,
            )
        })
        .collect()
}

/// Reads and checks them as ingest does.
pub(crate) fn parse(lines: &[String]) -> Vec<Ping> {
    let check = |line: &String| {
        let upload: PingUpload = serde_json::from_str(line).ok()?;
        upload.check(Timestamp(START_MS), Protocol::HttpNdjson).ok()
    };
    lines.iter().filter_map(check).collect()
}

/// Packs pings for the stream.
pub(crate) fn batch(pings: &[Ping]) -> Batch {
    let mut batch = Batch::default();
    for ping in pings {
        batch.push(
            |key| record::write_key(ping.fleet, ping.vehicle, key),
            |payload| record::encode_ping(ping, payload),
        );
    }
    batch
}
