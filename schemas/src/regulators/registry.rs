//! Facts of a fleet that Hansom is not told: plates, licences, fares. They come row by row from files
//! that the operator keeps, and are looked up by vehicle, driver or ride. It reads no file and
//! believes every row; what a column's text means is checked where a profile writes it.
//!
//! Rows lie one behind the other in one buffer, found by a sorted list of where each begins: a ride
//! with ten facts takes some 100 bytes, a million of them 100 MB.

use std::cmp::Ordering;

use super::{Problem, Profile};
use crate::{DriverId, FleetId, RideId, VehicleId, id::Id};

/// A registry has at most so many bytes of rows of a kind: what its list can name.
const MAX_BYTES: usize = u32::MAX as usize;
/// The longest text of a cell in bytes: MDS's String.
const MAX_CELL_BYTES: usize = 255;
/// Of mistakes of one sort, so many are told.
const MAX_TOLD: usize = 10;

/// Whom a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A vehicle: a file with a column `vehicle_id`.
    Vehicle,
    /// A driver: `driver_id`.
    Driver,
    /// A ride: `ride_id`.
    Ride,
}

impl Who {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vehicle, Self::Driver, Self::Ride];

    /// The word before the point of a profile's path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Driver => "driver",
            Self::Ride => "ride",
        }
    }

    /// The column of a registry's file that tells whom its rows are about.
    pub fn id_column(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle_id",
            Self::Driver => "driver_id",
            Self::Ride => "ride_id",
        }
    }

    fn accepts(self, id: &str) -> bool {
        match self {
            Self::Vehicle => VehicleId::new(id).is_ok(),
            Self::Driver => DriverId::new(id).is_ok(),
            Self::Ride => RideId::new(id).is_ok(),
        }
    }
}

/// What is known of vehicles, drivers and rides, as far as one profile asks for it.
#[derive(Debug)]
pub struct Registry {
    tables: [Table; 3],
}

/// Takes the rows of a registry's files.
#[derive(Debug)]
pub struct RegistryBuilder {
    tables: [Table; 3],
    problems: Vec<Problem>,
}

/// Which cell of a file's rows is what.
#[derive(Debug)]
pub struct FileLayout {
    who: Who,
    fleet: Option<usize>,
    id: usize,
    /// For each column of the table, where the file has it.
    cells: Vec<Option<usize>>,
}

/// The row of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found(u32);

#[derive(Debug)]
struct Table {
    columns: Vec<String>,
    /// For each row: fleet, id and cells, each after a byte of its length.
    bytes: Vec<u8>,
    begins: Vec<u32>,
}

impl Registry {
    /// Begins a registry of what `profile` asks for; whatever else the files have is passed over.
    pub fn builder(profile: &Profile) -> RegistryBuilder {
        RegistryBuilder {
            tables: Who::ALL.map(|who| Table::new(profile.registry_columns(who))),
            problems: Vec::new(),
        }
    }

    /// A registry that knows nothing.
    pub fn empty(profile: &Profile) -> Self {
        Self {
            tables: Self::builder(profile).tables,
        }
    }

    /// How many rows it has of a kind.
    pub fn len(&self, who: Who) -> usize {
        self.tables[who as usize].begins.len()
    }

    /// The columns that it keeps of a kind.
    pub(crate) fn columns(&self, who: Who) -> &[String] {
        &self.tables[who as usize].columns
    }

    pub(crate) fn find(&self, who: Who, fleet: FleetId, id: &str) -> Option<Found> {
        let table = &self.tables[who as usize];
        let wanted = (fleet.as_str().as_bytes(), id.as_bytes());
        let at = table
            .begins
            .binary_search_by(|begin| table.name(*begin).cmp(&wanted))
            .ok()?;
        Some(Found(table.begins[at]))
    }

    /// The text of a cell; None if it is empty.
    pub(crate) fn cell(&self, who: Who, row: Found, column: usize) -> Option<&str> {
        let table = &self.tables[who as usize];
        let cell = table.parts(row.0).nth(2 + column)?;
        std::str::from_utf8(cell)
            .ok()
            .filter(|text| !text.is_empty())
    }
}

impl RegistryBuilder {
    /// Begins a file by the names of its columns: exactly one of `vehicle_id`, `driver_id` and
    /// `ride_id`, `fleet_id` where not all is of the fleet `default`, and facts.
    ///
    /// # Errors
    /// [`Problem`] where it cannot be told whom the rows are about, or a name comes twice.
    pub fn file(&self, header: &[&str]) -> Result<FileLayout, Problem> {
        for (at, name) in header.iter().enumerate() {
            if header[..at].contains(name) {
                return Err(Problem::new(format!(
                    "a registry's column {name} comes twice"
                )));
            }
        }
        let place = |name: &str| header.iter().position(|column| *column == name);
        let keys: Vec<_> = Who::ALL
            .into_iter()
            .filter_map(|who| Some((who, place(who.id_column())?)))
            .collect();
        let &[(who, id)] = keys.as_slice() else {
            return Err(Problem::new(
                "a registry's file has exactly one of the columns vehicle_id, driver_id, ride_id",
            ));
        };
        let columns = &self.tables[who as usize].columns;
        Ok(FileLayout {
            who,
            fleet: place("fleet_id"),
            id,
            cells: columns.iter().map(|name| place(name)).collect(),
        })
    }

    /// Takes a row of a file: its cells, in the order of the header. What is wrong with it is said by
    /// [`Self::build`], with `line`.
    pub fn row(&mut self, layout: &FileLayout, line: u64, cells: &[&str]) {
        let who = layout.who;
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
        let default = FleetId::default();
        let fleet = layout.fleet.map(at).filter(|fleet| !fleet.is_empty());
        let fleet = fleet.unwrap_or(default.as_str());
        let id = at(layout.id);
        let facts = layout.cells.iter().map(|place| place.map_or("", at));
        let mistake = if Id::<crate::id::Fleet>::new(fleet).is_err() || !who.accepts(id) {
            Some("its fleet or id is none".to_owned())
        } else if facts.clone().any(|fact| fact.len() > MAX_CELL_BYTES) {
            Some(format!("a cell has more than {MAX_CELL_BYTES} bytes"))
        } else if !self.tables[who as usize].push(fleet, id, facts) {
            Some("the registry is too large".to_owned())
        } else {
            None
        };
        if let Some(mistake) = mistake
            && self.problems.len() < MAX_TOLD
        {
            let problem = format!("registry of {}s, line {line}: {mistake}", who.as_str());
            self.problems.push(Problem::new(problem));
        }
    }

    /// Ends the registry. A row that comes twice counts once.
    ///
    /// # Errors
    /// What was wrong with rows, and ids with rows that differ; of each sort the first ten.
    pub fn build(mut self) -> Result<Registry, Vec<Problem>> {
        for who in Who::ALL {
            let table = &mut self.tables[who as usize];
            table.sort();
            for id in table.ambiguous().take(MAX_TOLD) {
                self.problems.push(Problem::new(format!(
                    "registry: {} {id} has rows that differ",
                    who.as_str()
                )));
            }
        }
        if self.problems.is_empty() {
            Ok(Registry {
                tables: self.tables,
            })
        } else {
            Err(self.problems)
        }
    }
}

impl Table {
    fn new(columns: &[String]) -> Self {
        Self {
            columns: columns.to_vec(),
            bytes: Vec::new(),
            begins: Vec::new(),
        }
    }

    /// Adds a row of texts that were checked. False if the table is full.
    fn push<'a>(
        &mut self,
        fleet: &'a str,
        id: &'a str,
        facts: impl Iterator<Item = &'a str>,
    ) -> bool {
        let begin = self.bytes.len();
        for part in [fleet, id].into_iter().chain(facts) {
            self.bytes.push(part.len() as u8);
            self.bytes.extend_from_slice(part.as_bytes());
        }
        if self.bytes.len() > MAX_BYTES {
            self.bytes.truncate(begin);
            return false;
        }
        self.begins.push(begin as u32);
        true
    }

    fn parts(&self, begin: u32) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[begin as usize..];
        (0..self.columns.len() + 2).map_while(move |_| {
            let (length, tail) = rest.split_first()?;
            let (part, tail) = tail.split_at_checked(usize::from(*length))?;
            rest = tail;
            Some(part)
        })
    }

    fn name(&self, begin: u32) -> (&[u8], &[u8]) {
        let mut parts = self.parts(begin);
        let fleet = parts.next().unwrap_or_default();
        (fleet, parts.next().unwrap_or_default())
    }

    fn compare(&self, one: u32, other: u32) -> Ordering {
        self.parts(one).cmp(self.parts(other))
    }

    /// Sorts by fleet and id, and drops repeats.
    fn sort(&mut self) {
        let mut begins = std::mem::take(&mut self.begins);
        begins.sort_unstable_by(|one, other| self.compare(*one, *other));
        begins.dedup_by(|one, other| self.compare(*one, *other) == Ordering::Equal);
        begins.shrink_to_fit();
        self.begins = begins;
        self.bytes.shrink_to_fit();
    }

    fn ambiguous(&self) -> impl Iterator<Item = String> {
        self.begins
            .windows(2)
            .filter(|pair| self.name(pair[0]) == self.name(pair[1]))
            .map(|pair| String::from_utf8_lossy(self.name(pair[0]).1).into_owned())
    }
}
