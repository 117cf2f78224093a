//! The fleet of `--demo`: a simulation in the same process, sent over HTTP like anybody's.

mod leftovers;

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use processor::Cache;
use service::Shutdown;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::{client::now, simulate};

/// A fleet that is yet to start.
pub(super) struct Demo(simulate::Settings);

impl Demo {
    /// A fleet that sends to `ingest`.
    ///
    /// # Errors
    /// An address that it cannot send to.
    pub(super) fn new(ingest: SocketAddr) -> anyhow::Result<Self> {
        let settings = simulate::Settings::demo(ingest, now()?).context("--demo")?;
        Ok(Self(settings))
    }

    /// Tells a newcomer where to look.
    pub(super) fn announce(&self, live: SocketAddr, archive: &Path) {
        let cabs = self.0.vehicles;
        let rides = format!("curl 'http://{live}/v1/rides?phase=on_trip&limit=3'");
        info!(%cabs, rides, archive = %archive.display(), "a simulated fleet drives, have a look");
    }

    /// Starts the fleet, until `stop`; `cache` shows what an earlier one may have left open.
    ///
    /// The fleet's end, however it comes, ends nothing else.
    pub(super) fn start(self, cache: Arc<dyn Cache>, stop: Shutdown) -> JoinHandle<()> {
        tokio::spawn(async move {
            let clearing = async {
                if let Err(error) = leftovers::cancel(&self.0, &*cache, &stop).await {
                    let error = format!("{error:#}");
                    warn!(
                        error,
                        "rides of an earlier demo fleet may be shown as under way"
                    );
                }
            };
            let driving = simulate::run(self.0.clone(), stop.clone());
            let (driven, ()) = tokio::join!(driving, clearing);
            match driven {
                Ok(report) if report.is_as_expected() => {}
                Ok(report) => warn!(%report, "the demo fleet was not answered as it had to be"),
                Err(error) => warn!(error = format!("{error:#}"), "the demo fleet stopped"),
            }
        })
    }
}
