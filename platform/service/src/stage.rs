//! One service under way: what it is asked to do, and how it ended. In which order services end
//! is not decided here.

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::Shutdown;

/// A service under way.
pub struct Stage {
    name: &'static str,
    drain: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Requests a stop when dropped, so also when its owner panics.
struct StopsAll(Shutdown);

impl Drop for StopsAll {
    fn drop(&mut self) {
        self.0.request();
    }
}

impl Stage {
    /// Starts a service; when it ends unasked, in whatever way, everything stops.
    pub fn start<Work>(
        name: &'static str,
        stop: &Shutdown,
        work: impl FnOnce(Shutdown) -> Work,
    ) -> Self
    where
        Work: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let drain = Shutdown::new();
        let work = work(drain.clone());
        let stops_all = StopsAll(stop.clone());
        let task = tokio::spawn(async move {
            let _stops_all = stops_all;
            let ended = work.await;
            if let Err(error) = &ended {
                let error = format!("{error:#}");
                error!(service = name, error, "cannot go on, everything stops");
            }
            ended
        });
        Self { name, drain, task }
    }

    /// Asks the service to finish what it has, and waits until it did.
    ///
    /// # Errors
    /// What stopped the service, under its name.
    pub async fn drain(self) -> anyhow::Result<()> {
        self.drain.request();
        let ended = self.task.await.context(self.name)?;
        info!(service = self.name, "stopped");
        ended.context(self.name)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[tokio::test]
    async fn a_service_that_cannot_go_on_stops_everything() {
        let stop = Shutdown::new();
        let stage = Stage::start("ingest", &stop, |_| async { bail!("no disk") });
        stop.requested().await;
        assert_eq!(
            format!("{:#}", stage.drain().await.unwrap_err()),
            "ingest: no disk"
        );
    }

    #[tokio::test]
    async fn a_service_that_panics_stops_everything() {
        let stop = Shutdown::new();
        let stage = Stage::start("ingest", &stop, |_| async { panic!("a bug") });
        stop.requested().await;
        assert!(format!("{:#}", stage.drain().await.unwrap_err()).starts_with("ingest: "));
    }

    #[tokio::test]
    async fn a_service_that_is_asked_finishes_what_it_has() {
        let stop = Shutdown::new();
        let stage = Stage::start("ingest", &stop, |drain| async move {
            drain.requested().await;
            Ok(())
        });
        assert!(!stop.is_requested());
        stage.drain().await.unwrap();
    }
}
