//! Outages, one kind at a time.

use std::fs;

use super::{weather::POISON, *};

#[tokio::test(start_paused = true)]
async fn a_calm_stream_gets_all_directly() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Calm);
    let spooled = open(&sky, directory.path()).await;
    for counter in 0..10 {
        append(&*spooled.producer(), "cab", counter).await;
        append(&*spooled.backfill(), "old", counter).await;
    }
    assert_eq!(
        (spooled.live.log.end(0), spooled.backfill.log.end(0)),
        (0, 0)
    );
    assert_eq!(sky.taken().len(), 20);
    spooled.close().await.unwrap();
}

async fn an_outage_is_bridged(weather: Weather) {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Calm);
    let spooled = open(&sky, directory.path()).await;
    append(&*spooled.producer(), "cab", 0).await;
    sky.turn(weather);
    let began = tokio::time::Instant::now();
    append(&*spooled.producer(), "cab", 1).await;
    assert!(began.elapsed() >= DEFAULT_PATIENCE || weather == Weather::Down);
    for counter in 2..50 {
        append(&*spooled.producer(), "cab", counter).await;
    }
    assert!(spooled.live.log.end(0) >= 49, "an fsync was enough");
    sky.turn(Weather::Calm);
    sky.has_taken(|taken| first_occurrences(taken, "cab").len() == 50)
        .await;
    let acked = HashMap::from([("cab".to_owned(), (0..50).collect())]);
    assert_kept(&sky.taken(), &acked);

    // The lane goes direct again: the log does not grow any more.
    let mut counter = 50;
    loop {
        let end = spooled.live.log.end(0);
        append(&*spooled.producer(), "cab", counter).await;
        counter += 1;
        if spooled.live.log.end(0) == end {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let all = first_occurrences(&sky.taken(), "cab");
    assert_eq!(all, (0..counter).collect::<Vec<_>>());
    spooled.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_down_is_bridged() {
    an_outage_is_bridged(Weather::Down).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_hangs_is_bridged() {
    an_outage_is_bridged(Weather::Hangs).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_what_it_does_not_tell_is_bridged() {
    an_outage_is_bridged(Weather::Late(Duration::from_millis(700))).await;
}

#[tokio::test(start_paused = true)]
async fn all_that_waits_is_spooled_with_the_first_that_waits_too_long() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Hangs);
    let spooled = open(&sky, directory.path()).await;
    let first = spooled.producer();
    let first = tokio::spawn(async move { first.append(batch([("one", 0)])).await });
    while sky.calls() == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(DEFAULT_PATIENCE * 9 / 10).await;
    let second = spooled.producer();
    let second = tokio::spawn(async move { second.append(batch([("two", 0)])).await });
    assert!(first.await.unwrap().failed.is_empty());
    assert_eq!(spooled.live.log.end(0), 2, "they share an fsync");
    assert!(second.await.unwrap().failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_takes_in_part_is_spooled_in_part_and_answered_by_its_own_indexes() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Flaky);
    let spooled = open(&sky, directory.path()).await;
    // The call that comes second is taken by half.
    let _ = sky.stream().producer().append(batch([("none", 0)])).await;
    let mut records = Batch::default();
    records.add(b"a", b"0");
    records.add(b"b", POISON);
    records.add(b"c", b"0");
    records.add(b"", b"0");
    records.add(b"d", b"0");
    records.add(b"e", b"0");
    let failed = spooled.producer().append(records).await.failed;
    let indexes: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [1, 3], "{failed:?}");
    assert_eq!(spooled.live.log.end(0), 2);
    sky.turn(Weather::Calm);
    sky.has_taken(|taken| taken.len() == 4).await;
    let keys: Vec<_> = sky.taken().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "c", "d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn a_poisonous_record_goes_to_the_dead_letters_and_the_line_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    append(&*spooled.producer(), "cab", 0).await;
    let mut poison = Batch::default();
    poison.add(b"cab", POISON);
    assert!(spooled.producer().append(poison).await.failed.is_empty());
    append(&*spooled.producer(), "cab", 1).await;
    sky.turn(Weather::Calm);
    sky.has_taken(|taken| first_occurrences(taken, "cab") == [0, 1])
        .await;
    spooled.close().await.unwrap();
    let letters = fs::read_to_string(directory.path().join(dead_letters::FILE)).unwrap();
    assert_eq!(letters.lines().count(), 1);
    assert!(letters.contains(r#""payload":"cG9pc29u""#), "{letters}");
    assert!(letters.contains("it is poison"), "{letters}");
}

#[tokio::test(start_paused = true)]
async fn closing_keeps_the_rest_and_the_next_start_begins_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    for counter in 0..10 {
        append(&*spooled.producer(), "cab", counter).await;
        append(&*spooled.backfill(), "old", counter).await;
    }
    spooled.close().await.unwrap();
    assert_eq!(sky.taken(), []);
    let refused = spooled.producer().append(batch([("cab", 99)])).await;
    assert!(is_unavailable(&refused));

    // Its stream is another one, as that one is closed.
    let sky = Sky::new(Weather::Calm);
    let spooled = open(&sky, directory.path()).await;
    append(&*spooled.producer(), "cab", 10).await;
    sky.has_taken(|taken| taken.len() == 21).await;
    spooled.close().await.unwrap();
    assert_eq!(
        first_occurrences(&sky.taken(), "cab"),
        (0..=10).collect::<Vec<_>>()
    );

    // What was forwarded is not forwarded again after an orderly close.
    let sky = Sky::new(Weather::Calm);
    let spooled = open(&sky, directory.path()).await;
    append(&*spooled.producer(), "cab", 11).await;
    spooled.close().await.unwrap();
    assert_eq!(sky.taken(), [("cab".to_owned(), "11".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn forwarding_goes_on_exactly_behind_the_last_call_that_was_acked() {
    const RECORDS: u64 = 400;
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    let mut records = Batch::default();
    for counter in 0..RECORDS {
        records.add(b"cab", format!("{counter:01000}").as_bytes());
    }
    assert!(spooled.producer().append(records).await.failed.is_empty());
    // One call of two, so that it ends within a block of the log.
    sky.turn(Weather::Until(sky.calls() + 1));
    sky.has_taken(|taken| !taken.is_empty()).await;
    spooled.close().await.unwrap();
    let before = sky.taken().len() as u64;
    assert!(before < RECORDS);
    let sky = Sky::new(Weather::Calm);
    let spooled = open(&sky, directory.path()).await;
    spooled.close().await.unwrap();
    let counters = sky.taken().into_iter();
    let counters: Vec<u64> = counters
        .map(|(_, counter)| counter.parse().unwrap())
        .collect();
    assert_eq!(counters, (before..RECORDS).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_appender_that_stops_waiting_turns_nothing_round() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Hangs);
    let spooled = open(&sky, directory.path()).await;
    let producer = spooled.producer();
    for counter in 0..20 {
        if counter % 2 == 0 {
            let append = producer.append(batch([("cab", counter)]));
            let _ = timeout(Duration::from_millis(1), append).await;
        } else {
            append(&*producer, "cab", counter).await;
        }
    }
    sky.turn(Weather::Calm);
    sky.has_taken(|taken| first_occurrences(taken, "cab").len() == 20)
        .await;
    let found = first_occurrences(&sky.taken(), "cab");
    assert_eq!(found, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn old_records_wait_while_live_ones_are_spooled() {
    const LIVE: usize = 4_000;
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    let ballast = |key: &str| {
        let mut batch = Batch::default();
        for counter in 0..50 {
            let payload = format!("{counter:01000}");
            batch.add(key.as_bytes(), payload.as_bytes());
        }
        batch
    };
    for _ in 0..LIVE / 50 {
        assert!(
            spooled
                .producer()
                .append(ballast("live"))
                .await
                .failed
                .is_empty()
        );
        assert!(
            spooled
                .backfill()
                .append(ballast("old"))
                .await
                .failed
                .is_empty()
        );
    }
    sky.turn(Weather::Slow(Duration::from_millis(20)));
    sky.has_taken(|taken| taken.len() == 2 * LIVE).await;
    let taken = sky.taken();
    let last_live = taken.iter().rposition(|(key, _)| key == "live").unwrap();
    let before = taken[..last_live].iter().filter(|(key, _)| key == "old");
    let before = before.count();
    assert!(
        before < LIVE / 4,
        "{before} old records came before the last live one"
    );
    assert!(before > 0, "old records have their share");
}

#[tokio::test(start_paused = true)]
async fn a_lane_goes_direct_again_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = Arc::new(open(&sky, directory.path()).await);
    let appenders = (0..8).map(|appender| {
        let (sky, spooled) = (sky.clone(), spooled.clone());
        tokio::spawn(async move {
            let key = appender.to_string();
            let mut counter = 0;
            let mut went_direct = false;
            while !went_direct {
                if counter == 50 {
                    sky.turn(Weather::Slow(Duration::from_millis(20)));
                }
                let end = spooled.live.log.end(0);
                append(&*spooled.producer(), &key, counter).await;
                went_direct = spooled.live.log.end(0) == end;
                counter += 1;
            }
            (key, (0..counter).collect::<Vec<_>>())
        })
    });
    let appenders: Vec<_> = appenders.collect();
    let mut acked = HashMap::new();
    for appender in appenders {
        acked.extend([appender.await.unwrap()]);
    }
    assert_kept(&sky.taken(), &acked);
}

#[tokio::test(start_paused = true)]
async fn what_is_newer_of_a_vehicle_never_overtakes_what_is_older() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    append(&*spooled.backfill(), "cab", 0).await;
    let mixed = batch([("other", 0), ("cab", 1), ("other", 1)]);
    let appended = spooled.producer().append(mixed).await;
    assert!(appended.failed.is_empty(), "{:?}", appended.failed);
    spooled.close().await.unwrap();

    // After a start it is still known who waits.
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    append(&*spooled.producer(), "cab", 2).await;
    sky.turn(Weather::Calm);
    sky.has_taken(|taken| taken.len() == 5).await;
    let taken = sky.taken();
    assert_eq!(first_occurrences(&taken, "cab"), [0, 1, 2]);
    assert_eq!(
        taken[0].0, "other",
        "it does not wait for the other vehicle"
    );
    // Whose records are on the stream goes as everybody does.
    append(&*spooled.producer(), "cab", 3).await;
    spooled.close().await.unwrap();
    assert_eq!(first_occurrences(&sky.taken(), "cab"), [0, 1, 2, 3]);
}
