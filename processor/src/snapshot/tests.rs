//! What snapshots promise: what was stored comes back, one of two owners loses, and a foreign
//! object is named.

use objects::memory::MemoryObjects;
use transport::{Shard, Stream as _, memory::MemoryStream};

use super::*;
use crate::testing::{event, ping, second};

/// The state as a process that loads it has it.
pub(crate) fn reloaded(state: &ShardState) -> ShardState {
    decode_state(&encode_state(state, Vec::new()).unwrap()).unwrap()
}

/// All that is stored of vehicles, in a fixed order.
pub(crate) fn vehicles(state: &ShardState) -> Vec<Vehicle> {
    let mut vehicles: Vec<_> = state.stored_vehicles().cloned().collect();
    vehicles.sort_by(|one, other| one.key.cmp(&other.key));
    vehicles
}

async fn shard() -> Box<dyn Shard> {
    let stream = MemoryStream::open("memory:?shards=1").unwrap();
    stream.consumer("test").acquire().await.unwrap()
}

fn state(pings: i64) -> ShardState {
    let mut state = ShardState::default();
    let picked_up = event("r", "v", 0, schemas::RideEventKind::PickedUp);
    state.apply(&picked_up, second(0).0);
    for at_s in 0..pings {
        state.apply(&ping("v", at_s, at_s as f64 * 10.0), second(at_s).0);
    }
    let _ = state.take_effects();
    state
}

fn position(offset: u64) -> Position {
    offset.to_string().parse().unwrap()
}

#[tokio::test]
async fn what_is_stored_last_is_loaded_with_its_position() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let mut snapshots = Snapshots::of(objects.clone(), shard.id());
    assert_eq!(snapshots.load().await.unwrap().position, None);
    for offset in 1..=5 {
        let stored = snapshots
            .store(&state(offset as i64), position(offset))
            .await
            .unwrap();
        assert_eq!(stored, Stored::Ours);
        snapshots.prune().await.unwrap();
    }
    let loaded = Snapshots::of(objects.clone(), shard.id())
        .load()
        .await
        .unwrap();
    assert_eq!(loaded.position, Some(position(5)));
    assert_eq!(vehicles(&loaded.state), vehicles(&state(5)));
    assert_eq!(objects.list("_state/", None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_two_owners_one_loses_the_next_link() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let (mut one, mut other) = (
        Snapshots::of(objects.clone(), shard.id()),
        Snapshots::of(objects, shard.id()),
    );
    one.load().await.unwrap();
    other.load().await.unwrap();
    assert_eq!(
        one.store(&state(1), position(1)).await.unwrap(),
        Stored::Ours
    );
    assert_eq!(
        other.store(&state(2), position(2)).await.unwrap(),
        Stored::Lost
    );
    other.load().await.unwrap();
    assert_eq!(
        other.store(&state(2), position(2)).await.unwrap(),
        Stored::Ours
    );
    assert_eq!(
        one.store(&state(3), position(3)).await.unwrap(),
        Stored::Lost
    );
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_recognised() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let state = state(3);
    let mut lost = Snapshots::of(objects.clone(), shard.id());
    let mut again = Snapshots::of(objects, shard.id());
    assert_eq!(lost.store(&state, position(3)).await.unwrap(), Stored::Ours);
    assert_eq!(
        again.store(&state, position(3)).await.unwrap(),
        Stored::Ours
    );
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_named_with_what_to_do() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let mut snapshots = Snapshots::of(objects.clone(), shard.id());
    snapshots.store(&state(9), position(9)).await.unwrap();
    let chain = Chain::new(objects.clone(), format!("_state/{}", shard.id()));
    let whole = chain.get(1).await.unwrap().unwrap();
    let cut = whole.slice(..whole.len() - 7);
    for damaged in [cut, Bytes::from_static(b"hello"), Bytes::new()] {
        let key = objects.list("_state/", None).await.unwrap().remove(0);
        objects.put(&key, damaged).await.unwrap();
        let Err(error) = snapshots.load().await else {
            panic!("it was read")
        };
        let text = format!("{error:#}");
        assert!(
            text.contains(key.as_str()) && text.contains("delete it"),
            "{text}"
        );
    }
}
