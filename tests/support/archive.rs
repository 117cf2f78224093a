//! What lies in an archive, read file by file with the Parquet reader.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use parquet::{
    file::{reader::FileReader as _, serialized_reader::SerializedFileReader},
    record::Row,
};

/// The rows of one table of the archive below `data`.
pub(crate) fn rows(data: &Path, table: &str) -> Vec<BTreeMap<String, String>> {
    files(data, table)
        .iter()
        .flat_map(|path| read(path))
        .collect()
}

/// The Parquet files of one table.
pub(crate) fn files(data: &Path, table: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![data.join("archive").join(table)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Vec<BTreeMap<String, String>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| by_column(&row.unwrap())).collect()
}

fn by_column(row: &Row) -> BTreeMap<String, String> {
    row.get_column_iter()
        .map(|(name, field)| (name.clone(), field.to_string().trim_matches('"').to_owned()))
        .collect()
}

/// The names of all archived pings.
pub(crate) fn ping_names(data: &Path) -> Vec<String> {
    names(rows(data, "pings").iter())
}

/// The names of archived pings, `vehicle epoch seq`, sorted, with repeats if there are any.
pub(crate) fn names<'a>(pings: impl Iterator<Item = &'a BTreeMap<String, String>>) -> Vec<String> {
    let mut names: Vec<_> = pings
        .map(|row| format!("{} {} {}", row["vehicle_id"], row["epoch"], row["seq"]))
        .collect();
    names.sort_unstable();
    names
}
