//! Which hours are published, and by which link each: what the chain says, in 32 bytes an hour. It
//! reads no chain.

use std::collections::BTreeMap;

use schemas::Timestamp;

use super::hour::Hour;
use crate::export::manifest::Manifest;

/// The link that an hour is published by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its number in the chain.
    pub(crate) n: u64,
    /// The revision of the hour.
    pub(crate) revision: u32,
}

/// The hours that are published.
#[derive(Debug, Default)]
pub(crate) struct PublishedHours {
    hours: BTreeMap<Hour, Link>,
    /// The number of the last link that was taken.
    last_link: u64,
}

impl PublishedHours {
    /// The number of the next link to be taken.
    pub(crate) fn next_link(&self) -> u64 {
        self.last_link + 1
    }

    /// Takes the next link. Returns the hour that it publishes; None for days, which are not served.
    pub(crate) fn take(&mut self, manifest: &Manifest) -> Option<(Hour, Link)> {
        self.last_link += 1;
        let hour = Hour::parse(&manifest.period.name)?;
        let link = Link {
            n: self.last_link,
            revision: manifest.revision,
        };
        // A later link of an hour is a correction.
        self.hours.insert(hour, link);
        Some((hour, link))
    }

    /// The link of an hour.
    pub(crate) fn get(&self, hour: Hour) -> Option<Link> {
        self.hours.get(&hour).copied()
    }

    /// The first hour.
    pub(crate) fn first(&self) -> Option<Hour> {
        self.hours.keys().next().copied()
    }

    /// The end of the last hour.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.hours.keys().next_back().map(|last| last.to())
    }

    /// Up to when all is published from `hour` on; if that one is not, the end of the last published
    /// one before it. None if there is none either.
    pub(crate) fn reach(&self, hour: Hour) -> Option<Timestamp> {
        let mut end = hour;
        for (&next, _) in self.hours.range(hour..) {
            if next != end {
                break;
            }
            end = next.next();
        }
        if end != hour {
            return Some(end.from());
        }
        let before = self.hours.range(..hour).next_back();
        before.map(|(before, _)| before.to())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::testing::manifest;

    fn hour(text: &str) -> Hour {
        Hour::parse(text).unwrap()
    }

    #[test]
    fn a_later_link_of_an_hour_is_the_one_that_counts() {
        let mut hours = PublishedHours::default();
        let mut second = manifest("mds", "example", "2026-03-01T07");
        second.revision = 2;
        for of in [
            manifest("mds", "example", "2026-03-01T07"),
            manifest("mds", "example", "2026-03-01"),
            second,
        ] {
            hours.take(&of);
        }
        let expected = Link { n: 3, revision: 2 };
        assert_eq!(hours.get(hour("2026-03-01T07")), Some(expected));
        assert_eq!(hours.next_link(), 4);
    }

    #[test]
    fn it_reaches_to_the_first_hole() {
        let mut hours = PublishedHours::default();
        let check = |hours: &PublishedHours, from: &str, to: Option<&str>| {
            let to = to.map(|to| hour(to).from());
            assert_eq!(hours.reach(hour(from)), to, "{from}");
        };
        check(&hours, "2026-03-01T07", None);
        for period in ["2026-03-01T07", "2026-03-01T08", "2026-03-01T11"] {
            hours.take(&manifest("mds", "example", period));
        }
        check(&hours, "2026-03-01T06", None);
        check(&hours, "2026-03-01T07", Some("2026-03-01T09"));
        check(&hours, "2026-03-01T08", Some("2026-03-01T09"));
        check(&hours, "2026-03-01T10", Some("2026-03-01T09"));
        check(&hours, "2026-03-01T11", Some("2026-03-01T12"));
        check(&hours, "2026-03-02T00", Some("2026-03-01T12"));
        assert_eq!(hours.first(), Some(hour("2026-03-01T07")));
        assert_eq!(hours.until(), Some(hour("2026-03-01T12").from()));
    }
}
