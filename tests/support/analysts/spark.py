"""Reads an archive by Spark with Hive, by the real statements of schemas/athena: every row and column must
be what DuckDB and pyarrow read from the same files.

Athena follows lists to files of Parquet, and so does Trino; Hive's own class for lists takes every file
for text, and Spark, which uses it, would see an empty table. So the statement runs twice: as it is, with
another bucket, to be understood and kept; and with the formats of Parquet in place of those of lists, to
be read. What a list names is what a partition's directory then has.

Usage: spark.py ARCHIVE SCRATCH
"""

import json
import pathlib
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import lists
import statements


BY_LISTS = (
    "INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'",
    "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'",
)
BY_FILES = (
    "INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'",
    "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'",
)


def main(archive, scratch):
    archive, scratch = pathlib.Path(archive).resolve(), pathlib.Path(scratch).resolve()
    lists.write_where_missing(archive)
    spark = session(scratch)
    counts = {}
    for table in statements.TABLES:
        hours = lists.read(archive, table)
        assert hours, f"no lists of {table}"
        columns = pq.ParquetFile(next(iter(hours.values()))[0]).schema_arrow.names
        create = statements.of_table(table)[0]
        check_as_it_is(spark, table, create.replace("s3://ARCHIVE", f"file://{archive}"), columns)
        make_readable(spark, table, create, hours, scratch / "files")
        by_pyarrow, by_duckdb = read_by_pyarrow(hours), read_by_duckdb(hours, columns)
        found = read_by_spark(spark, table, columns)
        compare(f"{table}, pyarrow", found, by_pyarrow)
        compare(f"{table}, DuckDB", found, by_duckdb)
        check_filters(spark, table, found, hours)
        # Hive's own reader, of the version that Spark brings: it takes times of 96 bits only.
        spark.sql("SET spark.sql.hive.convertMetastoreParquet = false")
        types = dict(spark.table(table).dtypes)
        timeless = [name for name in columns if types[name] != "timestamp"]
        by_hive = read_by_spark(spark, table, timeless)
        compare(f"{table}, by Hive's reader", by_hive, by_pyarrow.select(by_hive.column_names))
        spark.sql("SET spark.sql.hive.convertMetastoreParquet = true")
        counts[table] = found.num_rows
    print(json.dumps(counts))
    spark.stop()


def check_as_it_is(spark, table, create, columns):
    """Hive takes the statement, and keeps what Athena reads of it."""
    spark.sql(create)
    fields = [field.name for field in spark.table(table).schema.fields]
    assert fields == [*columns, "dt", "hour"], fields
    kept = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {table}").collect()}
    assert kept["projection.enabled"] == "true", kept
    assert kept["storage.location.template"].endswith(f"/tables/{table}/dt=${{dt}}/hour=${{hour}}/"), kept
    spark.sql(f"DROP TABLE {table}")


def make_readable(spark, table, create, hours, files):
    """Creates the table again so that Spark reads it: an hour's partition has the files of its list."""
    for by_lists, by_files in zip(BY_LISTS, BY_FILES):
        assert by_lists in create, create
        create = create.replace(by_lists, by_files)
    spark.sql(create.replace("s3://ARCHIVE/tables", f"file://{files}"))
    # Hive knows no projection.
    for (dt, hour), named in hours.items():
        partition = files / table / f"dt={dt}" / f"hour={hour:02}"
        partition.mkdir(parents=True)
        for file in named:
            (partition / file.name).hardlink_to(file)
        spark.sql(f"ALTER TABLE {table} ADD PARTITION (dt = '{dt}', hour = {hour}) LOCATION 'file://{partition}/'")


def session(scratch):
    """Spark with a metastore of its own, and nothing outside of the scratch directory."""
    builder = SparkSession.builder.master("local[2]").enableHiveSupport()
    for name, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dderby.system.home={scratch}",
        "spark.sql.warehouse.dir": f"{scratch}/warehouse",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={scratch}/metastore;create=true",
        # Else ${dt} would be a variable of Spark's.
        "spark.sql.variable.substitute": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.local.dir": str(scratch),
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def read_by_spark(spark, table, columns):
    """All rows with their partition, times as Unix ms."""
    types = dict(spark.table(table).dtypes)
    selected = [f"unix_millis({name}) AS {name}" if types[name] == "timestamp" else name for name in columns]
    return spark.sql(f"SELECT {', '.join(selected)}, dt, hour FROM {table}").toArrow()


def read_by_pyarrow(hours):
    tables = []
    for (dt, hour), files in hours.items():
        for file in files:
            table = pq.ParquetFile(file).read()
            table = table.cast(pa.schema([(field.name, plain(field.type)) for field in table.schema]))
            table = table.append_column("dt", pa.array([dt] * table.num_rows))
            tables.append(table.append_column("hour", pa.array([hour] * table.num_rows, pa.int32())))
    return pa.concat_tables(tables)


def plain(kind):
    """Times as Unix ms, and no dictionaries."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def read_by_duckdb(hours, columns):
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    files = [str(file) for files in hours.values() for file in files]
    described = db.execute("DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [files]).fetchall()
    times = {name for name, kind, *_ in described if kind.startswith("TIMESTAMP")}
    selected = [f'epoch_ms("{name}") AS "{name}"' if name in times else f'"{name}"' for name in columns]
    return db.execute(
        f"""SELECT {', '.join(selected)}, dt, hour FROM read_parquet(?, hive_partitioning = true,
        hive_types = {{'dt': VARCHAR, 'hour': INTEGER}})""",
        [files],
    ).to_arrow_table()


def compare(what, found, expected):
    """Both have the same rows, whatever their order."""
    assert found.column_names == expected.column_names, f"{what}: {found.column_names}, {expected.column_names}"
    assert found.num_rows == expected.num_rows, f"{what}: {found.num_rows} rows, not {expected.num_rows}"
    db = duckdb.connect()
    db.register("found", found)
    db.register("expected", expected)
    differ = db.execute(
        """(SELECT * FROM found EXCEPT ALL SELECT * FROM expected)
        UNION ALL (SELECT * FROM expected EXCEPT ALL SELECT * FROM found) LIMIT 2"""
    ).fetchall()
    assert not differ, f"{what}: {differ}"


def check_filters(spark, table, found, hours):
    """A predicate that the files' statistics could answer wrongly gives what counting gives."""
    vehicles = found.column("vehicle_id").to_pylist()
    one = sorted(vehicles)[len(vehicles) // 2]
    counted = spark.sql(f"SELECT count(*) AS n FROM {table} WHERE vehicle_id = '{one}'").collect()[0]["n"]
    assert counted == vehicles.count(one), f"{table}: {counted} rows of {one}"
    dt, hour = next(iter(hours))
    counted = spark.sql(f"SELECT count(*) AS n FROM {table} WHERE dt = '{dt}' AND hour = {hour}").collect()[0]["n"]
    expected = sum(pq.read_metadata(file).num_rows for file in hours[dt, hour])
    assert counted == expected, f"{table}: {counted} rows of {dt} {hour}"


main(*sys.argv[1:])
