//! When a worker lets go of lessons: once they are stored, and never of others.

use super::*;
use crate::{
    eta::{City, Model, Models},
    learner::{port::Desk, testing::ride},
    testing::second,
};

/// The state of a shard where so many drives have ended.
fn state_of(drives: usize) -> ShardState {
    let mut state = ShardState::default();
    for drive in 0..drives {
        add_drive(&mut state, drive);
    }
    state
}

fn add_drive(state: &mut ShardState, drive: usize) {
    for record in ride(&format!("d{drive}"), 0.0) {
        state.apply(&record, second(0).0);
    }
}

/// What is offered when the learner calls.
fn call(desk: &mut Desk, teaching: &mut Teaching, state: &mut ShardState) -> Vec<Offer> {
    desk.call();
    teaching.take_news(state);
    desk.take_offers()
}

/// Takes the learner's word that some of an offer are stored.
async fn answer(offer: Offer, stored: usize, teaching: &mut Teaching, state: &mut ShardState) {
    let stored = offer.lessons.into_iter().take(stored).collect();
    offer.stored.send(stored).unwrap();
    let heard = teaching.heard().await;
    assert!(matches!(heard, Heard::Stored(_)), "{heard:?}");
    teaching.follow(heard, state);
}

fn waiting(state: &ShardState) -> Vec<Lesson> {
    state.lessons().cloned().collect()
}

#[tokio::test]
async fn lessons_wait_until_they_are_stored_and_those_that_came_since_wait_on() {
    let (mut desk, port) = Desk::open(Models::default());
    let mut teaching = Teaching::by(port);
    let mut state = state_of(3);
    let all = waiting(&state);
    let offer = call(&mut desk, &mut teaching, &mut state).pop().unwrap();
    assert_eq!((&offer.lessons, waiting(&state)), (&all, all.clone()));
    add_drive(&mut state, 3);
    // Nothing is offered twice at a time.
    assert!(call(&mut desk, &mut teaching, &mut state).is_empty());
    answer(offer, 3, &mut teaching, &mut state).await;
    assert_eq!(state.lessons().len(), 1);
}

#[tokio::test]
async fn what_is_not_stored_is_offered_again_after_what_lies_behind_it() {
    let (mut desk, port) = Desk::open(Models::default());
    let mut teaching = Teaching::by(port);
    let mut state = state_of(MAX_OFFERED + 1);
    let all = waiting(&state);
    let offer = call(&mut desk, &mut teaching, &mut state).pop().unwrap();
    assert_eq!(offer.lessons, all[..MAX_OFFERED]);
    answer(offer, 1, &mut teaching, &mut state).await;
    assert_eq!(waiting(&state), all[1..]);
    let behind = call(&mut desk, &mut teaching, &mut state).pop().unwrap();
    assert_eq!(behind.lessons, all[MAX_OFFERED..]);
    answer(behind, 0, &mut teaching, &mut state).await;
    let again = call(&mut desk, &mut teaching, &mut state).pop().unwrap();
    assert_eq!(again.lessons, all[1..]);
}

#[tokio::test]
async fn a_learner_that_gives_no_answer_has_stored_nothing() {
    let (mut desk, port) = Desk::open(Models::default());
    let mut teaching = Teaching::by(port);
    let mut state = state_of(2);
    drop(call(&mut desk, &mut teaching, &mut state));
    let heard = teaching.heard().await;
    assert_eq!(teaching.follow(heard, &mut state), Lessons::Wait);
    assert_eq!(state.lessons().len(), 2);
    let again = call(&mut desk, &mut teaching, &mut state).pop().unwrap();
    assert_eq!(again.lessons, waiting(&state));
}

#[tokio::test]
async fn a_state_predicts_by_the_models_of_the_last_news_and_by_no_others() {
    let first = Model::new(City::default());
    let models = |model: &Model| Models::of([model.predictor().clone()]);
    let (desk, port) = Desk::open(models(&first));
    let mut teaching = Teaching::by(port);
    let mut state = state_of(0);
    teaching.take_news(&mut state);
    let former = std::sync::Arc::downgrade(first.predictor());
    drop(first);
    desk.tell(models(&Model::new(City::default())));
    assert!(former.upgrade().is_some());
    let heard = teaching.heard().await;
    teaching.follow(heard, &mut state);
    assert!(former.upgrade().is_none());
}

#[test]
fn where_nobody_learns_no_lesson_waits() {
    let teaching = Teaching::by(Port::silent(Models::default()));
    let mut state = state_of(2);
    teaching.let_go_unheard(&mut state);
    assert_eq!(state.lessons().len(), 0);
    let (_desk, port) = Desk::open(Models::default());
    let mut state = state_of(2);
    Teaching::by(port).let_go_unheard(&mut state);
    assert_eq!(state.lessons().len(), 2);
}
