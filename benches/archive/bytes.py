"""Bytes a row of an archive's files, beside what DuckDB and pyarrow make of the same rows, columns and
order where they may choose what they have: encodings and levels. Nothing is said about how fast.

Usage: bytes.py ARCHIVE [TABLE [EVERY]]; of many files it takes every so many-th.
"""

import collections
import os
import pathlib
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ENCODINGS = ("dictionary", "PLAIN", "DELTA_BINARY_PACKED", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
# Of integers it came into the format late, and not all readers know it.
UNREAD = "BYTE_STREAM_SPLIT"
LEVELS = (1, 3, 9, 19)
ONE_GROUP = 1 << 20


def main(archive, table="pings", every="1"):
    files = sorted(pathlib.Path(archive).glob(f"{table}/*/*/*.parquet"))[:: int(every)]
    sizes = collections.Counter()
    rows = 0
    with tempfile.TemporaryDirectory() as scratch:
        to = f"{scratch}/file.parquet"
        for file in files:
            rows += pq.read_metadata(file).num_rows
            sizes["the archive"] += os.path.getsize(file)
            sizes["DuckDB, its defaults"] += by_duckdb(file, to, "COMPRESSION zstd")
            sizes["DuckDB, its best"] += min(
                by_duckdb(file, to, f"COMPRESSION zstd, COMPRESSION_LEVEL {level}, PARQUET_VERSION {version}")
                for level in LEVELS
                for version in ("v1", "v2")
            )
            found = pq.ParquetFile(file).read()
            pq.write_table(found, to, compression="zstd")
            sizes["pyarrow, its defaults"] += os.path.getsize(to)
            tried = by_column(found, to)
            sizes["pyarrow, its best"] += best_of_pyarrow(found, tried, to, {UNREAD})
            sizes["pyarrow, unread ones too"] += best_of_pyarrow(found, tried, to, set())
    print(f"{rows} rows of {table} in {len(files)} files")
    for name, size in sizes.items():
        print(f"{name:24} {size:12} {size / rows:8.2f} bytes a row")


def by_duckdb(file, to, options):
    """One thread keeps the order of the rows."""
    db = duckdb.connect()
    db.execute("SET threads = 1; SET TimeZone = 'UTC'")
    db.execute(f"COPY (SELECT * FROM read_parquet('{file}', hive_partitioning = false)) TO '{to}' (FORMAT parquet, {options})")
    return os.path.getsize(to)


def by_column(found, to):
    """Of each column what each encoding and level takes."""
    tried = collections.defaultdict(list)
    for name in found.column_names:
        column = found.select([name])
        column = column.cast(pa.schema([(name, plain(column.schema.field(0).type))]))
        for encoding in (*ENCODINGS, UNREAD):
            for level in LEVELS:
                options = {"compression": "zstd", "compression_level": level, "row_group_size": ONE_GROUP}
                try:
                    pq.write_table(column, to, **encoded({name: encoding}), **options)
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
                    continue  # No encoding of this type.
                tried[name].append((os.path.getsize(to), encoding, level))
    return tried


def best_of_pyarrow(found, tried, to, without):
    """Each column in its smallest encoding and level, in one file."""
    best = {name: min(one for one in tried[name] if one[1] not in without) for name in found.column_names}
    pq.write_table(
        found.cast(pa.schema([(field.name, plain(field.type)) for field in found.schema])),
        to,
        compression={name: "zstd" for name in best},
        compression_level={name: level for name, (_, _, level) in best.items()},
        row_group_size=ONE_GROUP,
        **encoded({name: encoding for name, (_, encoding, _) in best.items()}),
    )
    return os.path.getsize(to)


def plain(kind):
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def encoded(encodings):
    with_dictionary = [name for name, encoding in encodings.items() if encoding == "dictionary"]
    others = {name: encoding for name, encoding in encodings.items() if encoding != "dictionary"}
    return {"use_dictionary": with_dictionary or False, "column_encoding": others or None}


main(*sys.argv[1:])
