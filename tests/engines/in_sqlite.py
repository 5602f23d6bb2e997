"""SQLite in process. Its LIKE ignores the case of ASCII letters: the text must be right all the same.

Oracle's text runs on it too, under the one rule by which Oracle differs: an empty text is NULL.
"""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from types import FunctionType, MappingProxyType

import polars as pl
import sqlglot
from sqlglot import exp

from tests.engines.case import Case
from tests.engines.engine import SqlEngine

_DAYS = ("activity_day", "started", "ended", "listed", "first_seen", "end_of_data")
"""The columns from which statements count days: dates are texts here, and cannot be told from numbers by their type."""


class SQLite(SqlEngine):
    name = "SQLite"
    dialects = ("sqlite",)
    built_in = True
    types = ("INTEGER", "TEXT", "TEXT")

    def __init__(self) -> None:
        super().__init__()
        self.connection = sqlite3.connect(":memory:")

    def version(self) -> str:
        return sqlite3.sqlite_version

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self.connection.execute(f"DROP TABLE IF EXISTS {name}")
        self.connection.execute(self.create_table(name, frame, dialect))
        rows = frame.with_columns(pl.col(pl.Date).cast(pl.String)).iter_rows()
        self.connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * frame.width)})", rows)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return self.connection.execute(query).fetchall()

    def stop(self) -> None:
        self.connection.close()


class Oracle(SQLite):
    """SQLite whose texts and functions know no empty text, as Oracle's do not."""

    name = "Oracle (emulated)"
    dialects = ("oracle",)
    examples = 0.3  # Every statement is read anew, and every function of a text is Python's.
    keeps_views = False
    stands_for = MappingProxyType(
        {"oracle": "read by sqlglot and run on SQLite, where an empty text was made NULL as in Oracle"}
    )

    def __init__(self) -> None:
        super().__init__()
        for name, function in {
            "concat_": _concat,
            "date_part_": _date_part,
            "days_between_": _days_between,
            "days_later_": _days_later,
            "nchr": chr,
            "to_number_": _to_number,
            "translate": _translate,
            "regexp_like_": _regexp_like,
            "replace_each_": _replace_each,
            "trunc": _trunc,
            "upper": _upper,
        }.items():
            arguments = function.__code__.co_argcount if isinstance(function, FunctionType) else 1
            if function is _replace_each:
                arguments = -1
            self.connection.create_function(name, arguments, function)
        self.connection.execute("CREATE TABLE DUAL AS SELECT 'X' AS DUMMY")

    def stores(self, case: Case) -> Case:
        """Return a case without empty texts: where a field has two columns, the second then counts."""
        children = {name: _nulls_for_empty(frame) for name, frame in case.children.items()}
        return replace(case, activity=_nulls_for_empty(case.activity), children=children)

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        super().load(name, _nulls_for_empty(frame), dialect)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        tree = sqlglot.parse_one(query, read="oracle").transform(_without_empty_texts)
        return super().rows(tree.sql(dialect="sqlite"))


def _nulls_for_empty(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.String).replace({"": None}))


def _concat(one: str | None, two: str | None) -> str | None:
    return (one or "") + (two or "") or None


def _date_part(part: str, day: str | None) -> int | None:
    return None if day is None else getattr(date.fromisoformat(day), part.lower())


def _days_between(second: str | None, first: str | None) -> int | None:
    return None if None in (first, second) else (date.fromisoformat(second) - date.fromisoformat(first)).days


def _days_later(day: str | None, days: int) -> str | None:
    return None if day is None else str(date.fromisoformat(day) + timedelta(days=days))


def _replace_each(text: str | int | None, *pairs: str | None) -> str | None:
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        if text is not None and old:
            text = str(text).replace(old, new or "") or None
    return None if text is None else str(text)


def _regexp_like(text: str | int | None, pattern: str) -> bool | None:
    return None if text is None else re.search(pattern, str(text)) is not None


def _to_number(text: str | int | None) -> float | None:
    return None if text is None else float(text)


def _translate(text: str | None, old: str, new: str) -> str | None:
    return None if text is None else str(text).translate(str.maketrans(old, new))


def _trunc(day: str | None) -> str | None:
    return day  # A date's text here has no time of day.


def _upper(text: str | None) -> str | None:
    return str(text).upper() if text is not None else None


def _without_empty_texts(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DPipe):
        return _call("concat_", node.this, node.expression)
    if isinstance(node, exp.Extract):
        return _call("date_part_", exp.Literal.string(node.name), node.expression)
    if isinstance(node, exp.Add | exp.Sub) and _is_day(node.this):
        if node.expression.is_number:  # A day, and the number of days that another is away from it.
            away = node.expression if isinstance(node, exp.Add) else exp.Neg(this=node.expression)
            return _call("days_later_", node.this, away)
        return _call("days_between_", node.this, node.expression)
    if isinstance(node, exp.ToNumber):
        return _call("to_number_", node.this)
    if isinstance(node, exp.RegexpLike):
        return _call("regexp_like_", node.this, node.expression)
    if isinstance(node, exp.Replace):
        # Nested calls as one: SQLite's parser nests fewer than Oracle's.
        pairs: list[exp.Expr] = []
        inside: exp.Expr = node
        while isinstance(inside, exp.Replace):
            pairs = [inside.expression, inside.args["replacement"], *pairs]
            inside = inside.this
        return _call("replace_each_", inside, *pairs)
    return exp.Null() if node.is_string and not node.name else node


def _is_day(node: exp.Expr) -> bool:
    if isinstance(node, exp.Case):
        return any(_is_day(branch.args["true"]) for branch in node.args["ifs"])
    return isinstance(node, exp.CurrentDate) or (isinstance(node, exp.Column) and node.name in _DAYS)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of one of our functions: what stands inside is not visited again."""
    return exp.Anonymous(this=name, expressions=[each.transform(_without_empty_texts) for each in arguments])


ENGINES = (SQLite(), Oracle())
