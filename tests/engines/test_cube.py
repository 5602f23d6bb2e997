"""The cube is the same from every SQL engine as from Polars, in every shape of codes, but for numbers of codes."""

from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl
import pytest

from ebi_rules._support.package_data import data_folder
from ebi_rules.criteria.labels import Recoding, referral_settings
from ebi_rules.cube import STANDARD_DIMENSIONS, read_cube, schema
from ebi_rules.engines.polars_cube import count_frame
from ebi_rules.engines.polars_engine import within_scope
from ebi_rules.engines.warehouse_groups import cube_of_warehouse
from ebi_rules.layouts.layout import find_layout
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import rule, shared_definitions
from ebi_rules.rule_model.rule_parser import parse_rule
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.statements.group_statements import GroupStatements
from ebi_rules.statements.table_source import TableSource
from tests.engines.case import Case
from tests.engines.dense import random_extract
from tests.engines.engine import ACTIVITY, CHILDREN, tables
from tests.engines.evaluators import EVERY_SQL_ENGINE, SQL_ENGINES, started

RULES = ("2S", "2T")
DIMENSIONS = (*STANDARD_DIMENSIONS, "referral_source", "referral_setting", "pcn")
_NETWORKS = Recoding("pcn", "gp_practice", {"A1": "Network one", "A2": "Network one", "B07": "Two's"})
NOT_IN_SQL = ("codes", "invalid")

_DATES = [
    date(2023, 12, 31),
    date(2024, 1, 1),
    date(2024, 2, 29),
    date(2024, 2, 3),
    None,
    date(2024, 10, 5),
    date(1900, 1, 1),
]
_CODED = {
    "provider": ["ZZ1", "zz1", " ZZ2", None, ""],
    "sex": ["1", "2", " 1", "x", None, "NULL", ""],
    "referral_source": ["03", "3", "11", None, " "],
    "gp_practice": ["A1", " a1", "A2", "B07", "C1", None, "NULL", "b07"],
}


@cache
def _case(layout_name: str) -> Case:
    layout = find_layout(layout_name)
    activity, children = random_extract(layout, 300, seed=11)
    rows = range(activity.height)
    columns = {layout.fields["activity_date"][0]: pl.Series([_DATES[row % len(_DATES)] for row in rows], dtype=pl.Date)}
    for name, values in _CODED.items():
        columns[layout.fields[name][0]] = pl.Series([values[row * 7 % len(values)] for row in rows], dtype=pl.String)
    return Case(layout, [rule(name) for name in RULES], activity.with_columns(**columns), children)


_LABELS = (referral_settings(), _NETWORKS)


def _audited(case: Case) -> list[AuditedRule]:
    return [AuditedRule.of(each, each, case.binding) for each in case.rules]


def _by_polars(case: Case, scope: Scope = EVERYTHING) -> pl.DataFrame:
    extract = within_scope(case.extract.with_labels(_LABELS), scope)
    cube = count_frame(extract, _audited(case), DIMENSIONS).cube
    return cube.filter(~pl.col("measure").is_in(list(NOT_IN_SQL)))


def _by_sql(name: str, case: Case, strategy: str | None, scope: Scope = EVERYTHING) -> pl.DataFrame:
    engine, dialect = SQL_ENGINES[name]
    source = TableSource(case.binding.recoded(_LABELS), ACTIVITY, {field: CHILDREN[field] for field in case.children})
    text = cube_statement(_audited(case), DIMENSIONS, dialect, source, strategy, scope)
    engine.load_all(tables(case), dialect)
    found = [[None if value is None else str(value) for value in row] for row in engine.rows(text.rstrip(";"))]
    columns = dict.fromkeys(schema(DIMENSIONS), pl.String)
    return read_cube(pl.DataFrame(found, schema=columns, orient="row"))


@pytest.mark.parametrize(
    ("layout", "strategy"),
    [
        ("ncdr-opa", "inline"),
        ("ncdr-opa", "distinct"),
        ("hes-op", "inline"),
        pytest.param("hes-op", "distinct", marks=pytest.mark.long),
        ("unified-sus-op", None),
    ],
)
@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_the_cube(name: str, layout: str, strategy: str | None) -> None:
    started(name)
    case = SQL_ENGINES[name][0].stores(_case(layout))
    cube, expected = _by_sql(name, case, strategy), _by_polars(case)
    assert cube.equals(expected), cube.join(expected, on=cube.columns, how="anti", nulls_equal=True)
    assert expected.filter(pl.col("measure") == "flagged")["count"].sum() >= 5
    assert {"Network one", "Two's", None} == set(expected["pcn"].cast(pl.String))


def _as_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def _by_groups(name: str, case: Case) -> pl.DataFrame:
    """Return the cube as our own engines make it, from groups that a warehouse counted."""
    engine, dialect = SQL_ENGINES[name]
    source = TableSource(case.binding.recoded(_LABELS), ACTIVITY, {field: CHILDREN[field] for field in case.children})
    statements = GroupStatements.of(_audited(case), DIMENSIONS, dialect, source)
    engine.load_all(tables(case), dialect)
    frames = []
    for text in (statements.groups({}), statements.by_month()):
        found = [[None if value is None else _as_text(value) for value in row] for row in engine.rows(text)]
        columns = [str(place) for place in range(len(found[0]))]
        frames.append(pl.DataFrame(found, schema=dict.fromkeys(columns, pl.String), orient="row"))
    return cube_of_warehouse(*frames, statements, _audited(case))


@pytest.mark.parametrize("layout", ["ncdr-opa", "unified-sus-op"])
@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_the_cube_of_groups(name: str, layout: str) -> None:
    started(name)
    case = SQL_ENGINES[name][0].stores(_case(layout))
    cube, expected = _by_groups(name, case), _by_polars(case)
    assert cube.equals(expected), cube.join(expected, on=cube.columns, how="anti", nulls_equal=True)


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_a_part_of_the_cube(name: str) -> None:
    """From a month on, with what has no plausible date; and some months of one provider."""
    started(name)
    case = SQL_ENGINES[name][0].stores(_case("ncdr-opa"))
    for scope in (Scope(since=202402), Scope(months=(202312, 202401), providers=("ZZ1",))):
        cube, expected = _by_sql(name, case, None, scope), _by_polars(case, scope)
        assert cube.equals(expected), cube.join(expected, on=cube.columns, how="anti", nulls_equal=True)
    later = _by_polars(case, Scope(since=202402))
    assert {None, "1900-01", "2024-02", "2024-10"} == set(later["month"].cast(pl.String))


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_what_differs_in_answers_alone_is_added_up(name: str) -> None:
    """One provider, age and sex: the groups of a month differ in codes alone, and in their first and last days."""
    started(name)
    case = SQL_ENGINES[name][0].stores(_case("ncdr-opa"))
    fields = find_layout("ncdr-opa").fields
    alike = {
        fields["provider"]: "ZZ1",
        fields["sex"]: "1",
        fields["referral_source"]: "03",
        fields["gp_practice"]: "A1",
    }
    day = pl.lit(date(2024, 3, 1)) + pl.duration(days=pl.int_range(pl.len()) * 7 % 31)
    columns = {column: pl.lit(value) for (column,), value in alike.items()}
    ages = {
        column: pl.lit(40, case.activity.schema[column]) for column in fields["age"] if column in case.activity.columns
    }
    one = case.activity.with_columns(**columns, **ages, **{fields["activity_date"][0]: day.cast(pl.Date)})
    case = replace(case, activity=one)
    expected = _by_polars(case)
    for cube in (_by_sql(name, case, None), _by_groups(name, case)):
        assert cube.equals(expected), cube.join(expected, on=cube.columns, how="anti", nulls_equal=True)
    assert expected.filter(pl.col("measure").is_in(["first_date", "last_date"]))["count"].to_list() == [
        20240301,
        20240331,
    ]
    assert expected.filter(pl.col("measure") == "flagged")["count"].sum() > 5


_STEPS_NAMES = ("criterion_1", "no_age", "procedure_answers_1")


@pytest.mark.parametrize("strategy", ["inline", "distinct"])
def test_lists_that_are_called_as_columns_of_steps_are(strategy: str) -> None:
    text = (data_folder("catalogue") / "2S_lower_back_imaging.toml").read_text(encoding="utf-8")
    for plain, name in zip(("spine_ct_mri", "other_imaging", "lumbar_spine"), _STEPS_NAMES, strict=True):
        text = text.replace(plain, name)
    named = parse_rule(text, "rule.toml", shared_definitions())
    case = replace(_case("ncdr-opa"), rules=[named])
    assert set(_STEPS_NAMES) <= set(named.codes)
    name = next(name for name in SQL_ENGINES if name.startswith("duckdb"))
    started(name)
    assert _by_sql(name, case, strategy).equals(_by_polars(case))
