//! The CPU that a process used, as Linux tells it. Nothing is measured here.

use std::fs;

/// Clock ticks a second in /proc (`getconf CLK_TCK` on every Linux of today).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU that a process used so far, of user and system, in seconds.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / TICKS_PER_SECOND
}
