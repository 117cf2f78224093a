//! An ingest for tests: a real server on a free port that checks what it takes and remembers it.
//! It is moody on request: it can be busy, take a batch without an answer, or refuse for good.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::post,
};
use buffa::MessageView as _;
use reqwest::Url;
use schemas::{
    Ping, Protocol, Rejection, RideEvent, RideId, Timestamp,
    proto::__buffa::view::PingBatchView,
    record::ping_from,
    upload::{PingUpload, RideEventUpload},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a hasty server takes of a request, and how many errors it lists.
const HASTY_TAKES: usize = 2;
const HASTY_LISTS: usize = 3;
/// The ages that ingest takes by default, in ms.
const MAX_BEHIND_MS: i64 = 7 * 24 * 3_600_000;
const MAX_AHEAD_MS: i64 = 120_000;

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes it and answers.
    Works,
    /// Does not take it: 503.
    IsBusy,
    /// Does not take it: 429.
    IsFlooded,
    /// Takes its first items and says that the others came too frequently.
    IsHasty,
    /// Takes it, but answers 500.
    LosesTheAnswer,
    /// Does not take it: 415.
    Refuses,
}

/// What the server took, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Taken {
    Ping(Box<Ping>),
    Event(Box<RideEvent>),
}

/// The running server.
#[derive(Debug, Clone)]
pub(crate) struct StubIngest {
    pub url: Url,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    moods: Vec<Mood>,
    requests: usize,
    taken: Vec<Taken>,
}

impl StubIngest {
    /// Starts a server whose moods come round, request by request.
    pub(crate) async fn start(moods: &[Mood]) -> Self {
        let memory = Memory {
            moods: moods.to_vec(),
            ..Memory::default()
        };
        let memory = Arc::new(Mutex::new(memory));
        let app = Router::new()
            .route("/v1/pings", post(take_pings))
            .route("/v1/rides/{ride}/events", post(take_event))
            .with_state(Arc::clone(&memory));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, memory }
    }

    pub(crate) fn requests(&self) -> usize {
        lock(&self.memory).requests
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        lock(&self.memory).taken.clone()
    }

    pub(crate) fn pings(&self) -> Vec<Ping> {
        let pings = self.taken().into_iter().filter_map(|taken| match taken {
            Taken::Ping(ping) => Some(*ping),
            Taken::Event(_) => None,
        });
        pings.collect()
    }
}

type Shared = Arc<Mutex<Memory>>;

fn lock(memory: &Shared) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap()
}

async fn take_pings(State(memory): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut memory = lock(&memory);
    let mood = memory.next_mood();
    let checked = match headers[CONTENT_TYPE].to_str().unwrap() {
        "application/x-ndjson" => body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| check(serde_json::from_slice(line).unwrap()))
            .collect(),
        "application/json" => {
            let uploads: Vec<PingUpload> = serde_json::from_slice(&body).unwrap();
            uploads.into_iter().map(check).collect()
        }
        _ => {
            let batch = PingBatchView::decode_view(&body).unwrap();
            batch
                .pings
                .iter()
                .map(|ping| in_time(ping_from(ping)?))
                .collect()
        }
    };
    memory.answer(mood, checked, |ping| Taken::Ping(Box::new(ping)))
}

async fn take_event(
    State(memory): State<Shared>,
    Path(ride): Path<String>,
    body: Bytes,
) -> Response {
    let mut memory = lock(&memory);
    let mood = memory.next_mood();
    let upload: RideEventUpload = serde_json::from_slice(&body).unwrap();
    let checked = upload.check(RideId::new(&ride).unwrap(), Timestamp(0));
    memory.answer(mood, vec![checked], |event| Taken::Event(Box::new(event)))
}

impl Memory {
    fn next_mood(&mut self) -> Mood {
        self.requests += 1;
        self.moods[(self.requests - 1) % self.moods.len()]
    }

    fn answer<Item>(
        &mut self,
        mood: Mood,
        checked: Vec<Result<Item, Rejection>>,
        taken: impl Fn(Item) -> Taken,
    ) -> Response {
        match mood {
            Mood::Works | Mood::LosesTheAnswer | Mood::IsHasty => {}
            Mood::IsBusy => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Mood::IsFlooded => return StatusCode::TOO_MANY_REQUESTS.into_response(),
            Mood::Refuses => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
        }
        let (mut accepted, mut errors) = (0, Vec::<Value>::new());
        for (index, item) in checked.into_iter().enumerate() {
            let too_fast = mood == Mood::IsHasty && index >= HASTY_TAKES;
            let item = if too_fast {
                Err(Rejection::TooFrequent)
            } else {
                item
            };
            match item {
                Ok(item) => {
                    self.taken.push(taken(item));
                    accepted += 1;
                }
                Err(reason) => errors.push(json!({ "index": index, "code": reason.code() })),
            }
        }
        let rejected = errors.len();
        let status = match (mood, accepted) {
            (Mood::LosesTheAnswer, _) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            (Mood::IsHasty, _) if rejected > 0 => StatusCode::TOO_MANY_REQUESTS,
            (_, 0) => StatusCode::BAD_REQUEST,
            (_, _) => StatusCode::OK,
        };
        if mood == Mood::IsHasty {
            errors.truncate(HASTY_LISTS);
        }
        let counts = json!({
            "accepted": accepted,
            "rejected": rejected,
            "errors": errors,
            "errors_omitted": rejected - errors.len(),
        });
        (status, Json(counts)).into_response()
    }
}

fn check(upload: PingUpload) -> Result<Ping, Rejection> {
    in_time(upload.check(Timestamp(0), Protocol::HttpNdjson)?)
}

fn in_time(ping: Ping) -> Result<Ping, Rejection> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64;
    match ping.time.0 - now {
        behind if behind < -MAX_BEHIND_MS => Err(Rejection::TooOld),
        ahead if ahead > MAX_AHEAD_MS => Err(Rejection::TooNew),
        _ => Ok(ping),
    }
}
