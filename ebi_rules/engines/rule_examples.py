"""Run the examples of a rule on every evaluator that is installed: the reference, Polars, and engines that speak SQL.

Parsing a rule file runs the reference alone. Here the same activities are put into a table, as an extract contains
them, and each evaluator flags it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib import import_module
from typing import Any

import polars as pl

from ebi_rules._support.errors import EngineError
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.checked_extract import fields_to_read
from ebi_rules.engines.extract import FrameExtract, Table
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_flags import decide_rows, flag_columns
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import Layout, Numbered
from ebi_rules.rule_model.explanation import explain_activity
from ebi_rules.rule_model.rule import Example, Rule
from ebi_rules.rule_model.rule_logic import DEFAULT, RuleLogic, criteria_of
from ebi_rules.statements.rule_sql import rule_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.polars import expression

_TABLE = "examples"
_SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
}
_LONGEST_FOR_SPARK = 200_000
"""The characters up to which Spark is tried: the catalogue's longest statement has 13,338."""

_TYPES = {Kind.NUMBER: pl.Int64(), Kind.DATE: pl.Date()}
_SQL_TYPES: Mapping[pl.DataType, str] = {pl.Int64(): "BIGINT", pl.String(): "VARCHAR(4000)", pl.Date(): "DATE"}

Flags = Mapping[int, Sequence[bool]]
"""For each example's place, what each interpretation flags, in the order of the interpretations."""


@dataclass(frozen=True)
class Outcome:
    """The result of one evaluator over a rule's examples.

    Attributes:
        evaluator: Its name.
        wrong: What the examples with a wrong answer are about.
        not_tried: Why it was not tried: how to install it, or that it cannot run so long a statement.
    """

    evaluator: str
    wrong: tuple[str, ...] = ()
    not_tried: str | None = None


class _TooLongError(EngineError):
    """A statement is too long for an engine that could run it in principle."""


@dataclass(frozen=True)
class _ExampleTable:
    """The examples as an extract contains them, and their interpretations, each under a key of its own."""

    frame: pl.DataFrame
    binding: Binding
    interpretations: Sequence[RuleLogic]


def run_examples(rule: Rule, with_engines: bool = True) -> list[Outcome]:
    """Run a rule's examples, each under its variant and edition, on every evaluator.

    Args:
        rule: The rule.
        with_engines: Whether to run them on engines too that are installed beside the package, such as Spark.

    Raises:
        Exception: Whatever an engine raises.
    """
    interpretations = list({_interpretation(rule, example): None for example in rule.examples})
    table = _example_table(rule, interpretations)
    outcomes = [Outcome("reference", _wrong(rule, interpretations, _by_reference(rule, interpretations)))]
    for name, (evaluate, extra) in _EVALUATORS.items():
        if extra and not with_engines:
            continue
        try:
            flags = evaluate(table)
        except ImportError:
            outcomes.append(Outcome(name, not_tried=f"not installed: pip install 'ebi-rules[{extra}]'"))
        except _TooLongError as error:
            outcomes.append(Outcome(name, not_tried=f"not tried: {error}"))
        else:
            outcomes.append(Outcome(name, _wrong(rule, interpretations, flags)))
    return outcomes


def _interpretation(rule: Rule, example: Example) -> RuleLogic:
    edition = rule.edition(example.edition) if example.edition else rule
    return edition.variant(example.variant or DEFAULT).logic


def _wrong(rule: Rule, interpretations: Sequence[RuleLogic], flags: Flags) -> tuple[str, ...]:
    wrong = []
    for number, example in enumerate(rule.examples):
        place = interpretations.index(_interpretation(rule, example))
        if flags[number][place] != example.flagged:
            wrong.append(example.about)
    return tuple(wrong)


def _example_table(rule: Rule, interpretations: Sequence[RuleLogic]) -> _ExampleTable:
    """Put the examples into a table whose columns have the names of the fields."""
    rows = [dict(example.values) for example in rule.examples]
    needed = {name for logic in interpretations for name in logic.fields_needed}
    columns: dict[str, pl.Series] = {"id": pl.Series(range(len(rows)), dtype=pl.Int64)}
    for name in (*CODE_FIELDS, *FIELDS):
        if name in needed or any(name in row for row in rows):
            dtype = pl.String() if name in CODE_FIELDS else _TYPES.get(FIELDS[name].kind, pl.String())
            columns[name] = pl.Series([_cell(row.get(name), dtype) for row in rows], dtype=dtype)
    frame = pl.DataFrame(columns)
    layout = Layout(
        name="examples",
        title="the examples of a rule",
        dataset=rule.dataset,
        source="",
        fields={name: (name,) for name in frame.columns if name in FIELDS},
        codes={name: Numbered((name,)) for name in frame.columns if name in CODE_FIELDS},
    )
    keyed = [replace(logic, key=f"interpretation_{place}") for place, logic in enumerate(interpretations)]
    return _ExampleTable(frame, bind(layout, frame.columns), keyed)


def _cell(value: object, dtype: pl.DataType) -> object:
    """Return an example's value as a column of its type contains it; a list of codes as one text."""
    if value is None:
        return None
    if dtype == pl.Int64:
        return int(str(value))
    if dtype == pl.Date:
        return date.fromisoformat(str(value))
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _by_reference(rule: Rule, interpretations: Sequence[RuleLogic]) -> Flags:
    return {
        number: [explain_activity(logic, example.activity).flagged for logic in interpretations]
        for number, example in enumerate(rule.examples)
    }


def _by_polars(table: _ExampleTable) -> Flags:
    extract = FrameExtract(table.binding, "polars", Table(table.frame.lazy(), dict(table.frame.schema)))
    criteria = criteria_of(table.interpretations)
    decided = decide_rows(fields_to_read(extract, criteria)[0], criteria)
    flags = flag_columns(decided, table.interpretations)
    return _flags(collect(decided.frame.select("id", *flags)).iter_rows())


def _by_expression(table: _ExampleTable) -> Flags:
    flags = [expression(logic.criteria, table.binding).alias(logic.key) for logic in table.interpretations]
    return _flags(table.frame.select("id", *flags).iter_rows())


def _by_sqlite(table: _ExampleTable) -> Flags:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(_create(table))
        rows = table.frame.with_columns(pl.col(pl.Date).cast(pl.String)).iter_rows()
        connection.executemany(_insert(table), rows)
        return _flags(connection.execute(_statement(table, "sqlite")).fetchall())
    finally:
        connection.close()


def _by_duckdb(table: _ExampleTable) -> Flags:
    with import_module("duckdb").connect() as connection:
        connection.execute(_create(table))
        connection.executemany(_insert(table), [list(row) for row in table.frame.iter_rows()])
        return _flags(connection.sql(_statement(table, "duckdb")).fetchall())


def _by_spark(table: _ExampleTable) -> Flags:
    sessions = import_module("pyspark.sql").SparkSession
    statement = _statement(table, "spark")
    if len(statement) > _LONGEST_FOR_SPARK:
        raise _TooLongError(f"Spark takes minutes to compile a statement of {len(statement):,} characters.")
    session = sessions.getActiveSession() or sessions.builder.config(map=_SPARK).getOrCreate()
    columns = ", ".join(f"{name} {_SQL_TYPES[dtype]}" for name, dtype in table.frame.schema.items())
    rows = [tuple(row) for row in table.frame.iter_rows()]
    session.createDataFrame(rows, columns.replace("VARCHAR(4000)", "STRING")).createOrReplaceTempView(_TABLE)
    return _flags(session.sql(statement).collect())


def _create(table: _ExampleTable) -> str:
    columns = ", ".join(f"{name} {_SQL_TYPES[dtype]}" for name, dtype in table.frame.schema.items())
    return f"CREATE TABLE {_TABLE} ({columns})"


def _insert(table: _ExampleTable) -> str:
    return f"INSERT INTO {_TABLE} VALUES ({', '.join('?' * table.frame.width)})"


def _statement(table: _ExampleTable, dialect: str) -> str:
    return rule_statement(table.interpretations, dialect, TableSource(table.binding, _TABLE)).rstrip(";")


def _flags(rows: Iterable[Sequence[Any]]) -> Flags:
    return {int(key): [bool(flag) for flag in flags] for key, *flags in rows}


_EVALUATORS: Mapping[str, tuple[Callable[[_ExampleTable], Flags], str]] = {
    "Polars": (_by_polars, ""),
    "Polars, as an expression": (_by_expression, ""),
    "SQLite": (_by_sqlite, ""),
    "DuckDB": (_by_duckdb, "duckdb"),
    "Spark": (_by_spark, "spark"),
}
"""Every evaluator beside the reference, with the extra that installs it."""
