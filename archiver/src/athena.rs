//! The DDL that makes the archive queryable in Amazon Athena, from the tables' own Arrow schemas.
//! A table is what the lists of its hours name, and hours are projected from the path: no crawler,
//! no catalogue to keep. Compiled for tests only, which keep the committed files what the columns say.

mod local;

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

/// The DDL of every table and the script for a local DuckDB: file names and texts.
fn ddl() -> Vec<(String, String)> {
    let file = |table: Table| (format!("{}.sql", table.as_str()), statements(table));
    let tables = Table::ALL.into_iter().map(file);
    tables
        .chain([("local.sql".to_owned(), local::script(view_statements))])
        .collect()
}

fn statements(table: Table) -> String {
    let mut all = vec![table_statement(table, &table.schema())];
    all.extend(view_statements(table));
    all.join("\n")
}

fn view_statements(table: Table) -> Vec<String> {
    let schema = table.schema();
    let mut all = vec![view_statement(table, &schema)];
    if table == Table::Trips {
        all.push(latest_view_statement(table, &schema));
    }
    all
}

fn table_statement(table: Table, schema: &Schema) -> String {
    let name = table.as_str();
    let columns: Vec<String> = schema.fields().iter().map(|field| column(field)).collect();
    format!(
        "\
-- Generated from the Arrow schema of the rows. Put the archive's bucket and prefix in place of
-- ARCHIVE. Athena takes one statement a call. It finds no day before {FIRST_DAY}: where there are
-- older events, begin projection.dt.range earlier.
--
-- Rows are read by lists: an hour has one object that names the files which count, so that a query
-- sees each row once, also while files are merged or rewritten.
CREATE EXTERNAL TABLE IF NOT EXISTS {name} (
{}
)
PARTITIONED BY (
  `dt` string COMMENT 'day of the event time, UTC',
  `hour` int COMMENT 'hour of the event time, UTC'
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://ARCHIVE/tables/{name}/'
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
  'storage.location.template' = 's3://ARCHIVE/tables/{name}/dt=${{dt}}/hour=${{hour}}/'
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
        columns = view_columns(schema)
    )
}

/// All versions of a ride end at the same time, so that they lie in one partition. That the window is
/// by partition lets predicates on `dt` and `hour` through: no other hour is read.
fn latest_view_statement(table: Table, schema: &Schema) -> String {
    format!(
        "\
-- Of each ride the highest version, once, in the units of {name}_view. A ride that went on under
-- another vehicle may have a row for each. Predicates on dt and hour keep other hours unread.
CREATE OR REPLACE VIEW {name}_latest_view AS
SELECT
{columns},
  dt,
  hour
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY dt, hour, fleet_id, ride_id, vehicle_id
      ORDER BY version DESC
    ) AS nth
  FROM {name}
) AS versions
WHERE nth = 1;
",
        name = table.as_str(),
        columns = view_columns(schema)
    )
}

fn view_columns(schema: &Schema) -> String {
    let columns = schema.fields().iter().map(|field| view_column(field));
    columns.collect::<Vec<_>>().join(",\n")
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
mod projection;
#[cfg(test)]
mod tests;
