//! What Athena makes of a table's properties: the locations that it looks into, by a reading of the
//! statement that knows nothing of how it was written. For tests.
//!
//! Source: "Supported types for partition projection" and "Setting up partition projection", Amazon
//! Athena User Guide.

use std::collections::BTreeMap;

/// What is between this word and the end of the statement are the table's properties.
const PROPERTIES: &str = "TBLPROPERTIES";

/// A day, as year, month and day.
pub(super) type Day = (u32, u32, u32);

/// A table's projected partitions.
#[derive(Debug)]
pub(super) struct Projection {
    properties: BTreeMap<String, String>,
    /// The columns of the partitions, in order.
    pub(super) columns: Vec<String>,
    pub(super) location: String,
}

impl Projection {
    /// Reads a `CREATE EXTERNAL TABLE` statement.
    pub(super) fn of(statement: &str) -> Self {
        let (head, properties) = statement.split_once(PROPERTIES).unwrap();
        let (_, partitions) = head.split_once("PARTITIONED BY (").unwrap();
        let (partitions, rest) = partitions.split_once("\n)").unwrap();
        let named = |line: &str| Some(line.split_once('`')?.1.split_once('`')?.0.to_owned());
        let (_, location) = rest.split_once("LOCATION ").unwrap();
        Self {
            properties: pairs(&quoted(properties.split_once(");").unwrap().0)),
            columns: partitions.lines().filter_map(named).collect(),
            location: quoted(location).remove(0),
        }
    }

    /// A property of the table.
    pub(super) fn get(&self, name: &str) -> &str {
        let value = self.properties.get(name);
        value.unwrap_or_else(|| panic!("no property {name}"))
    }

    /// Every location that is looked into on the day `now`, in the order of the columns' values.
    pub(super) fn locations(&self, now: Day) -> Vec<String> {
        assert_eq!(self.get("projection.enabled"), "true");
        let mut locations = vec![self.get("storage.location.template").to_owned()];
        for column in &self.columns {
            let (values, name) = (self.values(column, now), format!("${{{column}}}"));
            locations = locations
                .iter()
                .flat_map(|location| values.iter().map(|value| location.replace(&name, value)))
                .collect();
        }
        locations
    }

    fn values(&self, column: &str, now: Day) -> Vec<String> {
        let property = |name: &str| self.get(&format!("projection.{column}.{name}"));
        let (first, last) = property("range").split_once(',').unwrap();
        match property("type") {
            "integer" => {
                let digits: usize = property("digits").parse().unwrap();
                let range = first.parse::<u32>().unwrap()..=last.parse().unwrap();
                range.map(|value| format!("{value:0digits$}")).collect()
            }
            "date" => {
                assert_eq!(property("format"), "yyyy-MM-dd");
                assert_eq!(
                    (property("interval"), property("interval.unit")),
                    ("1", "DAYS")
                );
                let (first, last) = (day(first, now), day(last, now));
                let days = std::iter::successors(Some(first), |day| Some(next(*day)));
                days.take_while(|day| *day <= last)
                    .map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
                    .collect()
            }
            other => panic!("{other} is not read here"),
        }
    }
}

/// A day of a range: one of the calendar, or so many after now.
fn day(text: &str, now: Day) -> Day {
    if let Some(later) = text.strip_prefix("NOW") {
        let days = later.strip_prefix('+').unwrap().strip_suffix("DAYS");
        let days: usize = days.unwrap().parse().unwrap();
        return std::iter::successors(Some(now), |day| Some(next(*day)))
            .nth(days)
            .unwrap();
    }
    let parts: Vec<u32> = text.split('-').map(|part| part.parse().unwrap()).collect();
    (parts[0], parts[1], parts[2])
}

/// The day after, by the Gregorian calendar.
fn next((year, month, day): Day) -> Day {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day < days {
        (year, month, day + 1)
    } else if month < 12 {
        (year, month + 1, 1)
    } else {
        (year + 1, 1, 1)
    }
}

/// What stands between single quotes, in order.
fn quoted(text: &str) -> Vec<String> {
    let parts = text.split('\'').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn pairs(words: &[String]) -> BTreeMap<String, String> {
    let pairs = words.chunks(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}
