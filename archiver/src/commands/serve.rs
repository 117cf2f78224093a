//! `archiver serve`: MDS's Provider API over the exports that `archiver export` has published. It only
//! wires; what is answered is `provider`'s business.

use std::{net::SocketAddr, sync::Arc};

use access::Guard;
use anyhow::Context as _;
use clap::Args;
use objects::Objects;
use service::{Listener, Process, Stage};
use tracing::info;

use crate::provider::{Provider, Terms};

/// Serves published exports of the profile mds to an agency, by the Provider API of MDS 2.0: /trips,
/// /telemetry, /events/historical, /events/recent, /vehicles.
///
/// It answers from exports of hours alone: let `archiver export --profile mds --period YYYY-MM-DDTHH` run
/// each hour. What is exported is there within half a minute. It reads the exports and changes nothing;
/// any number of these processes may work side by side.
///
/// The agency shows a credential that --api-keys or --jwks know, may read, and is for the fleet that
/// --reader-fleet names. --admin asks for none, so let it listen on trusted networks only.
///
/// SIGTERM or Ctrl-C ends it in order; a second one ends it at once. docs/exports.md says what each
/// endpoint answers.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where exports were put, as --out of `archiver export`: `s3://bucket/prefix` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_EXPORTS")]
    pub exports: String,

    /// Where they are for, as they were exported by.
    #[arg(long, value_name = "NAME")]
    pub jurisdiction: String,

    /// Address that the agency asks.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8085",
        env = "HANSOM_PROVIDER"
    )]
    pub listen: SocketAddr,

    /// Fleet that the agency's credentials must be for; the name of the jurisdiction, if not given. Give
    /// it no fleet's name, unless all who may read that fleet may read the exports.
    #[arg(long, value_name = "NAME")]
    pub reader_fleet: Option<String>,

    /// Where the agency reaches this, like `https://mds.example.com/san-francisco`: links to further pages
    /// begin with it. Without it they are relative.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,

    /// Vehicles of the last 30 days that are kept in memory, some 500 bytes each. With more than that
    /// /vehicles is answered by an error.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub max_vehicles: usize,

    /// What every process is told.
    #[command(flatten)]
    pub process: service::Settings,

    /// Whose connections it takes.
    #[command(flatten)]
    pub connections: service::ListenerSettings,

    /// Who may read.
    #[command(flatten)]
    pub access: access::Settings,
}

/// Serves until it is told to end.
///
/// # Errors
/// What keeps it from serving.
pub(super) async fn command(settings: &Settings) -> anyhow::Result<()> {
    let work = |process| work(settings, process);
    service::run("provider", &settings.process, work).await
}

async fn work(settings: &Settings, process: Process) -> anyhow::Result<()> {
    let Process { stop, ready, admin } = process;
    let socket = service::listen(settings.listen).await.context("--listen");
    let terms = service::Terms::open(&settings.connections).await;
    let (socket, terms) = service::both(socket, terms)?;
    let listener = Listener::new(socket, &terms);
    let address = listener.local_addr()?;
    let Some(opened) = stop.unless_requested(open(settings)).await else {
        return Ok(());
    };
    let provider = opened?;
    let provider = Stage::start("provider", &stop, |drain| provider.serve(listener, drain));
    ready.set_ready();
    info!(provider = %address, %admin, "listening");
    stop.requested().await;
    ready.set_not_ready("draining");
    provider.drain().await
}

/// Opens the exports and reads what is published.
async fn open(settings: &Settings) -> anyhow::Result<Provider> {
    let reader = settings.reader_fleet.as_ref();
    let terms = Terms {
        jurisdiction: settings.jurisdiction.clone(),
        reader: reader.unwrap_or(&settings.jurisdiction).clone(),
        public_url: settings.public_url.clone(),
        max_vehicles: settings.max_vehicles,
    };
    let exports = objects::open_to_read(&settings.exports)
        .await
        .context("--exports");
    let opened = service::both(exports, Guard::start(&settings.access).await);
    let (opened, ()) = service::both(opened, terms.check())?;
    let (exports, guard): (Arc<dyn Objects>, Guard) = opened;
    Provider::open(exports, guard.into(), terms).await
}
