//! The Dockerfile: what it builds is what the composition starts, and needs nothing that the image has
//! not. Nothing is built by it here.

use std::{collections::BTreeSet, path::Path, process::Command};

use super::words;
use crate::{
    monitoring::read,
    support::{
        program,
        tools::{Tools, passes},
    },
};

/// What the base image has: libc, its loader, libm and libgcc.
const LIBRARIES: [&str; 5] = [
    "linux-vdso.so",
    "libc.so",
    "libm.so",
    "libgcc_s.so",
    "/lib64/ld-linux",
];
#[test]
fn the_dockerfile_is_as_it_should_be() {
    let Some(tools) = Tools::find("the_dockerfile_is_as_it_should_be") else {
        return;
    };
    passes(tools.command("hadolint").arg("Dockerfile"));
}

#[test]
fn the_image_has_each_program_and_what_it_needs() {
    let dockerfile = read("Dockerfile");
    let built: BTreeSet<_> = dockerfile
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("target/release/"))
        .collect();
    assert_eq!(built, ["archiver", "hansom", "ingest", "processor"].into());
    for name in built {
        let command = match name {
            "hansom" => program::command(&[]),
            service => program::service(service, &[]),
        };
        let needed = passes(Command::new("ldd").arg(command.get_program()));
        for library in needed.lines().map(str::trim) {
            assert!(
                LIBRARIES.iter().any(|known| library.starts_with(known)),
                "{name} needs {library}, which the image has not"
            );
        }
    }
    let help = words(&passes(&mut program::command(&["run", "--help"])));
    let settings = dockerfile.split_whitespace();
    for (name, _) in settings.filter_map(|word| word.split_once('=')) {
        let is_ours = name.starts_with("HANSOM_");
        assert!(
            !is_ours || help.contains(&format!("[env: {name}=")),
            "{name}"
        );
    }
}

#[test]
fn nothing_that_programs_are_built_from_is_left_out_of_the_image() {
    let ignored = read(".dockerignore");
    let ignored: Vec<_> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(ignored.contains(&"target") && ignored.contains(&".git"));
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        let part = ignored
            .iter()
            .find(|path| Path::new(member).starts_with(path));
        assert_eq!(part, None, "{member}");
    }
}
