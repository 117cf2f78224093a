//! `hansom run`: ingest, processor and archiver in one process. It wires the services to the
//! embedded backends and ends them in order; all work is theirs.

mod demo;
mod settings;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use objects::Objects;
use processor::{Cache, live::Live};
use service::{Admin, LogFormat, Readiness, Shutdown};
use tokio::{net::TcpListener, task::JoinHandle};
use tracing::info;
use transport::Stream;

pub use settings::Settings;

/// Runs until a signal comes or a service cannot go on.
///
/// # Errors
/// Ports or directories that cannot be used, and what stopped a service.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    service::start_logs(LogFormat::Auto)?;
    service::use_small_pages();
    let ports = Ports::bind(&settings).await?;
    let backends = Backends::open(&settings).await?;
    let stop = Shutdown::new();
    service::on_signal(stop.clone(), settings.grace)?;
    ports.announce();
    Pipeline::start(&settings, ports, backends, &stop)
        .end(stop)
        .await
}

/// The listening sockets, bound before anything else so that a port in use is told at once.
struct Ports {
    ingest: TcpListener,
    live: Live,
    admin: Admin,
    addresses: [SocketAddr; 3],
}

impl Ports {
    async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let ingest = listen("--listen", settings.listen).await?;
        let live = Live::bind(settings.live).await.context("--live")?;
        let admin = Admin::bind(settings.admin).await.context("--admin")?;
        let addresses = [ingest.local_addr()?, live.local_addr(), admin.local_addr()];
        Ok(Self {
            ingest,
            live,
            admin,
            addresses,
        })
    }

    fn announce(&self) {
        let [ingest, live, admin] = self.addresses;
        info!(%ingest, %live, %admin, "listening");
    }
}

async fn listen(flag: &'static str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{flag} {address}"))
}

/// The stream, the storages and the cache of one machine.
struct Backends {
    stream: Arc<dyn Stream>,
    archive: Arc<dyn Objects>,
    state: Arc<dyn Objects>,
    cache: Arc<dyn Cache>,
}

impl Backends {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let urls = settings.urls()?;
        Ok(Self {
            stream: transport::open(&urls.stream).await?,
            archive: objects::open(&urls.archive).await?,
            state: objects::open(&urls.state).await?,
            cache: processor::cache::open("memory:")?,
        })
    }
}

/// The services under way, in the order in which they end.
struct Pipeline {
    ingest: Stage,
    processor: Stage,
    archiver: Stage,
    live: Stage,
    admin: Stage,
    demo: Option<JoinHandle<()>>,
    stream: Arc<dyn Stream>,
}

/// One service: what it was asked to do, and how it ended.
struct Stage {
    name: &'static str,
    drain: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Stage {
    /// Starts a service; when it ends unasked, everything stops.
    fn start<Work>(name: &'static str, stop: &Shutdown, work: impl FnOnce(Shutdown) -> Work) -> Self
    where
        Work: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let drain = Shutdown::new();
        let (work, stop) = (work(drain.clone()), stop.clone());
        let task = tokio::spawn(async move {
            let ended = work.await;
            stop.request();
            ended
        });
        Self { name, drain, task }
    }

    /// Asks the service to finish what it has, and waits until it did.
    async fn drain(self) -> anyhow::Result<()> {
        self.drain.request();
        let ended = self.task.await.context(self.name)?;
        info!(service = self.name, "stopped");
        ended.context(self.name)
    }
}

impl Pipeline {
    fn start(settings: &Settings, ports: Ports, backends: Backends, stop: &Shutdown) -> Self {
        let Backends {
            stream,
            archive,
            state,
            cache,
        } = backends;
        let readiness = Readiness::new();
        let demo = settings
            .demo
            .then(|| demo::start(ports.addresses[0], stop.clone()));
        let processor = Stage::start("processor", stop, |drain| {
            let (stream, cache) = (stream.clone(), cache.clone());
            let settings = settings.processor.clone();
            async move { processor::run(&settings, stream, state, cache, drain).await }
        });
        let archiver = Stage::start("archiver", stop, |drain| {
            archiver::run(settings.archiver.clone(), stream.clone(), archive, drain)
        });
        let live = Stage::start("live api", stop, |drain| ports.live.serve(cache, drain));
        let ready = readiness.condition("ingest");
        let ingest = Stage::start("ingest", stop, |drain| {
            ingest::run(
                settings.ingest.clone(),
                ports.ingest,
                stream.producer(),
                ready,
                drain,
            )
        });
        let admin = Stage::start("admin", stop, |drain| ports.admin.serve(readiness, drain));
        Self {
            ingest,
            processor,
            archiver,
            live,
            admin,
            demo,
            stream,
        }
    }

    /// Waits for the stop, then ends the services one after the other along the path of a ping,
    /// so that each finds all that the one before it has written.
    async fn end(self, stop: Shutdown) -> anyhow::Result<()> {
        stop.requested().await;
        if let Some(demo) = self.demo {
            demo.await.context("demo")?;
        }
        let mut ended = self.ingest.drain().await;
        for stage in [self.processor, self.archiver, self.live] {
            ended = ended.and(stage.drain().await);
        }
        let closed = self.stream.close().await.context("stream");
        ended.and(closed).and(self.admin.drain().await)
    }
}
