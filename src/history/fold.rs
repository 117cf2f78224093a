//! A part of the vehicles, so that what is learned from some is measured on others.

use std::str::FromStr;

use schemas::VehicleId;
use twox_hash::XxHash3_64;

/// The `part`-th of `parts` parts, of about the same size. Where a vehicle belongs follows from its id
/// alone, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    part: u64,
    parts: u64,
}

impl Fold {
    /// Whether a vehicle is of this part.
    pub(super) fn has(self, vehicle: VehicleId) -> bool {
        XxHash3_64::oneshot(vehicle.as_str().as_bytes()) % self.parts == self.part
    }
}

impl FromStr for Fold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(part, parts)| {
            Some((part.parse::<u64>().ok()?, parts.parse::<u64>().ok()?))
        });
        match numbers {
            Some((part, parts)) if part < parts => Ok(Self { part, parts }),
            Some(_) | None => Err("a part is like 0/4, the first of four".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vehicle_is_in_one_part_and_no_part_is_empty() {
        let folds: Vec<Fold> = (0..4)
            .map(|part| format!("{part}/4").parse().unwrap())
            .collect();
        let mut sizes = [0; 4];
        for number in 0..200 {
            let vehicle = VehicleId::new(&format!("cab-{number}")).unwrap();
            let parts: Vec<usize> = (0..4).filter(|part| folds[*part].has(vehicle)).collect();
            assert_eq!(parts.len(), 1);
            sizes[parts[0]] += 1;
        }
        assert!(
            sizes.iter().all(|size| (25..=75).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_part_that_is_not_there_is_refused() {
        for text in ["", "4/4", "1", "0/0", "-1/4", "a/b"] {
            assert!(text.parse::<Fold>().is_err(), "{text}");
        }
    }
}
