//! The cache in Redis as other programs see it, by the words of schemas/cache.md: a watch that is told of
//! each version of each ride, and looks at the ride and its vehicle then. Nothing may go backwards.
//! Who writes, and on which shard a ride is, is not known here.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use redis::{
    AsyncConnectionConfig, Client,
    aio::{MultiplexedConnection, PubSubStream},
    pipe,
};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle, time::interval};

/// The channels of all rides.
const RIDES: &str = "hansom:{*}:ride:*";
/// What has changed is looked at so often: what comes more often is told in words alone.
const LOOK: Duration = Duration::from_millis(50);
/// A server on a machine with much to do may take its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A watch under way.
pub(crate) struct Watch {
    runtime: Runtime,
    is_enough: oneshot::Sender<()>,
    watching: JoinHandle<Seen>,
}

/// What was seen of a cache.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Every new version of a ride, by its key.
    changes: Vec<(Instant, String)>,
    /// The version that was told last of each ride.
    told: BTreeMap<String, u64>,
    /// What was read last under each key.
    read: BTreeMap<String, State>,
    /// The fleet and the vehicle of each ride.
    vehicles: BTreeMap<String, Vehicle>,
    /// What must not be.
    pub(crate) odd: BTreeSet<String>,
}

/// A vehicle by its fleet and its id.
pub(crate) type Vehicle = (String, String);

/// How far a ride or a vehicle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    version: u64,
    time_ms: i64,
}

impl Watch {
    /// Looks at the cache in this server from now on.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let runtime = Runtime::new().unwrap();
        let (is_enough, ends) = oneshot::channel();
        let (hears, asks) = runtime.block_on(connect(server));
        let watching = runtime.spawn(look_on(hears, asks, ends));
        Self {
            runtime,
            is_enough,
            watching,
        }
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Seen {
        self.is_enough.send(()).unwrap();
        self.runtime.block_on(self.watching).unwrap()
    }
}

async fn connect(server: SocketAddr) -> (PubSubStream, MultiplexedConnection) {
    let client = Client::open(format!("redis://{server}")).unwrap();
    let mut hears = client.get_async_pubsub().await.unwrap();
    hears.psubscribe(RIDES).await.unwrap();
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let asks = client.get_multiplexed_async_connection_with_config(&patient);
    (hears.into_on_message(), asks.await.unwrap())
}

async fn look_on(
    mut hears: PubSubStream,
    mut asks: MultiplexedConnection,
    mut is_enough: oneshot::Receiver<()>,
) -> Seen {
    let mut seen = Seen::default();
    let mut changed = BTreeSet::new();
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            _ = &mut is_enough => return seen,
            message = hears.next() => {
                let message = message.unwrap();
                let (ride, version) = (message.get_channel_name(), message.get_payload::<String>());
                seen.hear(ride, &version.unwrap());
                changed.insert(ride.to_owned());
            }
            _ = look.tick() => {
                let rides = std::mem::take(&mut changed).into_iter().collect();
                seen.look(&mut asks, rides).await;
            }
        }
    }
}

impl Seen {
    /// When rides of each vehicle changed.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Instant, &Vehicle)> {
        let changes = self.changes.iter();
        changes.filter_map(|(at, ride)| Some((*at, self.vehicles.get(ride)?)))
    }

    /// Takes what was said of a ride: its version, or nothing where it is gone.
    fn hear(&mut self, ride: &str, said: &str) {
        let Ok(version) = said.parse() else {
            self.odd.insert(format!("{ride}: {said:?} is no version"));
            return;
        };
        self.changes.push((Instant::now(), ride.to_owned()));
        let before = self.told.insert(ride.to_owned(), version);
        if let Some(before) = before.filter(|before| *before >= version) {
            self.odd.insert(format!("{ride}: {version} after {before}"));
        }
    }

    /// Reads rides and their vehicles.
    async fn look(&mut self, asks: &mut MultiplexedConnection, rides: Vec<String>) {
        if rides.is_empty() {
            return;
        }
        let mut questions = pipe();
        for ride in &rides {
            questions
                .cmd("HMGET")
                .arg(ride)
                .arg(&["version", "as_of_ms", "vehicle_id"]);
        }
        let found: Vec<(u64, i64, String)> = questions.query_async(asks).await.unwrap();
        let mut vehicles = BTreeSet::new();
        for (ride, (version, time_ms, vehicle)) in rides.iter().zip(found) {
            if self.told[ride] > version {
                self.odd
                    .insert(format!("{ride}: {version} is there, and more was told"));
            }
            self.take(ride, State { version, time_ms });
            let (of_fleet, _) = ride.split_once(":ride:").unwrap();
            vehicles.insert(format!("{of_fleet}:vehicle:{vehicle}"));
            let fleet = of_fleet
                .trim_start_matches("hansom:{")
                .trim_end_matches('}');
            self.vehicles
                .insert(ride.clone(), (fleet.to_owned(), vehicle));
        }
        let mut questions = pipe();
        for vehicle in &vehicles {
            questions
                .cmd("HMGET")
                .arg(vehicle)
                .arg(&["version", "time_ms"]);
        }
        // A ride may begin before its vehicle's first fix.
        let found: Vec<(Option<u64>, Option<i64>)> = questions.query_async(asks).await.unwrap();
        for (vehicle, found) in vehicles.iter().zip(found) {
            if let (Some(version), Some(time_ms)) = found {
                self.take(vehicle, State { version, time_ms });
            }
        }
    }

    fn take(&mut self, key: &str, now: State) {
        let Some(before) = self.read.insert(key.to_owned(), now) else {
            return;
        };
        let is_on = now.version > before.version && now.time_ms >= before.time_ms;
        if !is_on && now != before {
            self.odd.insert(format!("{key}: {now:?} after {before:?}"));
        }
    }
}
