//! What a school promises: what it has learned is stored, whoever else learns there and whatever
//! fails, and learning again changes nothing.

use std::ops::Range;

use objects::{Key, memory::MemoryObjects};

use super::*;
use crate::learner::testing::{Before, Eventful, lessons, model_of};

/// The last link and its model.
async fn last(objects: &Arc<dyn Objects>) -> Option<(u64, Bytes)> {
    let chain = Chain::new(objects.clone(), "_models/everywhere");
    chain.last().await.unwrap()
}

fn school(objects: &Arc<dyn Objects>) -> School {
    School::new(objects.clone(), Model::default())
}

fn storage() -> Arc<dyn Objects> {
    Arc::new(MemoryObjects::default())
}

async fn learn(school: &mut School, drives: Range<u32>) -> anyhow::Result<Counts> {
    school.learn(lessons(drives).into()).await
}

async fn assert_stored(objects: &Arc<dyn Objects>, drives: Range<u32>) {
    let (_, bytes) = last(objects).await.unwrap();
    let model = Model::decode(&bytes).unwrap();
    let expected = model_of(City::default(), &lessons(drives));
    assert_eq!(model.memory(), expected.memory());
}

fn counts(new: u64, known: u64) -> Counts {
    Counts {
        new,
        known,
        left_out: 0,
    }
}

#[tokio::test]
async fn two_learn_from_each_other() {
    let objects = storage();
    let (mut one, mut other) = (school(&objects), school(&objects));
    assert_eq!(learn(&mut one, 0..3).await.unwrap(), counts(3, 0));
    assert_eq!(learn(&mut other, 2..5).await.unwrap(), counts(2, 1));
    assert_eq!(one.drives(), Some(3));
    learn(&mut one, 0..0).await.unwrap();
    assert_eq!((one.drives(), other.drives()), (Some(5), Some(5)));
    assert_stored(&objects, 0..5).await;
}

#[tokio::test]
async fn learning_what_is_stored_stores_nothing() {
    let objects = storage();
    learn(&mut school(&objects), 0..0).await.unwrap();
    assert_eq!(last(&objects).await, None);
    learn(&mut school(&objects), 0..3).await.unwrap();
    let stored = last(&objects).await;
    // One that stored them and fell before it could tell anybody.
    let again = learn(&mut school(&objects), 0..3).await.unwrap();
    assert_eq!(again, counts(0, 3));
    assert_eq!(last(&objects).await, stored);
}

#[tokio::test]
async fn the_last_two_links_are_kept() {
    let objects = storage();
    let mut school = school(&objects);
    for drives in 1..=5 {
        learn(&mut school, 0..drives).await.unwrap();
    }
    let keys = objects.list("_models/", None).await.unwrap();
    let names: Vec<_> = keys.iter().map(Key::as_str).collect();
    assert_eq!(
        names,
        [
            "_models/everywhere/00000000000000000004",
            "_models/everywhere/00000000000000000005"
        ]
    );
}

#[tokio::test]
async fn of_those_that_store_at_once_each_is_learned_from() {
    let objects = storage();
    let others = (2..2 + MAX_TRIES - 1).map(Before::Another);
    let mut school = school(&Eventful::storage(&objects, others));
    learn(&mut school, 0..2).await.unwrap();
    assert_stored(&objects, 0..2 + MAX_TRIES - 1).await;
}

#[tokio::test]
async fn who_is_never_first_says_so_and_learns_the_next_time() {
    let objects = storage();
    let others = (2..2 + MAX_TRIES).map(Before::Another);
    let mut school = school(&Eventful::storage(&objects, others));
    let error = learn(&mut school, 0..2).await.unwrap_err();
    assert!(error.to_string().contains("stored theirs first"), "{error}");
    assert_stored(&objects, 2..2 + MAX_TRIES).await;
    learn(&mut school, 0..2).await.unwrap();
    assert_stored(&objects, 0..2 + MAX_TRIES).await;
}

#[tokio::test]
async fn what_was_not_stored_was_not_learned() {
    let objects = storage();
    let mut school = school(&Eventful::storage(&objects, [Before::Fails]));
    learn(&mut school, 0..2).await.unwrap_err();
    assert_eq!(last(&objects).await, None);
    // Had it kept what it learned, these would be known, and not stored.
    assert_eq!(learn(&mut school, 0..2).await.unwrap(), counts(2, 0));
    assert_stored(&objects, 0..2).await;
}

#[tokio::test]
async fn what_was_stored_without_an_answer_is_known() {
    let objects = storage();
    let mut school = school(&Eventful::storage(&objects, [Before::IsUnanswered]));
    learn(&mut school, 0..2).await.unwrap_err();
    assert_eq!(learn(&mut school, 0..2).await.unwrap(), counts(0, 2));
    assert_eq!(last(&objects).await.unwrap().0, 1);
}

#[tokio::test]
async fn a_link_that_is_no_model_is_told_and_what_predicts_stays() {
    let objects = storage();
    let mut school = school(&objects);
    learn(&mut school, 0..2).await.unwrap();
    let predictor = school.predictor().clone();
    let chain = Chain::new(objects.clone(), "_models/everywhere");
    let _put = chain.put(2, Bytes::from_static(b"none")).await.unwrap();
    let error = format!("{:#}", learn(&mut school, 2..3).await.unwrap_err());
    assert!(
        error.contains("_models/everywhere/00000000000000000002") && error.contains("delete it"),
        "{error}"
    );
    assert!(Arc::ptr_eq(school.predictor(), &predictor));
    let damaged = objects.list("_models/", None).await.unwrap().pop().unwrap();
    objects.delete(&damaged).await.unwrap();
    learn(&mut school, 2..3).await.unwrap();
    assert_stored(&objects, 0..3).await;
}

#[tokio::test]
async fn what_is_given_is_stored_and_predicts_until_it_is() {
    for stored in [0..0, 3..5, 1..3] {
        let objects = storage();
        learn(&mut school(&objects), stored.clone()).await.unwrap();
        let given = model_of(City::default(), &lessons(0..3));
        let mut school = School::new(objects.clone(), given.clone());
        assert!(Arc::ptr_eq(school.predictor(), given.predictor()));
        learn(&mut school, 0..0).await.unwrap();
        assert_stored(&objects, 0..stored.end.max(3)).await;
        let before = last(&objects).await;
        let mut again = School::new(objects.clone(), given);
        learn(&mut again, 0..0).await.unwrap();
        assert_eq!(last(&objects).await, before);
    }
}

#[tokio::test]
async fn a_city_is_where_it_was_named_to_be_and_remembers_what_it_learned_elsewhere() {
    let objects = storage();
    let city = |text: &str| Model::new(text.parse().unwrap());
    let mut wide = School::new(objects.clone(), city("sf=37.77,-122.42,80,UTC"));
    learn(&mut wide, 0..3).await.unwrap();
    let near = city("sf=37.77,-122.42,8,UTC");
    let mut school = School::new(objects.clone(), near.clone());
    learn(&mut school, 3..4).await.unwrap();
    assert_eq!(school.drives(), Some(4));
    let chain = Chain::new(objects, "_models/sf");
    let (_, bytes) = chain.last().await.unwrap().unwrap();
    assert_eq!(Model::decode(&bytes).unwrap().city(), near.city());
}
