"""Measures of waits counted where the tables are: what their definition gives, row for row, on every engine."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import measure as find
from ebi_rules.pathways.wait_counts import span_of
from ebi_rules.pathways.wait_rows import FIRST_DAY, STATUSES, read_waits
from ebi_rules.results.measure_run import run_measures
from ebi_rules.statements.table_source import TableSource
from ebi_rules.statements.wait_sql import TOTALS, wait_statements
from tests.engines.evaluators import EVERY_JUDGE, EVERY_SQL_ENGINE, SQL_ENGINES, complaints, started, started_judge
from tests.engines.people import TODAY
from tests.engines.waiting import Waiting, Waits, by_meaning, random_waiting

KEYS = ("wait_to_community_contact", "wait_to_specialist_attendance")
EXACT = ebi.Settings(disclosure="none")
FILES = {"referrals": "csds", "lists": "wlmds", "outpatients": "ncdr-opa"}


def _sources(data: Waiting) -> list[TableSource]:
    sources = []
    for name, layout in FILES.items():
        of_second = data.contacts.columns if name == "referrals" else None
        binding = bind(find_layout(layout), data.frames[name].columns, None, of_second)
        sources.append(TableSource(binding, name, {"contacts": "contacts"} if of_second else {}))
    return sources


def _expected(key: str, data: Waiting) -> Waits:
    measure = replace(find(key), standard_days=20)
    extracts = [ebi.open(data.referrals, contacts=data.contacts), ebi.open(data.lists), ebi.open(data.outpatients)]
    rows = read_waits(extracts, measure, ["provider"], TODAY, 1)  # type: ignore[arg-type]
    first, last = (FIRST_DAY + timedelta(days=day) for day in span_of(rows, measure, TODAY))
    return by_meaning(measure, data, first, last)


def _number(value: object) -> int | None:
    return None if value is None else int(str(value).split(".")[0])


@pytest.mark.parametrize("name", [each for each in EVERY_SQL_ENGINE if SQL_ENGINES[each.values[0]][1] != "tsql"])
def test_every_engine_counts_the_waits_of_the_definition(name: str) -> None:
    """SQL Server is not here to run it: for it, the statements are parsed."""
    started(name)
    engine, dialect = SQL_ENGINES[name]
    data = random_waiting(2)
    engine.load_all(data.frames, dialect)
    for key in KEYS if engine.examples > 1 else KEYS[1:]:
        measure = replace(find(key), standard_days=20)
        text = wait_statements(measure, dialect, _sources(data), ["provider"], STATUSES)[TOTALS]
        found: Waits = Waits()
        for provider, *numbers in engine.rows(text):
            known_from, until, ended, followed, outcome, _, _, count = map(_number, numbers)
            found[str(provider), known_from, until, ended, followed, outcome] += int(count or 0)
        assert found == _expected(key, data), text


@pytest.mark.parametrize("name", EVERY_JUDGE)
def test_no_judge_complains(name: str) -> None:
    judge = started_judge(name)
    data = random_waiting(2)
    kinds = {pl.Int64: "BIGINT", pl.String: "VARCHAR(4000)", pl.Date: "DATE"}
    schema = {
        table: {column: kinds[kind] for column, kind in frame.schema.items()} for table, frame in data.frames.items()
    }
    for key in KEYS[:1] if judge.slow else KEYS:
        for text in wait_statements(find(key), judge.dialect, _sources(data), ["provider", "month"], STATUSES).values():
            assert complaints(judge, text, schema) == [], text


def _require_equal(extracts: list[ebi.Extract], data: Waiting) -> None:
    """Require cubes, waits, contacts and warnings as of frames."""
    frames = [ebi.open(data.referrals, contacts=data.contacts), ebi.open(data.lists), ebi.open(data.outpatients)]
    by = ["treatment_function", "team_type"]
    measures = [*KEYS, "wait_to_treatment"]
    settings = replace(EXACT, skip_unavailable=True)
    found, expected = (run_measures(each, measures, by=by, settings=settings) for each in (extracts, frames))
    assert found.tables.exact_cube.equals(expected.tables.exact_cube)
    assert found.tables.waits.equals(expected.tables.waits)
    assert found.tables.contacts.equals(expected.tables.contacts)
    for words in ("wait has", "waits have", "rows have no pseudonym", "weekly lists", "no list in the last weeks"):
        both = [sorted(text for text in each.warnings if words in text) for each in (found, expected)]
        assert both[0] == both[1], words
    assert any("waits have" in text for text in found.warnings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, frame in random_waiting(4).frames.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def test_files_by_duckdb(folder: Path) -> None:
    extracts = [ebi.open(folder / f"{name}.parquet", engine="duckdb") for name in FILES]
    _require_equal(extracts, random_waiting(4))


@pytest.mark.needs("PostgreSQL", "adbc_driver_postgresql")
def test_tables_by_postgres(postgres: object) -> None:
    data = random_waiting(4)
    for name, frame in data.frames.items():
        postgres.load(f"waiting_{name}", frame, "postgres")  # type: ignore[attr-defined]
    extracts = [
        ebi.open(f"waiting_{name}", engine="postgres", contacts="waiting_contacts" if name == "referrals" else None)
        for name in FILES
    ]
    _require_equal(extracts, data)


@pytest.mark.needs("Apache Spark")
@pytest.mark.long
def test_files_by_spark(folder: Path) -> None:
    extracts = [ebi.open(str(folder / f"{name}.parquet"), engine="spark") for name in FILES]
    _require_equal(extracts, random_waiting(4))
