"""Looks at the files of an archive as pyarrow sees them: every column that queries filter by has its
minimum and maximum in every row group, they are those of the rows, and pages have an index where there
are several.

Usage: ranges.py ARCHIVE
"""

import collections
import json
import pathlib
import sys

import pyarrow.compute as pc
import pyarrow.parquet as pq

import statements

# What nobody filters by: a minimum of it is cut off, and says nothing.
UNFILTERED = {"route", "transitions"}
# Rows of the files that have a page a column, and no index of pages.
ROWS_OF_A_PAGE = 16_384


def main(archive):
    kinds = collections.Counter()
    for table in statements.TABLES:
        for path in sorted(pathlib.Path(archive).glob(f"{table}/*/*/*.parquet")):
            file = pq.ParquetFile(path)
            size = "large" if file.metadata.num_rows > ROWS_OF_A_PAGE else "small"
            kinds[f"{table} {size}"] += 1
            for number in range(file.num_row_groups):
                group = file.metadata.row_group(number)
                rows = file.read_row_group(number)
                for index in range(group.num_columns):
                    check(f"{path}, {number}", group.column(index), rows)
    print(json.dumps(kinds))


def check(where, column, rows):
    name = column.path_in_schema
    if name in UNFILTERED:
        return
    where = f"{where}, {name}"
    if rows.num_rows > ROWS_OF_A_PAGE:
        assert column.has_column_index and column.has_offset_index, f"{where}: no index of pages"
    values = rows.column(name)
    statistics = column.statistics
    assert statistics is not None and statistics.has_null_count, f"{where}: no statistics"
    assert statistics.null_count == values.null_count, f"{where}: {statistics.null_count} nulls"
    if values.null_count == rows.num_rows:
        return
    assert statistics.has_min_max, f"{where}: no minimum and maximum"
    plain = values.cast(values.type.value_type) if hasattr(values.type, "value_type") else values
    range_of_rows = pc.min_max(plain).as_py()
    found = {"min": statistics.min, "max": statistics.max}
    assert found == range_of_rows, f"{where}: {found}, not {range_of_rows}"


main(*sys.argv[1:])
