"""SQLite: the statement of shape `flags`, the bare predicate, and LIKE with classes as SQL Server has it.

SQLite's LIKE ignores the case of ASCII letters, as SQL Server's default collation does: the statements must be
right all the same. The third evaluator prints LIKE with classes, as for T-SQL, and gives SQLite a LIKE that reads
them by the rules in Microsoft's documentation: an emulation.
"""

import re
import sqlite3
from dataclasses import replace
from functools import cache

from ebi_rules.translate import statements
from ebi_rules.translate.dialects import find_dialect
from ebi_rules.translate.statements import statement
from tests.engines.case import Case, Flags
from tests.engines.sql import child_names, merge, predicate_query, tables


def flags(case: Case) -> Flags:
    connection = connect(case)
    return merge(connection.execute(_statement(case, rule)).fetchall() for rule in case.rules)


def predicate(case: Case) -> Flags:
    connection = connect(case)
    return merge(connection.execute(predicate_query(case, rule, "sqlite")).fetchall() for rule in case.rules)


def like_classes(case: Case) -> Flags:
    connection = connect(case, sql_server_like=True)
    writer = statements.find_dialect
    statements.find_dialect = lambda name: replace(find_dialect(name), like_classes=True)
    try:
        texts = [_statement(case, rule) for rule in case.rules]
    finally:
        statements.find_dialect = writer
    return merge(connection.execute(text).fetchall() for text in texts)


def _statement(case, rule):  # type: ignore[no-untyped-def]
    return statement([rule], "sqlite", case.binding, "activity_table", "flags", child_names(case))


def connect(case: Case, sql_server_like: bool = False) -> sqlite3.Connection:
    """Load a case into a database in memory, whose LIKE is SQLite's own or follows SQL Server's rules."""
    connection = sqlite3.connect(":memory:")
    if sql_server_like:
        connection.create_function("like", 2, lambda pattern, value: _like(value, pattern), deterministic=True)
    for name, frame in tables(case).items():
        columns = ", ".join(f'"{column}"' for column in frame.columns)
        connection.execute(f'CREATE TABLE "{name}" ({columns})')
        places = ", ".join("?" * frame.width)
        connection.executemany(f'INSERT INTO "{name}" VALUES ({places})', frame.iter_rows())
        if name != "activity_table":
            connection.execute(f'CREATE INDEX "key of {name}" ON "{name}" ("{frame.columns[0]}")')
    return connection


def _like(value: str | None, pattern: str | None) -> bool | None:
    if value is None or pattern is None:
        return None
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\[[^\]]*\]|.", pattern, re.DOTALL)
    translated = {"%": ".*", "_": "."}
    regex = "".join(part if len(part) > 1 else translated.get(part, re.escape(part)) for part in parts)
    return re.compile(regex, re.DOTALL | re.IGNORECASE)
