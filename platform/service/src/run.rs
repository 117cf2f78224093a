//! A process that serves, from its start to its end. What it serves, and in which order that ends,
//! is its work's business.

use std::net::SocketAddr;

use anyhow::Context as _;

use crate::{
    Admin, Condition, LogFormat, Readiness, Settings, Shutdown, Stage, on_signal, start_logs,
    use_all_files, use_small_pages,
};

/// What the work of a process is given.
pub struct Process {
    /// Requested by a signal, and when a stage ends unasked: end in order.
    pub stop: Shutdown,
    /// The word on /ready: it says no until the work says yes.
    pub ready: Condition,
    /// Where the admin port listens.
    pub admin: SocketAddr,
}

/// Does `work` as all that this process does: with logs, signals and, from before the work begins
/// until after it has ended, an admin port. `name` is the work's on /ready.
///
/// # Errors
/// An admin port that cannot be bound, and what stopped the work.
pub async fn run(
    name: &'static str,
    settings: &Settings,
    work: impl AsyncFnOnce(Process) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    start_logs(LogFormat::Auto)?;
    use_small_pages();
    use_all_files();
    let admin = Admin::bind(settings.admin).await.context("--admin")?;
    let stop = Shutdown::new();
    on_signal(stop.clone(), settings.grace)?;
    let readiness = Readiness::new();
    let process = Process {
        stop: stop.clone(),
        ready: readiness.condition(name),
        admin: admin.local_addr(),
    };
    let admin = Stage::start("admin", &stop, |drain| admin.serve(readiness, drain));
    let worked = work(process).await;
    worked.and(admin.drain().await)
}
