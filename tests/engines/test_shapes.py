"""The shapes `counts`, `case` and `view` run too, on every engine, and count what the reference flags."""

from collections import Counter
from datetime import date
from functools import cache

import polars as pl
import pytest

from ebi_rules.criteria.evaluate import holds
from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from ebi_rules.statements.rule_sql import VIEW_NAME, rule_statement
from tests.engines.case import Case
from tests.engines.dense import random_extract
from tests.engines.engine import ACTIVITY, SqlEngine, quoted, table_source, tables
from tests.engines.evaluators import EVERY_SQL_ENGINE, REFERENCE, SQL_ENGINES, started

LOW_BACK = rule("2S")
DATES = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 31), date(2024, 2, 29), date(2024, 10, 5)]


@cache
def _case() -> Case:
    layout = find_layout("ncdr-opa")
    activity, children = random_extract(layout, 400, seed=4)
    rows = range(activity.height)
    return Case(
        layout,
        [LOW_BACK],
        activity.with_columns(
            pl.Series("Der_Provider_Code", [f"ZZ{row % 3}" for row in rows]),
            pl.Series("Appointment_Date", [DATES[row % 5] for row in rows], dtype=pl.Date),
        ),
        children,
    )


def _loaded(name: str) -> tuple[SqlEngine, str]:
    """Return an engine that has the tables of the case, and its dialect."""
    started(name)
    engine, dialect = SQL_ENGINES[name]
    engine.load_all(tables(_case()), dialect)
    return engine, dialect


def _text(dialect: str, shape: str) -> str:
    return rule_statement([LOW_BACK.logic], dialect, table_source(_case()), shape).rstrip(";")


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_counts(name: str) -> None:
    case = _case()
    flags = REFERENCE(case)
    activity, eligible, flagged = Counter(), Counter(), Counter()
    for row in case.activity.iter_rows(named=True):
        month = row["Appointment_Date"].year * 100 + row["Appointment_Date"].month
        group = (LOW_BACK.key, row["Der_Provider_Code"], month)
        read = case.binding.activity(row, {})
        activity[group] += 1
        eligible[group] += all(holds(LOW_BACK.criteria[name], read) for name in LOW_BACK.logic.eligible)
        flagged[group] += flags[row["OPA_Ident"]][0]
    expected = [(*group, activity[group], eligible[group], flagged[group]) for group in sorted(activity)]
    engine, dialect = _loaded(name)
    found = engine.rows(_text(dialect, "counts"))
    assert sorted((str(key), str(provider), *map(int, rest)) for key, provider, *rest in found) == expected
    assert sum(flagged.values()) > 5


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_case(name: str) -> None:
    flags = REFERENCE(_case())
    engine, dialect = _loaded(name)
    query = f"SELECT {quoted('OPA_Ident', dialect)}, {_text(dialect, 'case')} AS flag FROM {ACTIVITY}"
    found = engine.rows(query)
    assert {int(key): label for key, label in found} == {
        key: LOW_BACK.key if flag else None for key, (flag,) in flags.items()
    }


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_view(name: str) -> None:
    """A view is the statement of shape `flags` under a name; engines that keep views keep it."""
    engine, dialect = _loaded(name)
    text = _text(dialect, "view")
    assert text.split() == ["CREATE", "VIEW", VIEW_NAME, "AS", *_text(dialect, "flags").split()]
    if engine.keeps_views:
        engine.execute(text)
        try:
            found = engine.rows(f"SELECT * FROM {VIEW_NAME}")
        finally:
            engine.execute(f"DROP VIEW {VIEW_NAME}")
        assert {int(key): (bool(flag),) for key, flag in found} == REFERENCE(_case())
