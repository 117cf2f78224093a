//! The guard on files that change while it looks.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;
use crate::keys::{NewKey, Purpose};

fn new_key() -> NewKey {
    NewKey::make(Purpose {
        right: Right::Write,
        fleet: "blue".to_owned(),
        vehicle: None,
    })
    .unwrap()
}

fn settings(keys: &Path) -> Settings {
    Settings {
        api_keys: Some(keys.to_path_buf()),
        ..Settings::default()
    }
}

fn admits(guard: &Guard, key: &NewKey) -> bool {
    let credential = Credential::new(&key.text);
    guard.admit(Some(&credential), Right::Write).is_ok()
}

/// Waits until the guard has read again what it had not.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_is_taken_and_one_that_goes_is_not_while_nonsense_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keys.toml");
    let (one, two) = (new_key(), new_key());
    fs::write(&file, &one.entry).unwrap();
    let guard = Guard::start(&settings(&file)).await.unwrap();
    assert!(admits(&guard, &one) && !admits(&guard, &two));
    fs::write(&file, &two.entry).unwrap();
    until(|| admits(&guard, &two)).await;
    assert!(!admits(&guard, &one));
    fs::write(&file, "[[key]]\nid = 7").unwrap();
    sleep(Duration::from_mins(2)).await;
    assert!(admits(&guard, &two));
    fs::remove_file(&file).unwrap();
    sleep(Duration::from_mins(2)).await;
    assert!(admits(&guard, &two));
    fs::write(&file, &one.entry).unwrap();
    until(|| admits(&guard, &one)).await;
}

#[tokio::test]
async fn nothing_is_open_but_by_its_name() {
    let nothing = Guard::start(&Settings::default()).await;
    let error = nothing.err().unwrap().to_string();
    assert!(error.contains("--insecure-demo"), "{error}");
    let open = Settings {
        insecure_demo: true,
        ..Settings::default()
    };
    let guard = Guard::start(&open).await.unwrap();
    let everything = guard.admit(None, Right::Write).unwrap();
    assert_eq!(everything.fleet, None);
}

#[tokio::test]
async fn without_a_credential_nothing_is_admitted_and_what_is_none_is_told_apart() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keys.toml");
    fs::write(&file, new_key().entry).unwrap();
    let guard = Guard::start(&settings(&file)).await.unwrap();
    assert_eq!(guard.admit(None, Right::Write), Err(Refusal::Missing));
    for (text, why) in [
        (new_key().text, Refusal::UnknownKey),
        ("a.b.c".to_owned(), Refusal::Malformed),
        (String::new(), Refusal::Malformed),
    ] {
        let credential = Credential::new(text);
        assert_eq!(guard.admit(Some(&credential), Right::Write), Err(why));
    }
    assert_eq!(guard.share("blue", "r1", Duration::from_mins(1)), None);
    assert_eq!(
        guard.admit_share("1.x", "blue", "r1"),
        Err(Refusal::Malformed)
    );
}

#[tokio::test]
async fn a_link_that_was_made_here_shows_its_ride() {
    let directory = TempDir::new().unwrap();
    let (keys, secrets) = (
        directory.path().join("keys"),
        directory.path().join("secrets"),
    );
    fs::write(&keys, new_key().entry).unwrap();
    fs::write(&secrets, "a secret that is long enough to be one\n").unwrap();
    let settings = Settings {
        share_secrets: Some(secrets),
        ..settings(&keys)
    };
    let guard = Guard::start(&settings).await.unwrap();
    let link = guard.share("blue", "r1", Duration::from_mins(1)).unwrap();
    assert_eq!(guard.admit_share(&link, "blue", "r1"), Ok(()));
    let other = guard.admit_share(&link, "blue", "r2");
    assert_eq!(other, Err(Refusal::WrongSignature));
}

#[tokio::test]
async fn looking_again_is_no_request_more() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keys.toml");
    let key = new_key();
    fs::write(&file, &key.entry).unwrap();
    let settings = Settings {
        credential_rate: 1,
        ..settings(&file)
    };
    let guard = Guard::start(&settings).await.unwrap();
    let credential = Credential::new(&key.text);
    while admits(&guard, &key) {}
    let refused = guard.admit(Some(&credential), Right::Write);
    assert_eq!(refused.unwrap_err(), Refusal::TooFrequent);
    assert!(guard.look(Some(&credential), Right::Write).is_ok());
    assert!(guard.look(Some(&credential), Right::Read).is_err());
}
