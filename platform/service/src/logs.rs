//! Logs on standard error: JSON lines for machines, coloured text for a terminal. Where the lines
//! go from there (a file, a journal) is the operator's business.

use std::io::{self, IsTerminal};

use anyhow::{Context, anyhow};
use tracing_subscriber::{EnvFilter, fmt};

/// Which lines are written; the syntax is that of `tracing_subscriber::EnvFilter`.
const FILTER_VARIABLE: &str = "HANSOM_LOG";

/// What is written where [`FILTER_VARIABLE`] is not set.
const DEFAULT_FILTER: &str = "info";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Text where standard error is a terminal, else JSON
    #[default]
    Auto,
    /// One JSON object a line
    Json,
    /// Text for people
    Text,
}

/// Starts the logs of this process, filtered by `HANSOM_LOG` (default `info`).
///
/// # Errors
/// An error for a filter that is not understood, and where logs are started already.
pub fn start_logs(format: LogFormat) -> anyhow::Result<()> {
    let filter = filter(std::env::var(FILTER_VARIABLE).ok().as_deref())?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if is_json(format, io::stderr().is_terminal()) {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init()
    } else {
        lines.with_ansi(io::stderr().is_terminal()).try_init()
    };
    started
        .map_err(|error| anyhow!(error))
        .context("start the logs")
}

fn filter(variable: Option<&str>) -> anyhow::Result<EnvFilter> {
    let text = variable
        .filter(|text| !text.trim().is_empty())
        .unwrap_or(DEFAULT_FILTER);
    EnvFilter::try_new(text).with_context(|| format!("{FILTER_VARIABLE}={text}"))
}

fn is_json(format: LogFormat, is_terminal: bool) -> bool {
    match format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wish_machines_get_json_and_people_get_text() {
        assert!(is_json(LogFormat::Auto, false));
        assert!(!is_json(LogFormat::Auto, true));
    }

    #[test]
    fn a_wish_counts_more_than_the_terminal() {
        assert!(is_json(LogFormat::Json, true));
        assert!(!is_json(LogFormat::Text, false));
    }

    #[test]
    fn an_unset_or_empty_filter_means_info() {
        for variable in [None, Some(""), Some(" ")] {
            assert_eq!(filter(variable).unwrap().to_string(), "info");
        }
        assert_eq!(
            filter(Some("warn,ingest=debug")).unwrap().to_string(),
            "ingest=debug,warn"
        );
    }

    #[test]
    fn a_filter_that_is_not_understood_is_named_in_the_error() {
        let error = filter(Some("ingest=loud")).unwrap_err();
        assert!(
            error.to_string().contains("HANSOM_LOG=ingest=loud"),
            "{error:#}"
        );
    }
}
