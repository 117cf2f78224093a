//! `hansom run`: ingest, processor and archiver in one process. It wires the services to the
//! embedded backends and ends them in order; all work is theirs.

mod demo;
mod settings;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use access::Guard;
use anyhow::Context as _;
use objects::Objects;
use processor::{
    Cache, Cities,
    live::{Live, Sources},
};
use service::{Condition, Drain, Listener, Process, Shutdown, Stage, Terms};
use tokio::{task::JoinHandle, time::timeout};
use tracing::info;
use transport::Stream;

pub(crate) use settings::Settings;

use self::demo::Demo;

/// An opening that takes longer is told: after a kill the whole stream is verified.
const USUAL_OPENING: Duration = Duration::from_secs(1);

/// Runs until a signal comes or a service cannot go on.
///
/// # Errors
/// Ports or directories that cannot be used, and what stopped a service.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let work = |process| work(&settings, process);
    service::run("ingest", &settings.process, work).await
}

async fn work(settings: &Settings, process: Process) -> anyhow::Result<()> {
    let Process { stop, ready, admin } = process;
    let ports = Ports::bind(settings).await?;
    let [ingest, live] = ports.addresses;
    let demo = settings.demo.then(|| Demo::new(ingest)).transpose()?;
    let mut pipeline = Pipeline::start(settings, ports, ready, &stop).await?;
    info!(%ingest, %live, %admin, "listening");
    if let Some(demo) = demo {
        demo.announce(live, &settings.data.join("archive"));
        pipeline.demo = Some(demo.start(pipeline.cache.clone(), stop.clone()));
    }
    stop.requested().await;
    pipeline.end().await
}

/// The listening sockets, bound before anything else so that a port in use is told at once.
struct Ports {
    ingest: Listener,
    live: Live,
    mqtt: Option<ingest::Broker>,
    terms: Terms,
    addresses: [SocketAddr; 2],
}

impl Ports {
    async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let ingest = service::listen(settings.listen).await.context("--listen");
        let live = Live::bind(settings.live).await.context("--live");
        let bound = service::both(ingest, live);
        let bound = service::both(bound, settings.mqtt.open());
        let terms = Terms::open(&settings.connections).await;
        let (((ingest, live), mqtt), terms) = service::both(bound, terms)?;
        let ingest = Listener::new(ingest, &terms);
        let addresses = [ingest.local_addr()?, live.local_addr()];
        Ok(Self {
            ingest,
            live,
            mqtt,
            terms,
            addresses,
        })
    }
}

/// The stream, the storages and the cache of one machine, what is known of cities, and who may use it.
struct Backends {
    stream: Arc<dyn Stream>,
    archive: Arc<dyn Objects>,
    state: Arc<dyn Objects>,
    cache: Arc<dyn Cache>,
    cities: Cities,
    guard: Arc<Guard>,
}

impl Backends {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let urls = settings.urls()?;
        let stream = transport::open(&urls.stream);
        tokio::pin!(stream);
        let stream = if let Ok(opened) = timeout(USUAL_OPENING, &mut stream).await {
            opened?
        } else {
            info!(
                url = urls.stream,
                "opening the stream, which takes a while after a kill"
            );
            stream.await?
        };
        Ok(Self {
            stream,
            archive: objects::open(&urls.archive).await?,
            state: objects::open(&urls.state).await?,
            cache: processor::cache::open(&settings.cache).context("--cache")?,
            cities: Cities::open(&settings.processor.learning).await?,
            guard: Guard::start(&settings.access()).await?.into(),
        })
    }
}

/// The services under way, in the order in which they end.
struct Pipeline {
    demo: Option<JoinHandle<()>>,
    ingest: Stage,
    processor: Stage,
    archiver: Stage,
    live: Stage,
    stream: Arc<dyn Stream>,
    cache: Arc<dyn Cache>,
}

impl Pipeline {
    async fn start(
        settings: &Settings,
        ports: Ports,
        ready: Condition,
        stop: &Shutdown,
    ) -> anyhow::Result<Self> {
        let Backends {
            stream,
            archive,
            state,
            cache,
            cities,
            guard,
        } = Backends::open(settings).await?;
        let processor = Stage::start("processor", stop, |drain| {
            let ports = processor::Ports {
                stream: stream.clone(),
                objects: state,
                cache: cache.clone(),
                cities,
            };
            let (settings, drain) = (settings.processor.clone(), Drain::ReadOut(drain));
            async move { processor::run(&settings, ports, drain).await }
        });
        let archiver = Stage::start("archiver", stop, |drain| {
            let (settings, drain) = (settings.archiver.clone(), Drain::ReadOut(drain));
            archiver::run(settings, stream.clone(), archive, drain)
        });
        let live = Stage::start("live api", stop, |drain| {
            let (cache, guard) = (cache.clone(), guard.clone());
            let sources = Sources { cache, guard };
            ports
                .live
                .serve(settings.answers.clone(), ports.terms, sources, drain)
        });
        let ingest = Stage::start("ingest", stop, |drain| {
            let ports = ingest::Ports {
                listener: ports.ingest,
                live: stream.producer(),
                backfill: stream.producer(),
                mqtt: ports.mqtt,
                guard,
                ready,
            };
            ingest::run(settings.ingest.clone(), ports, drain)
        });
        Ok(Self {
            demo: None,
            ingest,
            processor,
            archiver,
            live,
            stream,
            cache,
        })
    }

    /// Ends the services one after the other along the path of a ping, so that each finds all that
    /// the one before it has written.
    async fn end(self) -> anyhow::Result<()> {
        let mut ended = match self.demo {
            Some(demo) => demo.await.context("demo"),
            None => Ok(()),
        };
        for stage in [self.ingest, self.processor, self.archiver, self.live] {
            ended = ended.and(stage.drain().await);
        }
        ended.and(self.stream.close().await.context("stream"))
    }
}
