//! Reads a CSV file, gzipped or not, with a header, into a recording.

use std::{fs::File, io::Read, path::Path};

use anyhow::Context;
use csv::{Reader, StringRecord};
use flate2::read::MultiGzDecoder;
use schemas::Timestamp;

use super::{
    columns::Columns,
    recording::{Load, Recording, Row},
};

pub(super) fn read(path: &Path, columns: &Columns, into: &mut Recording) -> anyhow::Result<()> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        read_rows(MultiGzDecoder::new(file), columns, into)
    } else {
        read_rows(file, columns, into)
    }
}

/// Where in a record the columns stand.
struct Places {
    vehicle: usize,
    time: usize,
    lat: usize,
    lng: usize,
    occupied: Option<usize>,
}

fn read_rows(input: impl Read, columns: &Columns, into: &mut Recording) -> anyhow::Result<()> {
    let mut reader = Reader::from_reader(input);
    let header = reader.headers()?.clone();
    let place = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.with_context(|| format!("no column {name}"))
    };
    let places = Places {
        vehicle: place(&columns.vehicle)?,
        time: place(&columns.time)?,
        lat: place(&columns.lat)?,
        lng: place(&columns.lng)?,
        occupied: columns.rides().map(place).transpose()?,
    };
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        let row = read_row(&record, &places, columns, into).with_context(|| {
            format!("line {}", record.position().map_or(0, csv::Position::line))
        })?;
        into.push(row);
    }
    Ok(())
}

fn read_row(
    record: &StringRecord,
    places: &Places,
    columns: &Columns,
    into: &mut Recording,
) -> anyhow::Result<Row> {
    let text = |at: usize| record.get(at).unwrap_or_default().trim();
    let degrees = |at: usize| -> anyhow::Result<i32> {
        let value = text(at).parse();
        columns.to_e7(value.context("latitude and longitude are numbers")?)
    };
    let time = text(places.time)
        .parse()
        .context("the time is a whole number")?;
    Ok(Row {
        vehicle: into.number_of(text(places.vehicle))?,
        time: Timestamp(columns.time_unit.to_ms(time)),
        lat_e7: degrees(places.lat)?,
        lng_e7: degrees(places.lng)?,
        load: match places.occupied {
            Some(at) => Load::parse(text(at))?,
            None => Load::Free,
        },
    })
}
