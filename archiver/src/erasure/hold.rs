//! Legal holds: who must not be erased, until when, and by whose word. A file of them is read once.

use anyhow::Context as _;
use jiff::civil::Date;
use schemas::Timestamp;
use serde::Deserialize;

use super::subject::Subject;
use crate::moment;

/// A file of holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    hold: Vec<toml::Table>,
}

/// A hold as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// `driver` or `ride`.
    kind: String,
    /// `FLEET/ID`.
    id: String,
    /// A day, `YYYY-MM-DD`, through which it holds; for ever without.
    until: Option<String>,
    /// Who has ordered it.
    authority: String,
}

/// Somebody who must not be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) subject: Subject,
    /// The day through which it holds.
    pub(crate) until: Option<String>,
    pub(crate) authority: String,
    /// When it ends, at the end of that day in UTC.
    end: Option<Timestamp>,
}

impl Hold {
    /// Reads a file of holds.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Self>> {
        let document: Document = toml::from_str(text).context("it is no file of holds")?;
        let read = |(number, entry): (usize, toml::Table)| {
            let entry = entry.try_into().map_err(anyhow::Error::from);
            entry
                .and_then(Self::read)
                .with_context(|| format!("hold {number}"))
        };
        (1..).zip(document.hold).map(read).collect()
    }

    fn read(entry: Entry) -> anyhow::Result<Self> {
        let end = entry
            .until
            .as_deref()
            .map(|day| -> anyhow::Result<Timestamp> {
                let next: Date = day.parse::<Date>()?.tomorrow()?;
                moment::parse(&next.to_string()).map_err(anyhow::Error::msg)
            });
        Ok(Self {
            subject: Subject::parse(&entry.kind, &entry.id)?,
            end: end.transpose().context("until")?,
            until: entry.until,
            authority: entry.authority,
        })
    }

    /// Whether it still holds.
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, said: &str) {
        let error = format!("{:#}", Hold::parse(text).unwrap_err());
        assert!(error.contains(said), "{error}");
    }

    #[test]
    fn a_hold_holds_through_its_last_day() {
        let text = "[[hold]]\nkind = 'ride'\nid = 'f/r'\nuntil = '2026-03-01'\nauthority = 'court'\n\n[[hold]]\nkind = 'driver'\nid = 'f/d'\nauthority = 'police'\n";
        let holds = Hold::parse(text).unwrap();
        let at = |time| {
            let now = moment::parse(time).unwrap();
            holds
                .iter()
                .map(|hold| hold.is_in_force(now))
                .collect::<Vec<_>>()
        };
        assert_eq!(at("2026-03-01T23:59:59Z"), [true, true]);
        assert_eq!(at("2026-03-02T00:00:00Z"), [false, true]);
        assert_eq!(Hold::parse("").unwrap(), []);
    }

    #[test]
    fn a_hold_that_is_not_understood_is_refused() {
        check(
            "[[hold]]\nkind = 'rider'\nid = 'f/r'\nauthority = 'a'",
            "hold 1",
        );
        check(
            "[[hold]]\nkind = 'ride'\nid = 'r'\nauthority = 'a'",
            "FLEET/ID",
        );
        check("[[hold]]\nkind = 'ride'\nid = 'f/r'", "authority");
        check(
            "[[hold]]\nkind = 'ride'\nid = 'f/r'\nauthority = 'a'\nuntil = 'soon'",
            "until",
        );
        check("[[holds]]", "no file of holds");
    }
}
