//! When a worker cuts: not before its time, and not after it.

use super::*;

/// The time of day, for a worker whose time is paused.
fn paused_ms() -> i64 {
    let ahead = Instant::now()
        .into_std()
        .saturating_duration_since(std::time::Instant::now());
    unix_ms() + ahead.as_millis() as i64
}

#[tokio::test(start_paused = true)]
async fn rows_are_in_the_archive_when_the_oldest_has_the_age_for_it_also_after_a_restart() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    append(&stream, &[ping("v1", 1).into()]).await;
    let began = Instant::now();
    for minutes in [10, 60] {
        let (mut worker, _drain) = worker(&stream, objects.clone(), LIMITS).await;
        worker.now_ms = paused_ms;
        let running = tokio::spawn(worker.run());
        let _archived = time::timeout(Duration::from_mins(minutes), archived(&objects, 1)).await;
        running.abort();
        let _aborted = running.await;
    }
    let elapsed = began.elapsed();
    assert!(
        (Duration::from_mins(15)..Duration::from_mins(16)).contains(&elapsed),
        "{elapsed:?}"
    );
    assert_eq!(read(&*objects).await.commits.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn records_that_seem_old_do_not_make_a_commit_of_every_read() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let (mut worker, drain) = worker(&stream, objects.clone(), LIMITS).await;
    worker.now_ms = || unix_ms() + 30 * 24 * 3_600_000;
    let running = tokio::spawn(worker.run());
    for second in 0..100 {
        append(&stream, &[ping("v1", second).into()]).await;
        time::sleep(Duration::from_secs(1)).await;
    }
    drain.request();
    running.await.unwrap().unwrap();
    let archive = read(&*objects).await;
    assert_eq!(archive.pings.len(), 100);
    assert_eq!(archive.commits.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_nothing_still_archives_everything() {
    let stream = stream(4).await;
    let objects = Arc::new(MemoryObjects::default());
    let drain = Shutdown::new();
    let settings = Settings {
        archive_memory: 0,
        ..settings()
    };
    let running = tokio::spawn(crate::run(
        settings,
        stream.clone(),
        objects.clone(),
        Drain::ReadOut(drain.clone()),
    ));
    let vehicles: Vec<String> = (0..50).map(|number| format!("v{number}")).collect();
    for number in 0..20 {
        let pings: Vec<Entry> = vehicles
            .iter()
            .map(|name| ping(name, number).into())
            .collect();
        append(&stream, &pings).await;
    }
    let began = Instant::now();
    let _archive = archived(&objects, 1_000).await;
    assert!(began.elapsed() < LIMITS.age, "rows waited for their age");
    drain.request();
    running.await.unwrap().unwrap();
    assert_eq!(read(&*objects).await.pings.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_range_of_repeats_alone_does_not_make_later_files_small() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let limits = Limits {
        file_bytes: 1_000_000,
        ..LIMITS
    };
    let (worker, drain) = worker(&stream, objects.clone(), limits).await;
    let running = tokio::spawn(worker.run());
    for number in [1, 1, 2, 3, 4, 5, 6] {
        append(&stream, &[ping("v1", number).into()]).await;
        // The first ping and its repeat become commits of their own.
        let is_alone = read(&*objects).await.commits.len() < 2;
        let second = Duration::from_secs(1);
        time::sleep(if is_alone {
            limits.age + second
        } else {
            second
        })
        .await;
    }
    drain.request();
    running.await.unwrap().unwrap();
    let rows: Vec<_> = read(&*objects).await.commits;
    let rows: Vec<_> = rows.iter().map(|commit| commit.counts.pings.rows).collect();
    assert_eq!(rows, [1, 0, 5]);
}
