//! docker-compose.yml: held against its specification and the rules of the house. Here is no engine of
//! containers, so that what images of others do is not seen; what ours has is, in `image`, and what its
//! programs do, in `whole`.

mod image;
mod whole;

use crate::{
    monitoring::read,
    support::{
        composition::{Composition, Service},
        program,
        tools::{Tools, passes},
    },
};

/// An image of others that runs as root, and why.
const AS_ROOT: [(&str, &str); 1] = [("aws", "it starts programs as other users")];
/// Services that may write beside their volumes, and why.
const WRITING: [(&str, &str); 3] = [
    ("aws", "it unpacks what it starts"),
    ("kafka", "its settings become a file beside the programs"),
    ("kafka-init", "its programs log beside themselves"),
];
/// Seconds that `--grace` gives a service by default.
const GRACE_SECONDS: u64 = 30;
/// Without an engine nobody fetches an image of which the digest could be told.
const WITHOUT_DIGEST: [&str; 2] = ["ghcr.io/etspaceman/kinesis-mock", "rust"];

/// Holds what is said of each service against a rule.
fn check(test: &str, holds: impl Fn(&Composition, Service) -> Result<(), String>) {
    let Some(tools) = Tools::find(test) else {
        return;
    };
    let composition = Composition::read(&tools);
    let services = composition.services();
    let broken: Vec<_> = services
        .filter_map(|service| {
            let broken = holds(&composition, service).err()?;
            Some(format!("{}: {broken}", service.name))
        })
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn unless(holds: bool, broken: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken.into()) }
}

/// Says what is wrong with the name of an image: it has a version, and where that can be known its
/// digest, so that what was tried is what runs.
fn check_image(image: &str) -> Result<(), String> {
    let (tagged, digest) = image.split_once('@').unwrap_or((image, ""));
    let Some((name, tag)) = tagged.rsplit_once(':') else {
        return Err(format!("{image} has no version"));
    };
    unless(tag != "latest", format!("{image} is whatever it is today"))?;
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    unless(
        is_digest || digest.is_empty() && WITHOUT_DIGEST.contains(&name),
        format!("{image} has no digest"),
    )
}

#[test]
fn an_image_without_a_version_or_a_digest_is_refused() {
    let digest = "0123456789abcdef".repeat(4);
    assert_eq!(check_image(&format!("a/b:1@sha256:{digest}")), Ok(()));
    for image in [
        "a/b",
        "a/b:latest",
        "a/b:1",
        "a/b:1@sha256:12",
        "host:5/a/b",
    ] {
        assert!(check_image(image).is_err(), "{image}");
    }
    assert!(check_image(&format!("a/b:latest@sha256:{digest}")).is_err());
}

#[test]
fn the_composition_is_as_specified() {
    let Some(tools) = Tools::find("the_composition_is_as_specified") else {
        return;
    };
    let mut check = tools.command("check-jsonschema");
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    passes(check.args(schema).arg("docker-compose.yml"));
}

#[test]
fn every_image_is_pinned() {
    check("every_image_is_pinned", |_, service| {
        let image = service.is["image"].as_str().ok_or("it has no image")?;
        if service.is_ours() {
            return unless(image == "hansom:local", "ours is one image");
        }
        check_image(image)
    });
    let dockerfile = read("Dockerfile");
    let bases: Vec<_> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next())
        .collect();
    assert_eq!(bases.len(), 2);
    for base in bases {
        check_image(base).unwrap();
    }
}

#[test]
fn every_service_is_limited_and_contained() {
    check("every_service_is_limited_and_contained", |_, service| {
        let exempt = |list: &[(&str, &str)]| list.iter().any(|(name, _)| *name == service.name);
        unless(service.is["mem_limit"].is_string(), "memory has no limit")?;
        unless(service.is["cpus"].is_number(), "cores have no limit")?;
        let log = &service.is["logging"]["options"];
        unless(log["max-size"].is_string(), "its log has no limit")?;
        let options = service.words("security_opt");
        unless(options == ["no-new-privileges:true"], "it may gain rights")?;
        unless(service.is["privileged"].is_null(), "it has all rights")?;
        let writes = service.is["read_only"] != true;
        unless(
            writes == exempt(&WRITING),
            "it may write, or the list is old",
        )?;
        let user = service.is["user"].as_str().unwrap_or("0");
        let is_root = user.starts_with('0') || user.starts_with("root");
        unless(
            is_root == exempt(&AS_ROOT),
            "it is root, or the list is old",
        )?;
        let rights = service.words("cap_drop") == ["ALL"];
        unless(rights || is_root, "it has rights that it does not need")
    });
}

#[test]
fn every_service_says_whether_it_is_well() {
    check("every_service_says_whether_it_is_well", |_, service| {
        if service.ends() {
            return unless(service.health().is_empty(), "it ends; who looks?");
        }
        let health = &service.is["healthcheck"];
        unless(service.health().len() > 1, "it has no health check")?;
        for name in ["interval", "timeout", "retries"] {
            unless(!health[name].is_null(), format!("its {name} is whatever"))?;
        }
        if !service.is_ours() {
            return Ok(());
        }
        let asks = service.health();
        unless(
            asks.starts_with(&["CMD", "hansom", "check"]),
            "there is no other program",
        )?;
        passes(program::command(&asks[2..]).arg("--help"));
        let grace = service.is["stop_grace_period"].as_str().unwrap_or("10s");
        let seconds: u64 = grace.trim_end_matches('s').parse().unwrap();
        unless(seconds > GRACE_SECONDS, "it is killed before it has ended")
    });
}

#[test]
fn nothing_is_published_beyond_this_machine() {
    let test = "nothing_is_published_beyond_this_machine";
    check(test, |composition, service| {
        for port in service.words("ports") {
            unless(port.starts_with("127.0.0.1:"), format!("{port} is for all"))?;
            let published = port.rsplit_once(':').unwrap().0;
            let alike = composition.services().filter(|other| {
                let ports = other.words("ports");
                let has = ports
                    .iter()
                    .any(|port| port.rsplit_once(':').unwrap().0 == published);
                has && other.is["profiles"] == service.is["profiles"]
            });
            unless(alike.count() == 1, format!("{port} is published twice"))?;
        }
        unless(
            service.is["network_mode"].is_null(),
            "it has the machine's network",
        )
    });
}

#[test]
fn whoever_is_waited_for_comes() {
    check("whoever_is_waited_for_comes", |composition, service| {
        for (name, how) in service.awaits() {
            let other = composition.service(name);
            let has_condition = match how["condition"].as_str() {
                Some("service_healthy") => !other.ends(),
                Some("service_completed_successfully") => other.ends(),
                _ => false,
            };
            unless(has_condition, format!("{name} never comes to be {how}"))?;
            let profiles = other.words("profiles");
            let comes_along = profiles.is_empty() || profiles == service.words("profiles");
            let may_be_missing = how["required"] == false;
            unless(
                comes_along != may_be_missing,
                format!("{name} may not be there"),
            )?;
        }
        Ok(())
    });
}

/// A manual without its line breaks.
fn words(manual: &str) -> String {
    manual.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn our_programs_take_what_they_are_told() {
    check("our_programs_take_what_they_are_told", |_, service| {
        if !service.is_ours() {
            return Ok(());
        }
        // All before --help is read, and refused where it is wrong.
        let help = words(&passes(service.command(&[]).arg("--help")));
        for (name, _) in service
            .settings()
            .filter(|(name, _)| name.starts_with("HANSOM_"))
        {
            let env = format!("[env: {name}=");
            unless(help.contains(&env), format!("it does not know {name}"))?;
        }
        Ok(())
    });
}

#[test]
fn the_readme_names_ports_profiles_and_services_that_are_there() {
    let Some(tools) = Tools::find("the_readme_names_ports_profiles_and_services_that_are_there")
    else {
        return;
    };
    let composition = Composition::read(&tools);
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n## Try all of it\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let has = |holds: &dyn Fn(Service) -> bool| composition.services().any(holds);
    let code: Vec<_> = section.split('`').skip(1).step_by(2).collect();
    for port in code.iter().filter_map(|code| code.split_once(':')) {
        let number: String = port.1.chars().take_while(char::is_ascii_digit).collect();
        let published = format!("127.0.0.1:{number}:");
        let is_published = |service: Service| {
            let ports = service.words("ports");
            ports.iter().any(|port| port.starts_with(&published))
        };
        assert!(number.is_empty() || has(&is_published), "{port:?}");
    }
    let commands: Vec<_> = code
        .iter()
        .filter(|code| code.contains("docker compose"))
        .collect();
    assert!(commands.len() > 2, "{commands:?}");
    for command in commands {
        let words: Vec<_> = command.split_whitespace().collect();
        for pair in words.windows(2) {
            let is_there = match pair {
                ["--profile", name] => has(&|service| service.words("profiles").contains(name)),
                ["--scale", scale] => {
                    let name = scale.split('=').next();
                    has(&|service| Some(service.name) == name)
                }
                ["--build", name] if !name.starts_with("--") => {
                    has(&|service| service.name == *name)
                }
                _ => true,
            };
            assert!(is_there, "{command}: {pair:?}");
        }
        if let Some(topic) = command.split_once("kafka://") {
            let (broker, topic) = topic.1.split_once('/').unwrap();
            let topic = topic.split(' ').next().unwrap();
            let makes = composition.service("kafka-init").words("command");
            assert!(
                makes.contains(&broker) && makes.contains(&topic),
                "{makes:?}"
            );
        }
    }
}
