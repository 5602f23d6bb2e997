"""DuckDB: the statement of shape `flags`, and the bare predicate, over tables of the layout's own types."""

import duckdb

from ebi_rules.translate.statements import statement
from tests.engines.case import Case, Flags
from tests.engines.sql import child_names, merge, predicate_query, tables


def flags(case: Case) -> Flags:
    with _connected(case) as connection:
        return merge(connection.execute(_statement(case, [rule])).fetchall() for rule in case.rules)


def predicate(case: Case) -> Flags:
    with _connected(case) as connection:
        return merge(connection.execute(predicate_query(case, rule, "duckdb")).fetchall() for rule in case.rules)


def _statement(case, rules):  # type: ignore[no-untyped-def]
    return statement(rules, "duckdb", case.binding, "activity_table", "flags", child_names(case))


def _connected(case: Case) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, frame in tables(case).items():
        connection.register(name, frame.to_arrow())
    return connection
