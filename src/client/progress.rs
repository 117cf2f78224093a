//! The progress of long work: a bar on a terminal, and beside it what cannot wait for the end.

use std::{
    io::{self, Write as _},
    sync::{Arc, Once},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// With a known number of pings.
const BAR: &str = "{bar:40} {human_pos}/{human_len} pings, {per_sec}, {eta} to go";
/// Without.
const SPINNER: &str = "{spinner} {human_pos} pings, {per_sec}, {elapsed}";
/// Redrawn this often even if nothing moves, so that it is seen to live.
const TICK: Duration = Duration::from_millis(200);

/// Who sees the progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// Whoever reads standard error; the bar is there if it is a terminal.
    Terminal,
    /// Nobody.
    Hidden,
}

/// Counts pings for who watches.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    visibility: Visibility,
    told: Arc<Once>,
}

impl Progress {
    /// Starts at 0 of `total`, if that is known.
    pub(crate) fn start(total: Option<u64>, visibility: Visibility) -> Self {
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
        Self {
            bar,
            visibility,
            told: Arc::new(Once::new()),
        }
    }

    pub(crate) fn advance(&self, pings: u64) {
        self.bar.inc(pings);
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Tells something at once; what is told after that is not worth a line.
    pub(super) fn tell_once(&self, words: &str) {
        if self.visibility == Visibility::Hidden {
            return;
        }
        self.told.call_once(|| {
            self.bar.suspend(|| {
                // Nobody is there to be told that nobody can be told.
                let _ = writeln!(io::stderr(), "{words}");
            });
        });
    }
}
