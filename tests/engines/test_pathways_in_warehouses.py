"""Measures and flows counted where the tables are give what Polars gives, and no row leaves the warehouse."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.errors import UsageError
from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import flow
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.warehouse_counts import flow_logic, named_moves
from ebi_rules.provider_audit.merged_providers import MergedProviders
from ebi_rules.results.measure_result import MeasureResult
from ebi_rules.results.measure_run import run_measures
from ebi_rules.statements.flow_sql import flow_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.synth.made_up_people import write_population
from tests.engines.evaluators import EVERY_JUDGE, EVERY_SQL_ENGINE, SQL_ENGINES, complaints, started, started_judge
from tests.engines.people import Person, moves_by_meaning, random_people, table_of

DAYS = 120
ASKED = ("bigquery", "duckdb", "postgres", "snowflake", "spark")
"""The dialects of engines that are asked for flows, as far as an engine is here to run them."""

SETTINGS = ebi.Settings(disclosure="none")
DATASETS = ("outpatient", "admitted")


def _flow(lost_after: int) -> Flow:
    return replace(flow("musculoskeletal"), lost_after=lost_after)


def _sources(people: list[Person]) -> tuple[list[TableSource], dict[str, pl.DataFrame]]:
    tables = {dataset: table_of(people, find_layout(name), 2) for dataset, name in _LAYOUTS.items()}
    sources = [TableSource(table.binding, f"{dataset}_table") for dataset, table in tables.items()]
    return sources, {f"{dataset}_table": table.activity for dataset, table in tables.items()}


_LAYOUTS = {
    "outpatient": "ncdr-opa",
    "admitted": "ncdr-apcs",
    "imaging": "dids-v1",
    "community": "csds",
    "emergency": "ecds",
    "waiting_list": "wlmds",
}


@pytest.mark.parametrize("name", [each for each in EVERY_SQL_ENGINE if SQL_ENGINES[each.values[0]][1] in ASKED])
def test_flows_on_every_engine(name: str) -> None:
    """SQL Server is not here to run it: for it, the statement is parsed, as for every dialect."""
    started(name)
    engine, dialect = SQL_ENGINES[name]
    people = random_people(5, DAYS)
    sources, frames = _sources(people)
    engine.load_all(frames, dialect)
    for lost_after in (9, 30) if engine.examples > 1 else (9,):
        definition = _flow(lost_after)
        text = flow_statement(flow_logic(definition), dialect, sources)
        found = [
            (
                str(provider),
                f"{str(int(month))[:4]}-{str(int(month))[4:]}",
                *(None if n is None else int(n) for n in numbers),
            )
            for provider, month, *numbers in engine.rows(text)
        ]
        names = ("provider", "month", "step", "stage", "after", "pathways")
        moves = named_moves(pl.DataFrame(found, schema=list(names), orient="row"), definition)
        expected = moves_by_meaning(definition, people, DAYS)
        assert Counter({row[:-1]: row[-1] for row in moves.iter_rows()}) == expected, text
        assert len(expected) > 100


@pytest.mark.parametrize("name", EVERY_JUDGE)
def test_no_judge_complains(name: str) -> None:
    judge = started_judge(name)
    sources, frames = _sources(random_people(5, DAYS))
    kinds = {pl.Int64: "BIGINT", pl.String: "VARCHAR(4000)", pl.Date: "DATE"}
    schema = {name: {column: kinds[kind] for column, kind in frame.schema.items()} for name, frame in frames.items()}
    text = flow_statement(flow_logic(_flow(9)), judge.dialect, sources)
    assert complaints(judge, text, schema) == [], text


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with people's activity in which some pseudonyms and days are missing, odd or cannot be."""
    folder = tmp_path_factory.mktemp("people")
    write_population(folder / "clean", 300, 4)
    place = pl.int_range(pl.len())
    for dataset, day, person in (
        ("outpatient", "Appointment_Date", "Der_Pseudo_NHS_Number"),
        ("admitted", "Discharge_Date", "Der_Pseudo_NHS_Number"),
    ):
        frame = pl.read_parquet(folder / "clean" / f"{dataset}.parquet")
        odd_day = pl.when(place % 41 == 0).then(None).when(place % 97 == 0).then(date(1900, 1, 1))
        odd_day = (
            odd_day.when(place == 7).then(date(9999, 12, 31)).when(place == 8).then(date(2039, 12, 31)).otherwise(day)
        )
        odd_person = pl.when(place % 53 == 0).then(None).when(place % 59 == 0).then(pl.lit("NULL"))
        odd_person = odd_person.when(place % 3 == 0).then(pl.format(" {} ", pl.col(person).str.to_lowercase()))
        odd_person = odd_person.when(place % 7 == 0).then(pl.format("\t{}\u00a0\ufeff", person))
        columns = {day: odd_day, person: odd_person.otherwise(person)}
        if "Referral_Request_Received_Date" in frame.columns:
            clock = pl.col("Referral_Request_Received_Date")
            odd_clock = (
                pl.when(place % 31 == 0)
                .then(date(1900, 1, 1))
                .when(place % 9 == 0)
                .then(pl.col(day) + pl.duration(days=9))
            )
            columns[clock.meta.output_name()] = odd_clock.otherwise(clock)
        frame.with_columns(**columns).write_parquet(folder / f"{dataset}.parquet")
    return folder


ONE_OF_A_KIND = ("repeat_imaging", "days_to_first_attendance", "specialist_without_community", "did_not_attend")
"""Measures of the kinds there are, for an engine that takes seconds for each."""


def _require_equal(
    found: MeasureResult, people: Path, settings: ebi.Settings = SETTINGS, measures: Sequence[str] | None = None
) -> None:
    expected = run_measures(
        [people / f"{dataset}.parquet" for dataset in DATASETS],
        measures,
        ["musculoskeletal"] if measures else None,
        by=["referral_source"],
        settings=settings,
    )
    assert found.tables.exact_cube.equals(expected.tables.exact_cube)
    assert found.tables.spread.equals(expected.tables.spread)
    for (_, moves), (_, others) in zip(found.tables.moves, expected.tables.moves, strict=True):
        assert moves.equals(others)
        assert moves.height > 100
    assert {entry.key for entry in found.tables.entries} == {entry.key for entry in expected.tables.entries}
    counted = ("which every measure needs", "no day of care", "end today", "read as missing", "starts after it stops")
    for words in counted:
        both = [sorted(text.lower() for text in each.warnings if words in text) for each in (found, expected)]
        assert both[0] == both[1] and both[0], words


def test_files_by_duckdb(people: Path) -> None:
    extracts = [ebi.open(people / f"{dataset}.parquet", engine="duckdb") for dataset in DATASETS]
    _require_equal(run_measures(extracts, by=["referral_source"], settings=SETTINGS), people)


def test_tables_of_a_database_with_merged_providers(people: Path, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        for dataset in DATASETS:
            connection.execute(f"CREATE TABLE {dataset} AS SELECT * FROM read_parquet('{people / dataset}.parquet')")
    providers = pl.read_parquet(people / "outpatient.parquet")["Der_Provider_Code"].unique().drop_nulls().sort()
    settings = replace(SETTINGS, merged=MergedProviders({providers[0]: providers[1]}))
    extracts = [ebi.open(f"{tmp_path / 'w.duckdb'}::{dataset}", engine="duckdb") for dataset in DATASETS]
    found = run_measures(extracts, by=["referral_source"], settings=settings)
    _require_equal(found, people, settings)
    found.write(tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert record["inputs"] == [{"table": dataset, "engine": "duckdb"} for dataset in DATASETS]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(f"<dd>{dataset} (duckdb)</dd>" in page for dataset in DATASETS)


@pytest.mark.needs("PostgreSQL", "adbc_driver_postgresql")
def test_tables_by_postgres(people: Path, postgres: object) -> None:
    for dataset in DATASETS:
        postgres.load(f"people_{dataset}", pl.read_parquet(people / f"{dataset}.parquet"), "postgres")  # type: ignore[attr-defined]
    extracts = [ebi.open(f"people_{dataset}", engine="postgres") for dataset in DATASETS]
    _require_equal(run_measures(extracts, by=["referral_source"], settings=SETTINGS), people)


@pytest.mark.long
@pytest.mark.needs("Apache Spark")
def test_files_by_spark(people: Path) -> None:
    extracts = [ebi.open(str(people / f"{dataset}.parquet"), engine="spark") for dataset in DATASETS]
    asked = (ONE_OF_A_KIND, ["musculoskeletal"])
    _require_equal(
        run_measures(extracts, *asked, by=["referral_source"], settings=SETTINGS), people, measures=ONE_OF_A_KIND
    )


def test_what_a_warehouse_cannot_be_asked_is_refused(people: Path) -> None:
    table = ebi.open(people / "outpatient.parquet", engine="duckdb")
    with pytest.raises(UsageError, match="some of the extracts are files and some are tables"):
        run_measures([table, people / "admitted.parquet"])
    with pytest.raises(UsageError, match="takes the day that it is there"):
        run_measures([table], "repeat_imaging", today=date(2026, 1, 1))
    with pytest.raises(UsageError, match=r"days_to_triage counts working days, which SQL does not"):
        renamed = pl.read_parquet(people / "outpatient.parquet").with_columns(triaged=pl.col("Appointment_Date"))
        renamed.write_parquet(people / "triaged.parquet")
        triaged = ebi.open(people / "triaged.parquet", engine="duckdb", columns={"triage_date": "triaged"})
        run_measures([triaged], "days_to_triage")
