//! What the commands say to who types them: their manuals, and what is wrong.

use std::process::{Command, Output};

use faults::servers::free_port;

use crate::support::{
    program::{Program, command, service},
    wait_for,
};

fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, errors)
}

#[test]
fn help_is_the_manual_of_each_command() {
    for (name, words) in [
        ("run", "HANSOM_LOG"),
        ("simulate", "synthetic town"),
        ("replay", "rides are made of it"),
        ("learn", "learned on"),
        ("backtest", "by_actual_remaining"),
        ("check", "health check"),
        ("key", "shown this once"),
    ] {
        let (output, _) = output(&mut command(&[name, "--help"]));
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(words), "{name}: {help}");
    }
}

#[test]
fn help_is_the_manual_of_each_command_of_the_archiver() {
    for (name, words) in [
        ("key", "no key is overwritten"),
        ("verify", "keep it and give it as --head"),
    ] {
        let (output, _) = output(&mut service("archiver", &[name, "--help"]));
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(words), "{name}: {help}");
    }
}

#[test]
fn help_is_the_manual_of_each_service() {
    for (name, words) in [
        ("ingest", "--max-ahead"),
        ("processor", "--snapshot-interval"),
        ("archiver", "--archive-max-age"),
    ] {
        let (output, _) = output(&mut service(name, &["--help"]));
        let help = String::from_utf8(output.stdout).unwrap();
        for words in [words, "--stream", "--admin", "--grace", "HANSOM_LOG"] {
            assert!(help.contains(words), "{name}: {help}");
        }
    }
}

/// Starts a service with what it must refuse; it says all of that on one line.
fn check_refused(name: &str, arguments: &[&str], words: &[&str]) {
    let (output, errors) = output(service(name, &["--admin", "127.0.0.1:0"]).args(arguments));
    assert_eq!(output.status.code(), Some(1), "{name}: {errors}");
    let told = errors.lines().find(|line| line.starts_with("Error: "));
    let told = told.unwrap_or_else(|| panic!("{name}: {errors}"));
    for word in words {
        assert!(told.contains(word), "{name}, {word}: {errors}");
    }
}

#[test]
fn a_service_refuses_a_stream_that_it_would_have_alone() {
    let embedded = "embedded:///no/such/place";
    for (name, arguments) in [
        ("ingest", ["--listen", "127.0.0.1:0"].as_slice()),
        (
            "processor",
            &["--state", "memory:", "--live", "127.0.0.1:0"],
        ),
        ("archiver", &["--archive", "memory:"]),
    ] {
        let arguments = [&["--stream", embedded], arguments].concat();
        check_refused(name, &arguments, &["--stream: ", embedded, "`hansom run`"]);
    }
}

#[test]
fn a_service_tells_all_mistakes_in_its_settings_at_once() {
    let listen = ["--listen", "127.0.0.1:0"].as_slice();
    let arguments = [
        "--stream",
        "none",
        "--queue-bytes",
        "1",
        "--body-bytes",
        "1",
    ];
    let words = ["--stream: ", "--queue-bytes", "--body-bytes"];
    check_refused("ingest", &[listen, &arguments].concat(), &words);

    let live = ["--live", "127.0.0.1:0"].as_slice();
    let arguments = ["--stream", "none", "--state", "none", "--cache", "none"];
    let words = ["--stream: ", "--state: ", "--cache: "];
    check_refused("processor", &[live, &arguments].concat(), &words);

    let arguments = ["--stream", "none", "--archive", "none"];
    check_refused("archiver", &arguments, &["--stream: ", "--archive: "]);
}

#[test]
fn a_port_in_use_is_told_by_its_flag_before_a_backend_is_opened() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (stream, state) = (["--stream", "none"], ["--state", "none"]);
    let arguments = [stream, ["--listen", &taken]].concat();
    check_refused("ingest", &arguments, &["--listen: ", &taken]);
    let arguments = [stream, state, ["--live", &taken]].concat();
    check_refused("processor", &arguments, &["--live: ", &taken]);
}

#[test]
fn a_server_that_is_not_there_is_told_at_once_by_its_url() {
    let to = format!("http://{}", free_port());
    let flags = [
        "--vehicles",
        "1",
        "--rate",
        "0",
        "--pings",
        "1",
        "--patience",
        "1s",
    ];
    let mut simulate = command(&["simulate", "--to", &to]);
    let (output, errors) = output(simulate.args(flags));
    assert!(!output.status.success());
    assert!(errors.starts_with("no answer, trying for 1s: "), "{errors}");
    assert!(errors.contains(&to), "{errors}");
}

#[test]
fn the_demo_has_rides_under_way_and_a_second_one_shows_none_of_the_first() {
    let data = tempfile::tempdir().unwrap();
    let on_trip = |program: &Program| {
        wait_for("rides under way", || {
            let page = program.live("/v1/rides?phase=on_trip&limit=1000")?;
            let rides = page["rides"].as_array()?.iter();
            let ids: Vec<_> = rides.map(|ride| ride["ride_id"].to_string()).collect();
            (ids.len() > 20).then_some(ids)
        })
    };
    let first = Program::start(data.path(), &["--demo"]);
    on_trip(&first);
    first.stop();
    // Nobody of the first is on board any more.
    let quiet = Program::start(data.path(), &[]);
    let open = wait_for("the state of the first", || {
        let page = quiet.live("/v1/rides?limit=1000")?;
        let rides = page["rides"].as_array()?.clone();
        let over = ["completed", "cancelled"];
        let is_open = |phase: &str| !over.contains(&phase);
        let open = rides
            .iter()
            .filter(|ride| is_open(ride["phase"].as_str().unwrap()))
            .count();
        (!rides.is_empty()).then_some(open)
    });
    assert_eq!(open, 0);
    quiet.stop();
    // Killed, it has left rides open; the next one ends them.
    let second = Program::start(data.path(), &["--demo"]);
    let left_open = on_trip(&second);
    second.kill();
    let third = Program::start(data.path(), &["--demo"]);
    wait_for("the end of the rides of the second", || {
        let rides = on_trip(&third);
        rides
            .iter()
            .all(|ride| !left_open.contains(ride))
            .then_some(())
    });
    third.stop();
}
