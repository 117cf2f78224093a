//! Reads a CSV file, gzipped or not, with a header.

use std::{fs::File, io::Read, path::Path};

use anyhow::Context;
use csv::{Reader, StringRecord};
use flate2::read::MultiGzDecoder;

use super::row::{Column, Row};

pub(super) fn read(
    path: &Path,
    columns: &[Column<'_>],
    take: &mut dyn FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        read_rows(MultiGzDecoder::new(file), columns, take)
    } else {
        read_rows(file, columns, take)
    }
}

fn read_rows(
    input: impl Read,
    columns: &[Column<'_>],
    take: &mut dyn FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut reader = Reader::from_reader(input);
    let header = reader.headers()?.clone();
    let place = |column: &Column<'_>| {
        let found = header.iter().position(|name| name == column.name);
        found.with_context(|| format!("no column {}", column.name))
    };
    let places: Vec<usize> = columns.iter().map(place).collect::<anyhow::Result<_>>()?;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        take(&Row::Written(&record, &places)).with_context(|| {
            format!("line {}", record.position().map_or(0, csv::Position::line))
        })?;
    }
    Ok(())
}
