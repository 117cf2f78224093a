//! The DDL that makes the archive queryable in Amazon Athena, from the tables' own Arrow schemas.
//! Partitions are projected from the path: no crawler, no catalogue to keep. Compiled for tests only,
//! which keep the committed files what the columns say.

use std::fmt::Write as _;

use arrow_schema::{DataType, Field, Schema};

use crate::{columns::COMMENT, layout::Table};

/// The first day that any query finds: Athena looks into no partition outside the projected range.
const FIRST_DAY: &str = "2008-01-01";

/// The units that views give as doubles: a suffix of column names, what it becomes, and the divisor.
const UNITS: [(&str, &str, &str); 4] = [
    ("_e7", "", "1e7"),
    ("_cm_s", "_mps", "1e2"),
    ("_cdeg", "_deg", "1e2"),
    ("_dm", "_m", "1e1"),
];

/// The DDL of every table: its file name and its text.
fn ddl() -> Vec<(String, String)> {
    let file = |table: Table| (format!("{}.sql", table.as_str()), statements(table));
    Table::ALL.into_iter().map(file).collect()
}

fn statements(table: Table) -> String {
    let schema = table.schema();
    format!(
        "{}\n{}",
        table_statement(table, &schema),
        view_statement(table, &schema)
    )
}

fn table_statement(table: Table, schema: &Schema) -> String {
    let name = table.as_str();
    let columns: Vec<String> = schema.fields().iter().map(|field| column(field)).collect();
    format!(
        "\
-- Generated from the Arrow schema of the rows. Put the archive's bucket and prefix in place of
-- ARCHIVE. Athena takes one statement a call. It finds no day before {FIRST_DAY}: where there are
-- older events, begin projection.dt.range earlier.
CREATE EXTERNAL TABLE IF NOT EXISTS {name} (
{}
)
PARTITIONED BY (
  `dt` string COMMENT 'day of the event time, UTC',
  `hour` int COMMENT 'hour of the event time, UTC'
)
STORED AS PARQUET
LOCATION 's3://ARCHIVE/{name}/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '{FIRST_DAY},NOW+1DAYS',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://ARCHIVE/{name}/dt=${{dt}}/hour=${{hour}}/'
);
",
        columns.join(",\n")
    )
}

fn column(field: &Field) -> String {
    let mut line = format!("  `{}` {}", field.name(), hive_type(field.data_type()));
    if let Some(comment) = field.metadata().get(COMMENT) {
        // Writing to a string does not fail.
        let _ = write!(line, " COMMENT '{comment}'");
    }
    line
}

fn view_statement(table: Table, schema: &Schema) -> String {
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| view_column(field))
        .collect();
    format!(
        "\
-- What the table has in parts of a degree, of a metre or of m/s, as doubles in whole units; every
-- other column as it is.
CREATE OR REPLACE VIEW {name}_view AS
SELECT
{columns},
  dt,
  hour
FROM {name};
",
        name = table.as_str(),
        columns = columns.join(",\n")
    )
}

fn view_column(field: &Field) -> String {
    let name = field.name();
    for (suffix, unit, divisor) in UNITS {
        if let Some(stem) = name.strip_suffix(suffix) {
            return format!("  \"{name}\" / {divisor} AS \"{stem}{unit}\"");
        }
    }
    format!("  \"{name}\"")
}

/// The column's type in Hive's words; types that no table of ours has are none of them.
fn hive_type(of: &DataType) -> &'static str {
    match of {
        DataType::Int32 => "int",
        DataType::Int64 => "bigint",
        DataType::Timestamp(..) => "timestamp",
        _ => "string",
    }
}

#[cfg(test)]
mod tests;
