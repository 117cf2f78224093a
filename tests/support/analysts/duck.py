"""The archive in DuckDB, by schemas/athena/local.sql: tables by lists, and views."""

import duckdb

import lists
import statements


def open_archive(archive):
    """A connection that has the tables and views of the archive in this directory."""
    lists.write_where_missing(archive)
    script = (statements.ATHENA / "local.sql").read_text()
    here = "SET VARIABLE archive = 'archive';"
    assert here in script, script
    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false")
    db.execute(script.replace(here, f"SET VARIABLE archive = '{archive}';"))
    return db


def run(db, query):
    """The columns and rows of a query."""
    answer = db.execute(query)
    return [column[0] for column in answer.description], answer.fetchall()
