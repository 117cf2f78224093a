//! What the flags of MQTT say together, and that no secret is in what is said about them.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    settings: MqttSettings,
}

fn settings(flags: &[&str]) -> MqttSettings {
    Line::parse_from([&["ingest"], flags].concat()).settings
}

fn broker(url: &str) -> Broker {
    settings(&["--mqtt", url]).open().unwrap().unwrap()
}

/// What is said of a mistake.
fn mistake(flags: &[&str]) -> String {
    let opened = settings(flags).open();
    format!("{:#}", opened.err().unwrap())
}

#[test]
fn without_a_broker_there_is_none() {
    assert!(settings(&[]).open().unwrap().is_none());
}

#[test]
fn a_url_says_where_the_broker_is_and_who_we_are() {
    let plain = broker("mqtt://host");
    assert_eq!(plain.address(), "host:1883");
    assert_eq!(plain.version, Version::V3);
    assert_eq!(plain.client_id, CLIENT_ID);
    assert_eq!(plain.topics, ["owntracks/+/+", "hansom/pings/+"]);
    assert_eq!(plain.credentials(), None);
    let other = broker("mqtt://a%40b@host:9?version=5&client_id=north-1");
    assert_eq!(other.address(), "host:9");
    assert_eq!(other.version, Version::V5);
    assert_eq!(other.client_id, "north-1");
    assert_eq!(other.credentials(), Some(("a@b", "")));
    assert_eq!(broker("mqtt://host?version=3").version, Version::V3);
}

#[test]
fn a_mistake_is_named_by_its_flag() {
    let check = |flags: &[&str], expected: &str| {
        let told = mistake(flags);
        assert!(told.contains(expected), "{told}");
    };
    check(&["--mqtt", "host:1883"], "--mqtt: there is no host://");
    check(&["--mqtt", "mqtt://"], "--mqtt: ");
    check(&["--mqtt", "mqtt://host?version=4"], "version is 3 or 5");
    check(&["--mqtt", "mqtt://host?client_id="], "client_id is empty");
    check(&["--mqtt", "mqtt://host?ca=x"], "there is no option ca");
    check(&["--mqtt", "mqtt://host/topic"], "--mqtt-topics");
    check(&["--mqtt", "mqtts://host?ca=/no/such"], "ca=/no/such");
    let topics = ["--mqtt", "mqtt://host", "--mqtt-topics"];
    for topic in ["a+/b", "a/#/b", "", "$share/all", "$share/all/"] {
        check(&[&topics[..], &[topic]].concat(), "--mqtt-topics: ");
    }
    let file = ["--mqtt-password-file", "/no/such"];
    let several = [&["--mqtt", "mqtt://host/topic"], &file[..]].concat();
    check(&several, "--mqtt-password-file: /no/such");
    check(&several, "--mqtt: ");
}

#[test]
fn topics_may_be_shared_with_other_processes() {
    let topics = "$share/all/hansom/pings/+,$share/all/owntracks/#";
    let settings = settings(&["--mqtt", "mqtt://host", "--mqtt-topics", topics]);
    let broker = settings.open().unwrap().unwrap();
    assert_eq!(broker.topics.join(","), topics);
}

#[test]
fn a_password_comes_from_a_file_and_is_shown_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "s3cret \n").unwrap();
    let flags = ["--mqtt-password-file", file.to_str().unwrap(), "--mqtt"];
    let with = |url| settings(&[&flags[..], &[url]].concat());
    let told = with("mqtt://user@host");
    let broker = told.open().unwrap().unwrap();
    assert_eq!(broker.credentials(), Some(("user", "s3cret ")));
    assert!(!format!("{told:?}").contains("s3cret"));
    let lonely = format!("{:#}", with("mqtt://host").open().err().unwrap());
    assert!(lonely.contains("name its user"), "{lonely}");
    fs::write(&file, "\n").unwrap();
    let empty = format!("{:#}", with("mqtt://user@host").open().err().unwrap());
    assert!(empty.contains("is empty"), "{empty}");
}

#[test]
fn a_password_in_a_url_is_refused_and_not_shown() {
    for url in [
        "mqtt://user:s3cret@host",
        "mqtt://user:s3cret@host:nonsense",
        "mqtt://user:s3cret@",
        "user:s3cret@host",
    ] {
        let told = mistake(&["--mqtt", url]);
        assert!(!told.contains("s3cret"), "{told}");
        let shown = format!("{:?}", settings(&["--mqtt", url]));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
