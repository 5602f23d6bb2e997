"""Every measure as SQL gives, on every engine, the rows that its meaning gives over made-up people."""

from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl
import pytest

from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import measure as find
from ebi_rules.pathways.definitions import measures
from ebi_rules.pathways.measure import Measure
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, Window
from ebi_rules.statements.measure_sql import measure_statement, why_not_in_sql
from ebi_rules.statements.table_source import TableSource
from tests.engines.engine import SqlEngine
from tests.engines.evaluators import (
    ENGINES,
    EVERY_JUDGE,
    EVERY_SQL_ENGINE,
    SQL_ENGINES,
    complaints,
    started,
    started_judge,
)
from tests.engines.people import NEIGHBOURS, Answers, PeopleTable, Person, by_meaning, random_people, table_of

DAYS_OF_DATA = 70
LAYOUTS = {
    "delimited": ("ncdr-opa", "ncdr-apcs", "dids-v1", *NEIGHBOURS),
    "numbered": ("hes-op", "hes-apc", "dids-icb", *NEIGHBOURS),
    "child": ("unified-sus-op", "ncdr-apcs", "dids-v1", *NEIGHBOURS),
}


def _measures() -> list[Measure]:
    """Return every measure, with windows as short as the data; and every kind of window, first and each."""
    found = [
        replace(each, window=replace(each.window, days=each.window.first + 20))
        if each.window
        else replace(each, standard_days=20 if each.gives == DAYS else None)
        for each in measures()
        if not why_not_in_sql(each) and not each.wait
    ]
    for key in ("attendances_after_imaging", "specialist_without_community"):
        for window in (Window(0, 0, True), Window(3, 9, True), Window(1, 1, False), Window(5, 30, False)):
            found.append(replace(find(key), window=window, of="first"))
    return found


@cache
def _people() -> list[Person]:
    return random_people(4, DAYS_OF_DATA)


@cache
def _tables(shape: str) -> tuple[list[TableSource], dict[str, pl.DataFrame]]:
    """Return tables as the statement names them, and what they hold."""
    sources, frames = [], {}
    for layout in LAYOUTS[shape]:
        table: PeopleTable = table_of(_people(), find_layout(layout), shuffle=1)
        name = f"{table.layout.dataset}_table"
        children = {field: f"{name}_{field}" for field in table.children}
        frames[name] = table.activity
        frames |= {children[field]: frame for field, frame in table.children.items()}
        sources.append(TableSource(table.binding, name, children))
    return sources, frames


def _asked_of(engine: SqlEngine, shape: str) -> list[Measure]:
    """Return an engine's measures: all in one shape of codes, in the others every second; or a part for a slow one.

    The parts of slow engines differ, so that together they are asked all.
    """
    every, own = _measures(), sum(not why_not_in_sql(each) and not each.wait for each in measures())
    if engine.examples == 1:
        return every if shape == "delimited" else every[::2]
    slow = [each.name for each in ENGINES if each.examples < 1]
    return every[slow.index(engine.name) % 4 : own : 4] if shape == "delimited" else every[own::6]


def _asked(measure: Measure, rows: list[tuple[object, ...]]) -> Answers:
    found: Answers = Counter()
    for _, key, _, _, followed, outcomes, counted in rows:
        assert int(followed) in (0, 1) and int(counted) <= int(followed)
        number = "yes" if int(counted) else "no"
        if measure.gives in (COUNT, DAYS) and int(followed):
            number = str(int(outcomes))
        if measure.gives == DAYS and int(followed):
            assert int(counted) == (int(outcomes) > (measure.standard_days or 0)), "a longer wait than the standard"
        found[int(key), number if int(followed) else "incomplete"] += 1
    return found


@pytest.mark.parametrize("shape", ["delimited", pytest.param("numbered", marks=pytest.mark.long), "child"])
@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_measures_on_every_engine(name: str, shape: str) -> None:
    started(name)
    engine, dialect = SQL_ENGINES[name]
    sources, frames = _tables(shape)
    engine.load_all(frames, dialect)
    answered = 0
    for measure in _asked_of(engine, shape):
        expected = by_meaning(measure, _people(), DAYS_OF_DATA)
        text = measure_statement(measure, dialect, sources).rstrip(";")
        assert _asked(measure, list(engine.rows(text))) == expected, (measure.key, text)
        answered += len(expected)
    assert answered > 40


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_counts_are_those_of_the_rows(name: str) -> None:
    started(name)
    engine, dialect = SQL_ENGINES[name]
    sources, frames = _tables("delimited")
    engine.load_all(frames, dialect)
    rows = engine.rows(measure_statement(_measures()[0], dialect, sources).rstrip(";"))
    expected: Counter[tuple[object, ...]] = Counter()
    for _, _, provider, day, followed, _, counted in rows:
        month = int(str(day)[:7].replace("-", ""))
        expected[provider, month, "index_activity"] += 1
        expected[provider, month, "followed"] += int(followed)
        expected[provider, month, "outcome"] += int(counted)
    counts = engine.rows(measure_statement(_measures()[0], dialect, sources, "counts").rstrip(";"))
    found = {
        (provider, int(month), what): int(count)
        for _, provider, month, *some in counts
        for what, count in zip(("index_activity", "followed", "outcome"), some, strict=True)
    }
    assert found == dict(expected) and len(found) > 10


def test_a_time_of_day_does_not_count_and_data_end_today() -> None:
    started("duckdb on DuckDB")
    engine, dialect = SQL_ENGINES["duckdb on DuckDB"]
    sources, frames = _tables("delimited")
    stranger = (
        frames["outpatient_table"]
        .tail(1)
        .with_columns(
            OPA_Ident=pl.lit(999_999, pl.Int64),
            Appointment_Date=pl.lit(date(2199, 1, 1)),
            Der_Procedure_All=pl.lit("X999"),
            Treatment_Function_Code=pl.lit("300"),
        )
    )
    later = pl.concat([frames["outpatient_table"], stranger])
    moment = pl.duration(hours=pl.int_range(later.height) % 24)
    later = later.with_columns(pl.col("Appointment_Date").cast(pl.Datetime) + moment)
    engine.load_all({**frames, "outpatient_table": later}, dialect)
    for measure in _measures():
        text = measure_statement(measure, dialect, sources).rstrip(";")
        assert _asked(measure, list(engine.rows(text))) == by_meaning(measure, _people(), DAYS_OF_DATA), measure.key


@pytest.mark.parametrize("name", EVERY_JUDGE)
def test_no_judge_complains(name: str) -> None:
    judge = started_judge(name)
    sources, frames = _tables("delimited")
    kinds = {pl.Int64: "BIGINT", pl.String: "VARCHAR(4000)", pl.Date: "DATE"}
    schema = {name: {column: kinds[kind] for column, kind in frame.schema.items()} for name, frame in frames.items()}
    wanted = _measures()[:1] if judge.slow else _measures()
    for measure in wanted:
        for shape in ("counts",) if judge.slow else ("rows", "counts"):  # Counts have the steps of rows.
            text = measure_statement(measure, judge.dialect, sources, shape)
            assert complaints(judge, text, schema) == [], text
