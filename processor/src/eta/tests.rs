//! What is learned of drives, from glimpse to promise, in a city that is made up: its drives go at a
//! pace that nobody knows but the drives.

use proptest::prelude::*;
use schemas::{Coordinate, FleetId, RideId, Timestamp};

use super::{
    City, Lesson, Model, Models, Share, Stage,
    drive::{Drive, End, Goal},
    features::Features,
    lesson::Pace,
    model::View,
    motion::{Motion, Movement},
    tempo::Tempo,
};
use crate::fix::Spot;

/// Where the city is: far from the one that the formula knows.
const CENTER: (f64, f64) = (-33.9, 151.2);
const START_MS: i64 = 1_800_000_000_000;
const PING_S: i64 = 30;

fn place(north_m: f64, east_m: f64) -> Coordinate {
    let lat = CENTER.0 + north_m / 111_195.0;
    let lng = CENTER.1 + east_m / 111_195.0 / CENTER.0.to_radians().cos();
    Coordinate::from_degrees(lat, lng).unwrap()
}

/// A drive straight from somewhere to somewhere at so many m/s, and what it teaches.
fn drive(number: u64, (north, east): (f64, f64), pace: f64) -> Option<Lesson> {
    let began = START_MS + number as i64 * 600_000;
    let whole = north.hypot(east);
    let took_s = (whole / pace) as i64;
    let to = place(0.0, 0.0);
    let goal = Goal {
        place: to,
        route: None,
    };
    let spot = |after_s: i64| {
        let left = 1.0 - after_s as f64 / took_s as f64;
        Spot {
            time: Timestamp(began + after_s * 1_000),
            position: place(north * left, east * left),
        }
    };
    let mut drive = Drive::begin(Stage::Trip, spot(0), Tempo::default());
    let mut motion = None;
    for after_s in (0..took_s).step_by(PING_S as usize) {
        let here = spot(after_s);
        if after_s > 0 {
            let (east, north) = spot(after_s - PING_S).position.offset_to(here.position);
            let movement = Movement {
                seconds: PING_S as f64,
                east,
                north,
                speed: None,
            };
            motion = Some(Motion::after(motion, movement));
        }
        drive.advance(here, motion.unwrap_or_default(), goal, &Models::default());
    }
    let ride = RideId::new(&format!("r{number}")).unwrap();
    let end = End {
        time: Timestamp(began + took_s * 1_000),
        place: to,
        planned: None,
    };
    drive.lesson(FleetId::default(), ride, end)
}

/// Drives toward the center, from the north twice as fast as from the south.
fn lessons(count: u64) -> Vec<Lesson> {
    let drives = (0..count).filter_map(|number| {
        let draw = |salt: u64| {
            let mixed = (number * 4 + salt + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (mixed >> 40) as f64 / (1_u64 << 24) as f64
        };
        let (north, east) = (draw(0) * 8_000.0 - 4_000.0, draw(1) * 8_000.0 - 4_000.0);
        let pace = if north > 0.0 { 8.0 } else { 4.0 };
        drive(number, (north, east), pace * (0.9 + 0.2 * draw(2)))
    });
    drives.collect()
}

fn learned(lessons: &[Lesson]) -> Model {
    let mut model = Model::default();
    for lesson in lessons {
        model.learn(lesson.clone());
    }
    model
}

/// The seconds that are predicted for a drive from there which has not begun to move.
fn predicted(model: &Model, north_m: f64, share: Share) -> f64 {
    let here = Spot {
        time: Timestamp(START_MS),
        position: place(north_m, 0.0),
    };
    let view = View {
        stage: Stage::Trip,
        began: here.time,
        from: here.position,
        here,
        motion: Motion::default(),
        longer: 0.0,
        goal: Goal {
            place: place(0.0, 0.0),
            route: None,
        },
    };
    let models = Models::of([model.predictor().clone()]);
    models.estimate(&view).at(share).as_secs_f64()
}

#[test]
fn a_side_of_the_city_that_is_slow_is_learned_to_be_slow() {
    let cold = Model::default();
    let formula = predicted(&cold, 3_000.0, Share::P50);
    assert!((formula - predicted(&cold, -3_000.0, Share::P50)).abs() < 1.0);
    let model = learned(&lessons(3_000)).fitted();
    let (north, south) = (3_000.0 / 8.0, 3_000.0 / 4.0);
    let check = |north_m, took_s: f64| {
        let told = predicted(&model, north_m, Share::P50);
        assert!((told / took_s - 1.0).abs() < 0.12, "{told} for {took_s}");
        let early = predicted(&model, north_m, Share::P10);
        let late = predicted(&model, north_m, Share::P90);
        assert!(
            early < told && told < late && late < 1.4 * early,
            "{early} {told} {late}"
        );
    };
    check(3_000.0, north);
    check(-3_000.0, south);
}

#[test]
fn the_same_drives_in_another_order_give_the_same_model_bit_by_bit() {
    let mut lessons = lessons(300);
    let one = learned(&lessons).fitted().encode().unwrap();
    lessons.reverse();
    lessons.extend_from_within(..100);
    assert_eq!(learned(&lessons).fitted().encode().unwrap(), one);
}

#[test]
fn it_is_fitted_again_when_a_tenth_is_new_or_a_day_has_passed() {
    let lessons = lessons(200);
    let due_after = |known: usize, now: usize| {
        let mut model = learned(&lessons[..known]).fitted();
        assert!(!model.is_fit_due(), "{known}");
        for lesson in &lessons[known..now] {
            model.learn(lesson.clone());
        }
        model.is_fit_due()
    };
    assert!(!learned(&lessons[..49]).is_fit_due());
    assert!(learned(&lessons[..50]).is_fit_due());
    assert!(!due_after(100, 105));
    assert!(due_after(100, 112));
    // Drives begin ten minutes after each other: these two are a day apart.
    let mut model = learned(
        &lessons[..40]
            .iter()
            .chain(&lessons[100..130])
            .cloned()
            .collect::<Vec<_>>(),
    )
    .fitted();
    assert!(!model.is_fit_due());
    let late = drive(130 + 150, (1_000.0, 1_000.0), 5.0).unwrap();
    model.learn(late);
    assert!(model.is_fit_due());
}

#[test]
fn a_model_is_the_same_from_its_bytes_and_bytes_that_are_damaged_are_none() {
    let model = learned(&lessons(300)).fitted();
    let bytes = model.encode().unwrap();
    let back = Model::decode(&bytes).unwrap();
    assert_eq!(back.encode().unwrap(), bytes);
    assert_eq!(
        (back.memory(), back.city()),
        (model.memory(), &City::default())
    );
    for damaged in [&bytes[..bytes.len() - 9], b"hansomM0", b"", b"hansomM1"] {
        assert!(Model::decode(damaged).is_err());
    }
}

#[test]
fn a_drive_that_is_no_example_teaches_nothing() {
    assert!(drive(1, (3_000.0, 0.0), 6.0).is_some());
    // Less than a minute, more than three hours, and one that hardly comes nearer.
    assert!(drive(1, (300.0, 0.0), 6.0).is_none());
    assert!(drive(1, (45_000.0, 0.0), 4.0).is_none());
    assert!(drive(1, (1_000.0, 0.0), 0.3).is_none());
}

#[test]
fn a_long_drive_is_seen_as_often_as_a_lesson_holds() {
    let lesson = drive(1, (40_000.0, 0.0), 5.0).unwrap();
    assert!((64..=128).contains(&lesson.len()), "{}", lesson.len());
    let gaps = lesson
        .glimpses
        .windows(2)
        .map(|pair| pair[1].after_s - pair[0].after_s);
    assert!(gaps.clone().max() <= Some(2 * 60), "{:?}", gaps.max());
}

proptest! {
    #[test]
    fn what_is_learned_from_is_what_is_predicted_from(
        north in -20_000.0..20_000.0, east in -20_000.0..20_000.0, pace in 3.0..20.0, which in 0_usize..100,
    ) {
        let Some(lesson) = drive(7, (north, east), pace) else {
            return Ok(());
        };
        let city = City::default();
        let glimpse = lesson.glimpses[which % lesson.len()];
        let kept = Features::at(&lesson, &glimpse, &city).unwrap();
        let whole = north.hypot(east);
        let took_s = (whole / pace).trunc();
        let left = 1.0 - f64::from(glimpse.after_s) / took_s;
        let here = Spot {
            time: Timestamp(lesson.began.0 + i64::from(glimpse.after_s) * 1_000),
            position: place(north * left, east * left),
        };
        let [quick, slow, moved_east, moved_north] = glimpse.motion.mps();
        let motion = Motion { quick, slow, east: moved_east, north: moved_north, interval: 0.0 };
        prop_assert_eq!(Pace::from(motion), glimpse.motion);
        let view = View {
            stage: Stage::Trip,
            began: lesson.began,
            from: lesson.place().unwrap(),
            here,
            motion,
            longer: 0.0,
            goal: Goal { place: place(0.0, 0.0), route: None },
        };
        let seen = Features::of(&view, here.position.distance(view.goal.place), &city);
        // Distances to the metres of a glimpse's units, degrees to as much, the rest exactly.
        for (at, (kept, seen)) in kept.0.iter().zip(seen.0).enumerate() {
            let tolerance = match at {
                0 | 11 => 3.0,
                5..=8 | 15..=18 => 1e-4,
                9 => 0.02 + 3.0 / (whole * left) as f32,
                12 => 0.05 + 60.0 / (whole * left) as f32,
                _ => 1e-3,
            };
            prop_assert!((kept - seen).abs() <= tolerance, "{}: {} {}", at, kept, seen);
        }
    }
}
