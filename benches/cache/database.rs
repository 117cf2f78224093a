//! What riders who look where their rides are cost a database: with every look as a query, and with
//! the live API in front of it, where only looks for rides that it does not know are queries.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use faults::servers::{Postgres, Redis};
use hdrhistogram::Histogram;
use reqwest::{Client, StatusCode};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_postgres::{NoTls, Statement};

use crate::{
    fleet::{Fix, Fleet, fix, ride},
    program::Program,
    support::cpu_seconds,
};

/// Rides under way, each with a rider who looks
const RIDES: usize = 1_000;
/// so often.
const LOOK: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_mins(1);
/// Of so many looks one is for a ride of last week.
const OLD: usize = 250;
/// Connections to the database, as a pool of an app has.
const CONNECTIONS: usize = 8;

const SCHEMA: &str = "
create extension pg_stat_statements;
create table positions (ride_id text primary key, time_ms bigint, lat float8, lng float8);
insert into positions select 'old-' || n, 0, 37.7, -122.5 from generate_series(0, 9999) n;
";
const WRITE: &str = "insert into positions values ($1, $2, $3, $4) on conflict (ride_id) do update \
    set time_ms = excluded.time_ms, lat = excluded.lat, lng = excluded.lng";
const READ: &str = "select time_ms, lat, lng from positions where ride_id = $1";
/// Looks that reached the database.
const COUNT: &str = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements \
    where query like 'select time_ms%'";

/// Measures both ways and prints them.
pub(crate) async fn measure() -> anyhow::Result<()> {
    println!(
        "{RIDES} rides, each looked at every {} s; 1 look of {OLD} for a ride of last week",
        LOOK.as_secs()
    );
    println!(
        "way                | looks  | queries | CPU, us a look: database, Hansom, Redis | p50, p99 ms"
    );
    let without = Way::Database.measure().await?;
    let with = Way::Hansom.measure().await?;
    println!(
        "queries: {:.2} % fewer",
        100.0 - 100.0 * with as f64 / without as f64
    );
    Ok(())
}

/// Whom the app asks where a ride is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Database,
    Hansom,
}

impl Way {
    /// Returns how many queries the database had.
    async fn measure(self) -> anyhow::Result<i64> {
        let postgres = Postgres::start().context("postgresql is not installed")?;
        let redis = Redis::start("database").context("redis-server is not installed")?;
        let program = Program::start(&format!("redis://{}", redis.address()))?;
        let app = Arc::new(App {
            way: self,
            client: Client::new(),
            database: Database::open(&postgres).await?,
            live: program.live.clone(),
        });
        let fleet = Fleet {
            cabs: RIDES,
            ingest: program.ingest.clone(),
            client: app.client.clone(),
        };
        let writing = match self {
            Self::Database => tokio::spawn(write(app.clone())),
            Self::Hansom => {
                fleet.begin().await?;
                tokio::spawn(async move { fleet.drive(TIME + LOOK).await })
            }
        };
        sleep(LOOK).await;
        let (database, hansom) = (tree_cpu_seconds(postgres.process()), program.cpu_seconds());
        let cache = cpu_seconds(&redis.process().to_string());
        let mut riders = JoinSet::new();
        for rider in 0..RIDES {
            riders.spawn(look(app.clone(), rider));
        }
        let mut looks = Histogram::<u64>::new(3)?;
        while let Some(looked) = riders.join_next().await {
            looks.add(looked??)?;
        }
        let us_a_look = |seconds: f64| seconds * 1e6 / looks.len() as f64;
        let ms = |quantile| looks.value_at_quantile(quantile) as f64 / 1e3;
        let queries: i64 = app.database.clients[0].query_one(COUNT, &[]).await?.get(0);
        println!(
            "{:<18} | {:>6} | {queries:>7} | {:.0}, {:.0}, {:.0} | {:.1}, {:.1}",
            match self {
                Self::Database => "the database alone",
                Self::Hansom => "the live API first",
            },
            looks.len(),
            us_a_look(tree_cpu_seconds(postgres.process()) - database),
            us_a_look(program.cpu_seconds() - hansom),
            us_a_look(cpu_seconds(&redis.process().to_string()) - cache),
            ms(0.5),
            ms(0.99),
        );
        writing.await??;
        Ok(queries)
    }
}

/// What the app's own service is: it answers riders.
struct App {
    way: Way,
    client: Client,
    database: Database,
    live: String,
}

impl App {
    /// Answers a rider who looks where a ride is.
    async fn answer(&self, ride: &str) -> anyhow::Result<()> {
        if self.way == Way::Hansom {
            let url = format!("{}/v1/rides/{ride}", self.live);
            let answer = self.client.get(url).send().await?;
            if answer.status() != StatusCode::NOT_FOUND {
                let text = answer.error_for_status()?.text().await?;
                ensure!(text.contains("\"lat\""), "no place in {text}");
                return Ok(());
            }
        }
        self.database.read(ride).await
    }
}

/// Looks at a ride for the whole time; says how many microseconds each answer took.
async fn look(app: Arc<App>, rider: usize) -> anyhow::Result<Histogram<u64>> {
    let mut answers = Histogram::new(3)?;
    let looks = TIME.as_secs() / LOOK.as_secs();
    // Riders do not look all at once.
    let begun = Instant::now() + LOOK * rider as u32 / RIDES as u32;
    for look in 0..looks {
        sleep_until(begun + LOOK * look as u32).await;
        let number = rider * looks as usize + look as usize;
        let ride = if number.is_multiple_of(OLD) {
            format!("old-{}", number % 10_000)
        } else {
            ride(rider)
        };
        let asked = Instant::now();
        app.answer(&ride).await?;
        answers.record(asked.elapsed().as_micros() as u64)?;
    }
    Ok(answers)
}

/// Writes every ping to the database, as an app does that has nothing else.
async fn write(app: Arc<App>) -> anyhow::Result<()> {
    let begun = Instant::now();
    for second in 0..=(TIME + LOOK).as_secs() {
        sleep_until(begun + Duration::from_secs(second)).await;
        for cab in 0..RIDES {
            app.database.write(cab, second).await?;
        }
    }
    Ok(())
}

/// A pool of connections.
struct Database {
    clients: Vec<tokio_postgres::Client>,
    reads: Vec<Statement>,
    writes: Vec<Statement>,
    next: std::sync::atomic::AtomicUsize,
}

impl Database {
    async fn open(postgres: &Postgres) -> anyhow::Result<Self> {
        let mut database = Self {
            clients: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            next: 0.into(),
        };
        for number in 0..CONNECTIONS {
            let (client, connection) = connect(postgres).await?;
            tokio::spawn(connection);
            if number == 0 {
                client.batch_execute(SCHEMA).await?;
            }
            database.reads.push(client.prepare(READ).await?);
            database.writes.push(client.prepare(WRITE).await?);
            database.clients.push(client);
        }
        Ok(database)
    }

    fn any(&self) -> usize {
        let next = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        next % CONNECTIONS
    }

    async fn read(&self, ride: &str) -> anyhow::Result<()> {
        let at = self.any();
        let row = self.clients[at]
            .query_one(&self.reads[at], &[&ride])
            .await?;
        let _lat: f64 = row.get(1);
        Ok(())
    }

    async fn write(&self, cab: usize, second: u64) -> anyhow::Result<()> {
        let (at, Fix { time_ms, lat, lng }) = (self.any(), fix(cab, second));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&ride(cab), &time_ms, &lat, &lng];
        self.clients[at].execute(&self.writes[at], &values).await?;
        Ok(())
    }
}

type Connection =
    tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>;

/// It listens before it takes connections.
async fn connect(postgres: &Postgres) -> anyhow::Result<(tokio_postgres::Client, Connection)> {
    let mut tries = 0;
    loop {
        match tokio_postgres::connect(&postgres.settings(), NoTls).await {
            Ok(connected) => return Ok(connected),
            Err(error) if tries == 100 => return Err(error.into()),
            Err(_) => tries += 1,
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// CPU of a process and its children, in seconds.
fn tree_cpu_seconds(parent: u32) -> f64 {
    let is_child = |stat: &str| {
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = processes.filter_map(|process| {
        let name = process.file_name().into_string().ok()?;
        let stat = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        is_child(&stat).then(|| cpu_seconds(&name))
    });
    cpu_seconds(&parent.to_string()) + children.sum::<f64>()
}
