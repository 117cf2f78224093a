//! The vehicles that were heard lately, each by its newest row. It reads no files, and has no more of
//! them than it may.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use schemas::Timestamp;
use serde::Deserialize;

use super::hour::Hour;

/// The vehicles of the hours that were read.
#[derive(Debug)]
pub(crate) struct Vehicles {
    by_device: BTreeMap<Box<str>, Heard>,
    most: usize,
    /// There were more than it may have, so that some are missing.
    is_over: bool,
    until: Option<Timestamp>,
}

/// A vehicle as it was told last.
#[derive(Debug)]
struct Heard {
    hour: Hour,
    row: Bytes,
}

/// There are more vehicles than are kept, so that nobody can be told which there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// So many are kept.
    pub(crate) most: usize,
}

/// By what a row is known.
#[derive(Deserialize)]
struct Device<'a> {
    #[serde(borrow)]
    device_id: &'a str,
}

impl Vehicles {
    /// None so far, and `most` at any time.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            by_device: BTreeMap::new(),
            most,
            is_over: false,
            until: None,
        }
    }

    /// Takes a row of an hour. An older one than is there changes nothing.
    ///
    /// # Errors
    /// A row that has no device.
    pub(crate) fn take(&mut self, hour: Hour, row: &[u8]) -> anyhow::Result<()> {
        let Device { device_id } = serde_json::from_slice(row).context("a row has no device_id")?;
        let heard = || Heard {
            hour,
            row: Bytes::copy_from_slice(row),
        };
        if let Some(there) = self.by_device.get_mut(device_id) {
            if there.hour <= hour {
                *there = heard();
            }
            return Ok(());
        }
        if self.by_device.len() >= self.most {
            self.is_over = true;
            return Ok(());
        }
        self.by_device.insert(device_id.into(), heard());
        Ok(())
    }

    /// All rows of an hour have been taken.
    pub(crate) fn end(&mut self, hour: Hour) {
        self.until = self.until.max(Some(hour.to()));
    }

    /// Forgets what was not heard since `hour`.
    pub(crate) fn forget_before(&mut self, hour: Hour) {
        self.by_device.retain(|_, heard| heard.hour >= hour);
    }

    /// The end of the last hour that was read; None if none was.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.by_device.len()
    }

    /// Whether there are more than it may have.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The row of one.
    ///
    /// # Errors
    /// [`TooMany`] where it may be among those that are not kept.
    pub(crate) fn get(&self, device_id: &str) -> Result<Option<Bytes>, TooMany> {
        match self.by_device.get(device_id) {
            Some(heard) => Ok(Some(heard.row.clone())),
            None => self.check().map(|()| None),
        }
    }

    /// The rows of all.
    ///
    /// # Errors
    /// [`TooMany`] where some are not kept.
    pub(crate) fn all(&self) -> Result<Vec<Bytes>, TooMany> {
        self.check()?;
        Ok(self
            .by_device
            .values()
            .map(|heard| heard.row.clone())
            .collect())
    }

    fn check(&self) -> Result<(), TooMany> {
        if self.is_over {
            return Err(TooMany { most: self.most });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Hour {
        Hour::parse(text).unwrap()
    }

    fn row(device: &str, plate: &str) -> Vec<u8> {
        format!("{{\"device_id\":\"{device}\",\"vehicle_id\":\"{plate}\"}}").into_bytes()
    }

    fn some() -> Vehicles {
        let mut vehicles = Vehicles::new(2);
        let (seven, eight) = (hour("2026-03-01T07"), hour("2026-03-01T08"));
        vehicles.take(eight, &row("a", "new")).unwrap();
        vehicles.end(eight);
        vehicles.take(seven, &row("a", "old")).unwrap();
        vehicles.take(seven, &row("b", "b")).unwrap();
        vehicles.end(seven);
        vehicles
    }

    #[test]
    fn the_newest_row_counts_whatever_comes_first() {
        let vehicles = some();
        assert_eq!(vehicles.get("a").unwrap().unwrap(), row("a", "new"));
        assert_eq!(vehicles.all().unwrap(), [row("a", "new"), row("b", "b")]);
        assert_eq!(vehicles.get("c"), Ok(None));
        assert_eq!(vehicles.until(), Some(hour("2026-03-01T09").from()));
    }

    #[test]
    fn who_is_not_heard_is_forgotten() {
        let mut vehicles = some();
        vehicles.forget_before(hour("2026-03-01T08"));
        assert_eq!(vehicles.all().unwrap(), [row("a", "new")]);
    }

    #[test]
    fn one_too_many_is_told_and_not_left_out() {
        let mut vehicles = some();
        let nine = hour("2026-03-01T09");
        vehicles.take(nine, &row("a", "newer")).unwrap();
        assert!(!vehicles.is_over());
        vehicles.take(nine, &row("c", "c")).unwrap();
        assert_eq!(vehicles.all(), Err(TooMany { most: 2 }));
        assert_eq!(vehicles.get("c"), Err(TooMany { most: 2 }));
        assert_eq!(vehicles.get("a").unwrap().unwrap(), row("a", "newer"));
    }

    #[test]
    fn a_row_without_a_device_is_refused() {
        assert!(some().take(hour("2026-03-01T07"), b"{}").is_err());
    }
}
