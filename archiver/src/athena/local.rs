//! The same tables and views in a local DuckDB: a script that reads the lists as Athena does, so that
//! the example queries run as they are. It knows nothing of columns.

use std::fmt::Write as _;

use crate::layout::Table;

const BEGINNING: &str = "\
-- Generated. The archive in a local DuckDB, with the tables and views that Athena has: where the directory
-- `archive` is,
--
--     duckdb -init .../schemas/athena/local.sql
--
-- For another place change the variable, also to s3://bucket/prefix with the extension httpfs. The lists
-- are read here, once: what is archived or merged later is seen after `.read` of this file.
SET TimeZone = 'UTC';
SET VARIABLE archive = 'archive';
";

/// The script, with the views of each table, which are the same in both.
pub(super) fn script(views: impl Fn(Table) -> Vec<String>) -> String {
    let mut script = BEGINNING.to_owned();
    for table in Table::ALL {
        // Writing to a string does not fail.
        let _ = write!(script, "\n{}", of_lists(table.as_str()));
        for view in views(table) {
            let _ = write!(script, "\n{view}");
        }
    }
    script
}

fn of_lists(name: &str) -> String {
    format!(
        "\
SET VARIABLE {name}_files = (
  SELECT list(line)
  FROM (
    SELECT unnest(string_split(content, chr(10))) AS line
    FROM read_text(getvariable('archive') || '/tables/{name}/*/*/files.txt')
  )
  WHERE line <> ''
);
CREATE OR REPLACE TEMP VIEW {name} AS
SELECT *
FROM read_parquet(
  getvariable('{name}_files'),
  hive_partitioning = true,
  hive_types = {{'dt': VARCHAR, 'hour': INTEGER}}
);
"
    )
}
