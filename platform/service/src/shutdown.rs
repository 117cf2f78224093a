//! The way out: a request to stop that many tasks can wait for, and the signals that make it.
//! What a service does before it stops is its own business.

use std::{process, thread, time::Duration};

use anyhow::Context;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    time,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// The exit code when work was still going on at the end of the grace period.
const OUT_OF_GRACE: i32 = 1;

/// A request to stop, made once and for ever. Clones are the same request.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A request that nobody has made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A request that is made together with this one, or alone before it.
    ///
    /// A stage that has to stop *after* this one gets a [`Shutdown::new`] of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Makes the request; a second time changes nothing.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Says whether the request is made.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the request is made. May be dropped safely.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Does `work`, which may be dropped safely; None if the request is made before it is done.
    pub async fn unless_requested<Done>(&self, work: impl Future<Output = Done>) -> Option<Done> {
        self.0.run_until_cancelled(work).await
    }
}

/// Lets SIGTERM and SIGINT request `shutdown`, from now on and for the rest of the process.
///
/// Once it is requested, by a signal or by whom else, the process has `grace` to end by itself,
/// else it exits with 1; a signal after that makes it exit at once. This holds also when the process's own runtime is stuck: the watch has a thread
/// and a runtime of its own.
///
/// # Errors
/// An error where the signals cannot be watched.
pub fn on_signal(shutdown: Shutdown, grace: Duration) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("watch signals")?;
    let signals = {
        let _context = runtime.enter();
        Signals::new()?
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || process::exit(runtime.block_on(watch(signals, &shutdown, grace))))
        .context("watch signals")?;
    Ok(())
}

/// Waits for the first signal, or a shutdown that came otherwise, and returns the code with which
/// a process that is still there must exit.
async fn watch(mut signals: Signals, shutdown: &Shutdown, grace: Duration) -> i32 {
    tokio::select! {
        first = signals.next() => info!(signal = first.name(), ?grace, "shutting down"),
        () = shutdown.requested() => info!(?grace, "shutting down by itself"),
    }
    shutdown.request();
    tokio::select! {
        second = signals.next() => {
            warn!(signal = second.name(), "another signal, exiting at once");
            second.exit_code()
        }
        () = time::sleep(grace) => {
            error!(?grace, "work is not finished at the end of the grace period, exiting");
            OUT_OF_GRACE
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[derive(Clone, Copy)]
enum Stop {
    Terminate,
    Interrupt,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("watch SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("watch SIGINT")?,
        })
    }

    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
        }
    }
}

impl Stop {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// 128 and the signal's number, as a shell says it of a process that a signal ended.
    fn exit_code(self) -> i32 {
        let number = match self {
            Self::Terminate => SignalKind::terminate(),
            Self::Interrupt => SignalKind::interrupt(),
        };
        128 + number.as_raw_value()
    }
}

#[cfg(test)]
mod tests;
