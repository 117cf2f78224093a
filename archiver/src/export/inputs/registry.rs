//! Files of a registry, as CSV with a header or as Parquet, row by row. What the rows say is the
//! registry's business.

use std::{ffi::OsStr, fs::File, path::Path};

use anyhow::{Context as _, bail};
use arrow_array::{Array as _, StringArray, cast::AsArray as _};
use arrow_cast::{CastOptions, cast_with_options, display::FormatOptions};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::regulators::RegistryBuilder;

/// Reads a file's rows into a registry.
///
/// # Errors
/// An error for a file that cannot be read, or whose columns do not tell whom it is about.
pub(super) fn read(path: &Path, into: &mut RegistryBuilder) -> anyhow::Result<()> {
    let ending = path.extension().map(OsStr::to_ascii_lowercase);
    match ending.as_deref().and_then(|ending| ending.to_str()) {
        Some("csv") => read_csv(path, into),
        Some("parquet") => read_parquet(path, into),
        _ => bail!("is neither .csv nor .parquet"),
    }
}

fn read_csv(path: &Path, into: &mut RegistryBuilder) -> anyhow::Result<()> {
    let mut lines = csv::ReaderBuilder::new().from_path(path)?;
    let header = lines.headers()?.clone();
    let names: Vec<&str> = header.iter().map(str::trim).collect();
    let layout = into.file(&names)?;
    let mut record = csv::StringRecord::new();
    while lines.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<&str> = record.iter().collect();
        into.row(&layout, line, &cells);
    }
    Ok(())
}

fn read_parquet(path: &Path, into: &mut RegistryBuilder) -> anyhow::Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let schema = builder.schema().clone();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let layout = into.file(&names)?;
    let options = CastOptions {
        safe: false,
        format_options: FormatOptions::default(),
    };
    let mut row = 0;
    for batch in builder.build()? {
        let batch = batch?;
        let columns: Vec<StringArray> = batch
            .columns()
            .iter()
            .zip(&names)
            .map(|(column, name)| {
                let texts = cast_with_options(column, &DataType::Utf8, &options);
                let texts = texts.with_context(|| format!("column {name} is no text"))?;
                Ok(texts.as_string::<i32>().clone())
            })
            .collect::<anyhow::Result<_>>()?;
        for at in 0..batch.num_rows() {
            row += 1;
            let cells: Vec<&str> = columns.iter().map(|column| cell(column, at)).collect();
            into.row(&layout, row, &cells);
        }
    }
    Ok(())
}

/// A cell's text; an empty one is null.
fn cell(column: &StringArray, row: usize) -> &str {
    if column.is_null(row) {
        ""
    } else {
        column.value(row)
    }
}
