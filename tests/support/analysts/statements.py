"""The statements of schemas/athena, and what is done to them so that they run elsewhere than in Athena.
Nothing here knows what they say.
"""

import pathlib
import re

ATHENA = pathlib.Path(__file__).parents[3] / "schemas" / "athena"
TABLES = ("pings", "ride_events", "trips")


def of_table(table):
    """The statements of a table's file: the one that creates it, then its views."""
    text = (ATHENA / f"{table}.sql").read_text()
    # Comments of columns have semicolons too, but at the end of no line.
    return [statement.strip() for statement in without_comments(text).split(";\n") if statement.strip()]


def columns(table):
    """The types of a table's columns, by their names, as Athena says them."""
    found = dict(re.findall(r"^  `(\w+)` (\w+) COMMENT", of_table(table)[0], re.MULTILINE))
    return {name: "varchar" if kind == "string" else kind for name, kind in found.items()}


def views():
    """The query of each view, by its name."""
    found = {}
    for table in TABLES:
        for statement in of_table(table)[1:]:
            name, query = re.fullmatch(r"CREATE OR REPLACE VIEW (\w+) AS\n(.*)", statement, re.DOTALL).groups()
            found[name] = query
    return found


def queries():
    """The example queries, by their names."""
    return {path.stem: without_comments(path.read_text()).strip().rstrip(";") for path in sorted(ATHENA.glob("queries/*.sql"))}


def without_comments(text):
    """No string of ours has two hyphens."""
    return re.sub(r"^ *--.*\n", "", text, flags=re.MULTILINE)


def with_views_in_place(query):
    """The query with each view replaced by what it stands for, as a planner does."""
    for name, view in views().items():
        query = re.sub(rf"\b(FROM|JOIN) {name} AS (\w+)", rf"\1 (\n{view}\n) AS \2", query)
        query = re.sub(rf"\b(FROM|JOIN) {name}\b(?! AS)", rf"\1 (\n{view}\n) AS {name}", query)
    return query
