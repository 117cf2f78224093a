//! What docker-compose.yml says once its anchors and variables are put in, and the programs of ours
//! in it as processes without containers. It starts no container, and nothing of others.

use std::{net::SocketAddr, process::Command};

use serde_json::Value;

use super::{
    program,
    tools::{Tools, passes},
};

/// Reads YAML, prints JSON.
const TO_JSON: &str = "
import json, sys, yaml
json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)
";

/// The whole file.
pub(crate) struct Composition(Value);

/// One of its services.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) name: &'a str,
    pub(crate) is: &'a Value,
}

/// Where a service is without containers, by the address that it has among them.
pub(crate) type Places<'a> = [(&'a str, SocketAddr)];

impl Composition {
    pub(crate) fn read(tools: &Tools) -> Self {
        let mut python = tools.command("python");
        let json = passes(python.args(["-c", TO_JSON, "docker-compose.yml"]));
        let mut composition: Value = json.parse().unwrap();
        put_variables_in(&mut composition);
        Self(composition)
    }

    /// All services, by name.
    pub(crate) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        let services = self.0["services"].as_object().unwrap();
        services.iter().map(|(name, is)| Service { name, is })
    }

    /// One of them.
    pub(crate) fn service<'a>(&'a self, name: &str) -> Service<'a> {
        let found = self.services().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("docker-compose.yml: no service {name}"))
    }
}

impl<'a> Service<'a> {
    /// The words of a list; none where there is no such list.
    pub(crate) fn words(self, name: &str) -> Vec<&'a str> {
        let words = self.is[name].as_array().into_iter().flatten();
        words.map(|word| word.as_str().unwrap()).collect()
    }

    /// Whether it is built from this project.
    pub(crate) fn is_ours(self) -> bool {
        !self.is["build"].is_null()
    }

    /// Whether it does one thing and ends.
    pub(crate) fn ends(self) -> bool {
        self.is["restart"] == "no"
    }

    /// Whom it waits for, and until when.
    pub(crate) fn awaits(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.is["depends_on"].as_object().into_iter().flatten();
        all.map(|(name, how)| (name.as_str(), how))
    }

    /// Its program with its words and settings, told that others are at `places`.
    pub(crate) fn command(self, places: &Places) -> Command {
        let words = [self.words("entrypoint"), self.words("command")].concat();
        let words: Vec<_> = words.iter().map(|word| moved(word, places)).collect();
        let (name, arguments) = words.split_first().unwrap();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut command = match (self.is_ours(), name.as_str()) {
            (true, "hansom") => program::command(&arguments),
            (true, _) => program::service(name, &arguments),
            (false, _) => {
                let mut command = Command::new(name);
                command.args(arguments);
                command
            }
        };
        for (name, value) in self.settings() {
            command.env(name, moved(&value, places));
        }
        command
    }

    /// Its environment.
    pub(crate) fn settings(self) -> impl Iterator<Item = (&'a str, String)> {
        let all = self.is["environment"].as_object().into_iter().flatten();
        all.map(|(name, value)| match value {
            Value::String(text) => (name.as_str(), text.clone()),
            other => (name.as_str(), other.to_string()),
        })
    }

    /// The command that tells whether it is well.
    pub(crate) fn health(self) -> Vec<&'a str> {
        let test = self.is["healthcheck"]["test"]
            .as_array()
            .into_iter()
            .flatten();
        test.map(|word| word.as_str().unwrap()).collect()
    }
}

/// Puts other addresses in the place of those among containers.
fn moved(text: &str, places: &Places) -> String {
    places.iter().fold(text.to_owned(), |text, (among, here)| {
        text.replace(among, &here.to_string())
    })
}

/// Puts the defaults of variables in their place, everywhere.
fn put_variables_in(value: &mut Value) {
    match value {
        Value::String(text) => *text = with_defaults(text),
        Value::Array(values) => values.iter_mut().for_each(put_variables_in),
        Value::Object(values) => values.values_mut().for_each(put_variables_in),
        _ => {}
    }
}

/// A text as it is where nobody sets a variable: `${NAME:-default}` is the default, `$$` is `$`.
fn with_defaults(text: &str) -> String {
    let Some((before, after)) = text.split_once('$') else {
        return text.to_owned();
    };
    if let Some(rest) = after.strip_prefix('$') {
        return format!("{before}${}", with_defaults(rest));
    }
    let variable = after
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'));
    let Some((variable, rest)) = variable else {
        panic!("{text}: a variable has braces");
    };
    let Some((_name, default)) = variable.split_once(":-") else {
        panic!("{text}: a variable has a default");
    };
    format!("{before}{default}{}", with_defaults(rest))
}

#[test]
fn a_variable_that_nobody_sets_is_its_default() {
    assert_eq!(with_defaults("a"), "a");
    assert_eq!(with_defaults("a$${B} $$c"), "a${B} $c");
    assert_eq!(
        with_defaults("${A:-kafka://a?b=c&d-e}/${F:-}"),
        "kafka://a?b=c&d-e/"
    );
}
