//! The order that Kinesis promises and ferrokinesis does not keep by itself.
//!
//! It numbers a put's records first and stores them after, each by itself. A reader that comes
//! between sees the later ones of two puts, steps over the earlier ones and never gets them. So one
//! put is let in at a time, and reads wait until it is done. It splits and merges in a task of its
//! own, and a put that was routed before may land in a shard whose end was read already: so none is
//! let in until the stream is active again.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use ferrokinesis::{store::Store, types::StreamStatus};
use tokio::sync::{RwLock, RwLockWriteGuard};

/// Nothing that the server does by itself takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it is done.
const POLL: Duration = Duration::from_millis(1);

/// Whose turn it is: one writer's, or the readers'.
#[derive(Clone)]
pub(super) struct Order {
    store: Store,
    turns: Arc<RwLock<()>>,
}

impl Order {
    pub(super) fn new(store: Store) -> Self {
        let turns = Arc::default();
        Self { store, turns }
    }

    /// Waits for a turn to write.
    pub(super) async fn turn(&self) -> RwLockWriteGuard<'_, ()> {
        self.turns.write().await
    }
}

/// Lets a request to the server in its turn. It is done to its end though its client leaves.
pub(super) async fn keep(State(order): State<Order>, request: Request, next: Next) -> Response {
    let action = crate::json::action(request.headers()).unwrap_or_default();
    let task = match action {
        "PutRecord" | "PutRecords" | "SplitShard" | "MergeShards" | "UpdateShardCount"
        | "CreateStream" | "DeleteStream" => tokio::spawn(async move {
            let _turn = order.turn().await;
            let answer = next.run(request).await;
            settled(&order.store).await;
            answer
        }),
        "GetRecords" | "GetShardIterator" => tokio::spawn(async move {
            let _turn = order.turns.read().await;
            next.run(request).await
        }),
        _ => return next.run(request).await,
    };
    task.await
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Waits until no stream is about to change.
///
/// # Panics
/// Where one still is after a long time.
pub(super) async fn settled(store: &Store) {
    let wait = async {
        while is_changing(store).await {
            tokio::time::sleep(POLL).await;
        }
    };
    #[expect(clippy::expect_used, reason = "it is for tests")]
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("streams that become active");
}

async fn is_changing(store: &Store) -> bool {
    for name in store.list_stream_names().await {
        // One that is gone meanwhile changes no more.
        let stream = store.get_stream(&name).await;
        if stream.is_ok_and(|stream| stream.stream_status != StreamStatus::Active) {
            return true;
        }
    }
    false
}
