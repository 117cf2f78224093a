//! The progress bar of long work: on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// With a known number of pings.
const BAR: &str = "{bar:40} {human_pos}/{human_len} pings, {per_sec}, {eta} to go";
/// Without.
const SPINNER: &str = "{spinner} {human_pos} pings, {per_sec}, {elapsed}";
/// Redrawn this often even if nothing moves, so that it is seen to live.
const TICK: Duration = Duration::from_millis(200);

/// Who sees the progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Standard error, if it is a terminal.
    Terminal,
    /// Nobody.
    Hidden,
}

/// Counts pings for who watches.
#[derive(Debug, Clone)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Starts at 0 of `total`, if that is known.
    pub fn start(total: Option<u64>, visibility: Visibility) -> Self {
        let target = match visibility {
            Visibility::Terminal => ProgressDrawTarget::stderr(),
            Visibility::Hidden => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = if total.is_some() { BAR } else { SPINNER };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }

    pub(super) fn advance(&self, pings: u64) {
        self.0.inc(pings);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
