"""Runs the ten queries on an archive: by DuckDB, on a server of Athena's interface, and as the dialect of
Athena is understood by who translates it. All must say the same, and what the rows say.

Usage: queries.py ARCHIVE ENDPOINT
"""

import datetime
import json
import math
import pathlib
import re
import sys

import sqlglot
from sqlglot.optimizer import annotate_types, qualify

import athena
import duck
import rows
import statements

# Functions that the queries call: Trino documents each, and DuckDB does.
FUNCTIONS = {
    *("abs", "avg", "coalesce", "cos", "count", "count_if", "date_diff", "floor", "lag", "max", "max_by"),
    *("min", "radians", "row_number", "sqrt", "sum"),
}


def main(archive, endpoint):
    archive = pathlib.Path(archive)
    db = duck.open_archive(archive)
    server = athena.Athena(endpoint)
    server.load(archive)
    expected = rows.expected(archive)
    queries = statements.queries()
    assert queries.keys() == expected.keys(), (queries.keys(), expected.keys())
    for name, query in queries.items():
        columns, found = duck.run(db, query)
        found = [[plain(value) for value in row] for row in found]
        assert found, f"{name}: nothing"
        check(f"{name}, its rows", found, expected[name])
        other = [[plain(value) for value in row] for row in duck.run(db, as_athena_means(name, query))[1]]
        check(f"{name}, as Athena means it", found, other)
        names, texts = server.run(statements.with_views_in_place(query))
        assert names == columns, f"{name}: {names} instead of {columns}"
        assert len(texts) == len(found), f"{name}: {len(texts)} rows instead of {len(found)}"
        typed = [[as_is(text, value) for text, value in zip(*pair)] for pair in zip(texts, found)]
        check(f"{name}, by Athena's interface", found, typed)
    print(json.dumps({name: len(found) for name, found in expected.items()}))


def as_athena_means(name, query):
    """The query in DuckDB's words, translated from Athena's: where the same words mean something else,
    as a division of integers does, it says something else."""
    called = set(re.findall(r"\b([a-z_]+)\(", query))
    assert called <= FUNCTIONS, f"{name}: Athena may not have {called - FUNCTIONS}"
    parsed = sqlglot.parse_one(statements.with_views_in_place(query), read="athena")
    schema = {table: statements.columns(table) for table in statements.TABLES}
    parsed = qualify.qualify(parsed, schema=schema, dialect="athena")
    return annotate_types.annotate_types(parsed, schema=schema, dialect="athena").sql(dialect="duckdb")


def plain(value):
    """Times as Unix ms."""
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    return value


def as_is(text, like):
    """A value of a result as text, read as what it stands beside is."""
    if text is None or like is None or isinstance(like, str):
        return text
    if isinstance(like, float):
        return float(text)
    return plain(datetime.datetime.fromisoformat(text)) if "-" in text[1:] else int(text)


def check(what, found, expected):
    """Both have the same rows in the same order; sums of doubles depend on theirs."""
    assert len(found) == len(expected), f"{what}: {len(found)} rows, not {len(expected)}"
    for number, (row, other) in enumerate(zip(found, expected)):
        assert len(row) == len(other), f"{what}, row {number}: {row}, not {other}"
        for value, right in zip(row, other):
            is_close = isinstance(value, float) and right is not None and math.isclose(value, right, rel_tol=1e-9)
            assert is_close or value == right, f"{what}, row {number}: {row}, not {other}"


main(*sys.argv[1:])
