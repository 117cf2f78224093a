//! What snapshots promise: what was stored comes back, one of two owners loses, and a foreign
//! object is named.

use objects::memory::MemoryObjects;
use transport::{Shard, Stream as _, memory::MemoryStream};

use super::*;
use crate::{
    outbox::tests::trips,
    testing::{assigned, event, ping, second},
    vehicle::Vehicle,
};

/// The state as a process that loads it has it.
pub(crate) fn reloaded(state: &ShardState) -> ShardState {
    decode_state(&encode_state(state, Vec::new()).unwrap()).unwrap()
}

/// All that is stored of vehicles, in a fixed order.
pub(crate) fn vehicles(state: &ShardState) -> Vec<Vehicle> {
    let mut vehicles: Vec<_> = state.image().vehicles.iter().cloned().collect();
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
    let _ = state.take_effects(usize::MAX);
    state
}

fn position(offset: u64) -> Position {
    offset.to_string().parse().unwrap()
}

/// Stores a state of so many pings, at the position of that number.
async fn store(snapshots: &mut Snapshots, pings: u64) -> Stored {
    let state = state(pings as i64);
    let (_, bytes) = snapshots.encode(state, position(pings)).await.unwrap();
    snapshots.store(bytes).await.unwrap()
}

#[tokio::test]
async fn what_is_stored_last_is_loaded_with_its_position() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let mut snapshots = Snapshots::of(objects.clone(), shard.id());
    assert_eq!(
        snapshots.load(&Lineage::default()).await.unwrap().position,
        None
    );
    for offset in 1..=5 {
        assert_eq!(store(&mut snapshots, offset).await, Stored::Ours);
        snapshots.prune().await.unwrap();
    }
    let loaded = Snapshots::of(objects.clone(), shard.id())
        .load(&Lineage::default())
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
    one.load(&Lineage::default()).await.unwrap();
    other.load(&Lineage::default()).await.unwrap();
    assert_eq!(store(&mut one, 1).await, Stored::Ours);
    assert_eq!(store(&mut other, 2).await, Stored::Lost);
    other.load(&Lineage::default()).await.unwrap();
    assert_eq!(store(&mut other, 2).await, Stored::Ours);
    assert_eq!(store(&mut one, 3).await, Stored::Lost);
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_recognised() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let mut lost = Snapshots::of(objects.clone(), shard.id());
    let (_, bytes) = lost.encode(state(3), position(3)).await.unwrap();
    assert_eq!(lost.store(bytes.clone()).await.unwrap(), Stored::Ours);
    // The same bytes again, and newer ones after it.
    let mut again = Snapshots::of(objects.clone(), shard.id());
    assert_eq!(again.store(bytes.clone()).await.unwrap(), Stored::Ours);
    let mut newer = Snapshots::of(objects.clone(), shard.id());
    newer.unanswered.push(digest(&bytes));
    assert_eq!(store(&mut newer, 4).await, Stored::Ours);
    assert_eq!(
        newer.load(&Lineage::default()).await.unwrap().position,
        Some(position(4))
    );
    assert_eq!(objects.list("_state/", None).await.unwrap().len(), 2);
}

/// A state with something in every part: one vehicle, so that there is one order of vehicles.
fn full_state() -> ShardState {
    let mut state = ShardState::default();
    let picked_up = schemas::RideEventKind::PickedUp;
    let dropped_off = schemas::RideEventKind::DroppedOff { fare: None };
    let late = (ping("v", 4_005, 50.0), 4_031);
    let records = [
        (event("forgotten", "v", 0, picked_up.clone()), 0),
        (event("forgotten", "v", 9, dropped_off.clone()), 9),
        (event("revised", "v", 4_000, picked_up.clone()), 4_000),
        (ping("v", 4_000, 0.0), 4_000),
        (ping("v", 4_010, 100.0), 4_010),
        (ping("v", 4_020, 200.0), 4_020),
        (event("revised", "v", 4_020, dropped_off), 4_020),
        (event("open", "v", 4_021, assigned(100.0, 900.0)), 4_021),
        (event("open", "v", 4_025, picked_up), 4_025),
        (ping("v", 4_030, 300.0), 4_030),
        late,
    ];
    for (record, at_s) in records {
        state.apply(&record, second(at_s).0);
    }
    let _ = state.take_effects(usize::MAX);
    state
}

/// A format number stands for one layout: with another one the golden bytes need another name.
#[test]
fn the_layout_is_that_of_its_format_number() {
    let name = std::str::from_utf8(&FORMAT).unwrap();
    let golden = format!("{}/src/snapshot/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    let layout = |state: &ShardState| {
        let bytes = encode_state(state, Vec::new()).unwrap();
        zstd::decode_all(bytes.as_slice()).unwrap()
    };
    if !std::fs::exists(&golden).unwrap() {
        std::fs::write(&golden, layout(&full_state())).unwrap();
        panic!("{golden} is new: commit it");
    }
    let golden = std::fs::read(&golden).unwrap();
    let compressed = zstd::encode_all(golden.as_slice(), 1).unwrap();
    let state = decode_state(&compressed).unwrap();
    assert!(layout(&state) == golden, "it is stored in another layout");
    // What was read into other fields would be shown otherwise.
    let expected = full_state();
    let live = |state: &ShardState| state.live().collect::<Vec<_>>();
    assert_eq!(live(&state), live(&expected));
    assert_eq!(trips(state.outbox()), trips(expected.outbox()));
    assert_eq!(state.image().forgotten, expected.image().forgotten);
    assert_eq!((live(&state).len(), trips(state.outbox()).len()), (3, 2));
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_named_with_what_to_do() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let shard = shard().await;
    let mut snapshots = Snapshots::of(objects.clone(), shard.id());
    store(&mut snapshots, 9).await;
    let chain = Chain::new(objects.clone(), format!("_state/{}", shard.id()));
    let whole = chain.get(1).await.unwrap().unwrap();
    let cut = whole.slice(..whole.len() - 7);
    for damaged in [cut, Bytes::from_static(b"hello"), Bytes::new()] {
        let key = objects.list("_state/", None).await.unwrap().remove(0);
        objects.put(&key, damaged).await.unwrap();
        let Err(error) = snapshots.load(&Lineage::default()).await else {
            panic!("it was read")
        };
        let text = format!("{error:#}");
        assert!(
            text.contains(key.as_str()) && text.contains("delete it"),
            "{text}"
        );
    }
}
