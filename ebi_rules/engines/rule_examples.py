"""Run the examples of a rule on every evaluator that is installed: the reference, Polars, and engines that speak SQL.

Reading a rule file asks the reference alone. Here the same activities are put into a table, as an extract has them, and
each evaluator is asked what it flags.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import Extract, Table
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_flags import flag_columns, prepare
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import Layout, Numbered
from ebi_rules.rule_model.rule import DEFAULT, Rule, criteria_of

_TABLE = "examples"
_SPARK: dict[str, bool | float | int | str | None] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_TYPES = {Kind.NUMBER: pl.Int64(), Kind.DATE: pl.Date()}
_SQL_TYPES: Mapping[pl.DataType, str] = {pl.Int64(): "BIGINT", pl.String(): "VARCHAR(4000)", pl.Date(): "DATE"}

Flags = Mapping[int, Sequence[bool]]
"""For each example's place, what each reading flags, in the order of the readings."""


@dataclass(frozen=True)
class Outcome:
    """What one evaluator made of a rule's examples: which it got wrong, or that it is not installed (`install`)."""

    evaluator: str
    wrong: tuple[str, ...] = ()
    install: str | None = None


@dataclass(frozen=True)
class _Table:
    """The examples as an extract holds them, and the readings that they are of, each under a name of its own."""

    frame: pl.DataFrame
    binding: Binding
    readings: Sequence[Rule]


def run_examples(rule: Rule) -> list[Outcome]:
    """Run a rule's examples, each under its reading, on every evaluator. Raises what an engine raises."""
    readings = {_reading(rule, each.edition, each.variant): None for each in rule.examples}
    table = _table(rule, list(readings))
    outcomes = [Outcome("reference", _wrong(rule, list(readings), _by_reference(rule, list(readings))))]
    for name, (evaluate, extra) in _EVALUATORS.items():
        try:
            flags = evaluate(table)
        except ImportError:
            outcomes.append(Outcome(name, install=f"pip install 'ebi-rules[{extra}]'"))
        else:
            outcomes.append(Outcome(name, _wrong(rule, list(readings), flags)))
    return outcomes


def _reading(rule: Rule, edition: str | None, variant: str | None) -> Rule:
    return (rule.edition(edition) if edition else rule).variant(variant or DEFAULT)


def _wrong(rule: Rule, readings: Sequence[Rule], flags: Flags) -> tuple[str, ...]:
    places = [readings.index(_reading(rule, each.edition, each.variant)) for each in rule.examples]
    return tuple(
        example.about
        for number, (example, place) in enumerate(zip(rule.examples, places, strict=True))
        if flags[number][place] != example.flagged
    )


def _table(rule: Rule, readings: Sequence[Rule]) -> _Table:
    """Put the examples into a table whose columns are called as the fields are."""
    given = [dict(example.given) for example in rule.examples]
    needed = {name for reading in readings for name in reading.fields_needed}
    columns: dict[str, pl.Series] = {"id": pl.Series(range(len(given)), dtype=pl.Int64)}
    for name in (*CODE_FIELDS, *FIELDS):
        if name in needed or any(name in each for each in given):
            dtype = pl.String() if name in CODE_FIELDS else _TYPES.get(FIELDS[name].kind, pl.String())
            columns[name] = pl.Series([_cell(each.get(name), dtype) for each in given], dtype=dtype)
    frame = pl.DataFrame(columns)
    layout = Layout(
        name="examples",
        title="the examples of a rule",
        dataset=rule.dataset,
        source="",
        fields={name: (name,) for name in frame.columns if name in FIELDS},
        codes={name: Numbered((name,)) for name in frame.columns if name in CODE_FIELDS},
    )
    named = [replace(reading, key=f"reading_{place}") for place, reading in enumerate(readings)]
    return _Table(frame, bind(layout, frame.columns), named)


def _cell(value: object, dtype: pl.DataType) -> object:
    """Give an example's value as a column of its type holds it; a list of codes as one text."""
    if value is None:
        return None
    if dtype == pl.Int64:
        return int(str(value))
    if dtype == pl.Date:
        return date.fromisoformat(str(value))
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _by_reference(rule: Rule, readings: Sequence[Rule]) -> Flags:
    return {
        number: [reading.explain(example.activity).flagged for reading in readings]
        for number, example in enumerate(rule.examples)
    }


def _by_polars(table: _Table) -> Flags:
    extract = Extract(Table(table.frame.lazy(), dict(table.frame.schema)))
    prepared = prepare(extract, table.binding, criteria_of(table.readings))
    return _flags(collect(prepared.frame.select("id", *flag_columns(prepared, table.readings))).iter_rows())


def _by_expression(table: _Table) -> Flags:
    flags = [reading.expr(table.binding.layout) for reading in table.readings]
    return _flags(table.frame.select("id", *flags).iter_rows())


def _by_sqlite(table: _Table) -> Flags:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(_create(table))
        rows = table.frame.with_columns(pl.col(pl.Date).cast(pl.String)).iter_rows()
        connection.executemany(f"INSERT INTO {_TABLE} VALUES ({', '.join('?' * table.frame.width)})", rows)
        return _flags(connection.execute(_statement(table, "sqlite")).fetchall())
    finally:
        connection.close()


def _by_duckdb(table: _Table) -> Flags:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(_create(table))
        rows = [list(row) for row in table.frame.iter_rows()]
        connection.executemany(f"INSERT INTO {_TABLE} VALUES ({', '.join('?' * table.frame.width)})", rows)
        return _flags(connection.sql(_statement(table, "duckdb")).fetchall())


def _by_spark(table: _Table) -> Flags:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession() or SparkSession.builder.config(map=_SPARK).getOrCreate()
    columns = ", ".join(f"{name} {_SQL_TYPES[dtype]}" for name, dtype in table.frame.schema.items())
    rows = [tuple(row) for row in table.frame.iter_rows()]
    session.createDataFrame(rows, columns.replace("VARCHAR(4000)", "STRING")).createOrReplaceTempView(_TABLE)
    return _flags(session.sql(_statement(table, "spark")).collect())


def _create(table: _Table) -> str:
    columns = ", ".join(f"{name} {_SQL_TYPES[dtype]}" for name, dtype in table.frame.schema.items())
    return f"CREATE TABLE {_TABLE} ({columns})"


def _statement(table: _Table, dialect: str) -> str:
    from ebi_rules.statements.rule_sql import statement

    return statement(list(table.readings), dialect, table.binding, _TABLE).rstrip(";")


def _flags(rows: Iterable[Sequence[Any]]) -> Flags:
    return {int(key): [bool(flag) for flag in flags] for key, *flags in rows}


_EVALUATORS: Mapping[str, tuple[Callable[[_Table], Flags], str]] = {
    "Polars": (_by_polars, ""),
    "Polars, as an expression": (_by_expression, ""),
    "SQLite": (_by_sqlite, ""),
    "DuckDB": (_by_duckdb, "duckdb"),
    "Spark": (_by_spark, "spark"),
}
"""Every evaluator beside the reference, with the extra that installs it."""
