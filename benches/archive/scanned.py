"""Bytes that the ten example queries have to read of an archive, from the footers and page indexes of its
files, beside the same rows as NDJSON packed by gzip, of which everything is read.

Three ways of reading are counted, each with the footers. Of all columns that the query names:
  columns  every row group of the hours that the query names;
  groups   only row groups whose statistics, or the ride's bloom filter, let the query's fleet, vehicle or
           ride be in them;
  pages    of these only the pages that the index of pages lets it be in, with that index.
What readers read beside that, because ranges lie close or files are small, is not counted.

Usage: scanned.py ARCHIVE [--dt DAY] [--hours FIRST LAST] [--vehicle ID --ride ID] [--fleet ID]
"""

import argparse
import gzip
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp
from sqlglot.optimizer import qualify, pushdown_projections

import footer

sys.path.append(str(pathlib.Path(__file__).parents[2] / "tests" / "support" / "analysts"))
import statements

NAMES = ("fleet_id", "vehicle_id", "ride_id")
GZIP_LEVEL = 6
WAYS = ("columns", "groups", "pages")


def main():
    arguments = parsed()
    archive = pathlib.Path(arguments.archive)
    schema = {table: statements.columns(table) for table in statements.TABLES}
    packed = {}
    print(f"{'':28}{'NDJSON.gz':>12}" + "".join(f"{way:>12}{'':>8}" for way in WAYS))
    for name, query in statements.queries().items():
        as_json, totals = 0, dict.fromkeys(WAYS, 0)
        for scan in scans(adapted(query, arguments), schema):
            for file in files_of(archive, scan):
                if file not in packed:
                    packed[file] = packed_as_json(file)
                as_json += packed[file]
                for way in WAYS:
                    totals[way] += bytes_read(file, scan, way)
        shares = "".join(f"{totals[way]:12}{f'1/{as_json / totals[way]:.0f}' if totals[way] else '':>8}" for way in WAYS)
        print(f"{name:28}{as_json:12}{shares}")


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("archive")
    parser.add_argument("--dt", default="2026-01-15")
    parser.add_argument("--hours", nargs=2, type=int, default=(7, 9))
    parser.add_argument("--fleet", default="default")
    parser.add_argument("--vehicle", default="cab-00007")
    parser.add_argument("--ride", default="cab-00007-1768460400000-3")
    return parser.parse_args()


def adapted(query, arguments):
    """The query with the parameters of this archive."""
    query = query.replace("'2026-01-15'", f"'{arguments.dt}'")
    query = query.replace("hour BETWEEN 7 AND 9", "hour BETWEEN {} AND {}".format(*arguments.hours))
    query = query.replace("fleet_id = 'default'", f"fleet_id = '{arguments.fleet}'")
    query = query.replace("'cab-00007'", f"'{arguments.vehicle}'")
    return query.replace("'cab-00007-1768460400000-3'", f"'{arguments.ride}'")


def scans(query, schema):
    """Of each table that a query reads: its columns, and what they must equal.

    What a query says of fleets, vehicles, rides, days and hours it says of all its tables.
    """
    parsed = sqlglot.parse_one(statements.with_views_in_place(query), read="athena")
    parsed = qualify.qualify(parsed, schema=schema, dialect="athena")
    parsed = pushdown_projections.pushdown_projections(parsed)
    equal = {}
    for found in parsed.find_all(exp.EQ):
        if isinstance(found.this, exp.Column) and isinstance(found.expression, exp.Literal):
            equal[found.this.name] = found.expression.this
    between = next((found for found in parsed.find_all(exp.Between)), None)
    hours = range(24)
    if between is not None:
        hours = range(int(between.args["low"].name), int(between.args["high"].name) + 1)
    for select in parsed.find_all(exp.Select):
        for table in (source for source in select.find_all(exp.Table) if source.parent_select is select):
            if table.name in schema:
                alias = table.alias_or_name
                columns = {column.name for column in select.find_all(exp.Column) if column.table == alias}
                yield {
                    "table": table.name,
                    "columns": columns - {"dt", "hour"},
                    "equal": {name: value for name, value in equal.items() if name in NAMES and name in columns},
                    "dt": equal["dt"],
                    "hours": hours,
                }


def files_of(archive, scan):
    for file in sorted(archive.glob(f"{scan['table']}/dt={scan['dt']}/hour=*/*.parquet")):
        if int(file.parent.name.removeprefix("hour=")) in scan["hours"]:
            yield file


def bytes_read(file, scan, way):
    whole = footer.read(file)
    total = whole.length
    for group in whole.groups:
        if way != "columns" and not may_have(group, scan["equal"]):
            continue
        if "ride_id" in scan["equal"] and way != "columns":
            total += group.columns["ride_id"].bloom_length
            if not has_ride(file, group, scan["equal"]["ride_id"]):
                continue
        chunks = [group.columns[name] for name in scan["columns"]]
        if way != "pages":
            total += sum(chunk.length for chunk in chunks)
            continue
        ranges = [(0, group.rows)]
        for name, value in scan["equal"].items():
            total += group.columns[name].column_index_length
            ranges = footer.common(ranges, group.columns[name].rows_that_may_have(value.encode(), group.rows))
        for chunk in chunks:
            total += chunk.offset_index_length if scan["equal"] else 0
            total += chunk.bytes_of(ranges, group.rows)
    return total


def may_have(group, equal):
    for name, value in equal.items():
        chunk = group.columns[name]
        if chunk.least is not None and not chunk.least <= value.encode() <= chunk.most:
            return False
    return True


def has_ride(file, group, ride):
    """What a bloom filter says that never errs; ours errs once in a hundred groups. Without one, maybe."""
    if not group.columns["ride_id"].bloom_length:
        return True
    rides = pq.ParquetFile(file).read_row_group(group.number, columns=["ride_id"])
    return ride in rides.column(0).to_pylist()


def packed_as_json(file):
    """Bytes of the file's rows as NDJSON, in the archive's own numbers, without nulls, packed by gzip."""
    table = pq.ParquetFile(file).read()
    whole = [field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in table.schema]
    table = table.cast(pa.schema(whole))
    size = Counting()
    with gzip.GzipFile(fileobj=size, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as to:
        for batch in table.to_batches(max_chunksize=65_536):
            lines = ({name: value for name, value in row.items() if value is not None} for row in batch.to_pylist())
            to.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode())
    return size.bytes


class Counting:
    bytes = 0

    def write(self, data):
        self.bytes += len(data)
        return len(data)

    def flush(self):
        pass


main()
