"""The fixtures `spec` and `published`: tables of activities with what must come out, on every evaluator.

A table has a row an activity. An empty cell is missing; text in quotation marks is itself, blanks and all.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.labels import SPECIALIST_VARIABLE
from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from tests.engines.case import Case, Flags
from tests.engines.evaluators import EVERY_EVALUATOR, REFERENCE, disagreements, started
from tests.engines.making import LAYOUTS, make_case, make_rule
from tests.engines.published_script import published_rows
from tests.engines.tsql_machine import Collation

_CODES = ("procedures", "diagnoses")
_NUMBERS = {name for name, field in FIELDS.items() if field.kind is Kind.NUMBER}
_ANSWERS = {"yes": True, "no": False}


@pytest.fixture(params=["reference", *EVERY_EVALUATOR])
def spec(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that checks one criterion against a table, on one evaluator.

    Codes of an activity stand between blanks: they become one delimited text, numbered columns, or child rows, and the
    answer must be the same. With `raw=True` they are one text in a form of its own (bars, missing separators), on the
    delimited layout alone; `layouts` are others to ask. With `columns="hes-op"` the table's columns are those of that
    layout. `specialist` are the referring organisations on a list of specialist settings.
    """
    name: str = request.param
    evaluator = None if name == "reference" else started(name)

    def agrees(case: Case, expected: Flags) -> None:
        if evaluator is None:
            assert REFERENCE(case) == expected, case
        elif evaluator.takes(case.layout):
            assert disagreements(evaluator, case, expected) == [], case

    def check(
        criterion: str,
        table: str,
        opcs: Mapping[str, Sequence[str]] | None = None,
        icd: Mapping[str, Sequence[str]] | None = None,
        raw: bool = False,
        columns: str | None = None,
        layouts: Sequence[str] | None = None,
        nicip: Mapping[str, Sequence[str]] | None = None,
        snomed: Mapping[str, Sequence[str]] | None = None,
        specialist: Sequence[str] = (),
    ) -> None:
        if specialist:
            path = tmp_path / "specialist.csv"
            path.write_text("\n".join(["code", *specialist]), encoding="utf-8")
            monkeypatch.setenv(SPECIALIST_VARIABLE, str(path))
        rows = read_table(table)
        asked = make_rule({"asked": criterion}, opcs, icd, nicip=nicip, snomed=snomed)
        expected = {place: (_ANSWERS[row.pop("holds")],) for place, row in enumerate(rows)}
        assert {flag for (flag,) in expected.values()} == {True, False}, "a table shows what holds and what does not"
        if columns:
            layout = find_layout(columns)
            agrees(Case(layout, [asked], _frame(columns, rows)), expected)
            return
        values = [{name: _value(name, cell, raw) for name, cell in row.items()} for row in rows]
        for layout in layouts or (["ncdr-opa"] if raw else LAYOUTS):
            agrees(make_case(layout, [asked], values), expected)

    return check


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that ask the published script: it runs under SQL Server's rules."""
    for item in items:
        if "published" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs("SQL Server (emulated)"))


@pytest.fixture
def published() -> Callable[..., None]:
    """Return a function that checks what the published script and the variant `as_published` make of a table."""
    started("tsql on SQL Server (emulated)")

    def check(table: str) -> None:
        rows = read_table(table)
        script, variant = ([_ANSWERS[row.pop(name)] for row in rows] for name in ("the script", "as_published"))
        frame = _frame("ncdr-opa", [{**row, "Age_at_Start_of_Episode_SUS": "45"} for row in rows])
        for ignores_case in (True, False):
            found = published_rows(frame, Collation(ignores_case, unicode=False))
            assert [place in found for place in range(len(rows))] == script
        flags = REFERENCE(Case(find_layout("ncdr-opa"), [rule("2S").variant("as_published")], frame))
        assert [flag for (flag,) in flags.values()] == variant

    return check


def read_table(table: str) -> list[dict[str, str]]:
    """Return the rows of a table as texts, by the names at its head."""
    header, *lines = [line for line in table.strip().splitlines() if set(line.strip()) - set("-+ ")]
    names = [name.strip() for name in header.split("¦")]
    rows = [[cell.strip() for cell in line.split("¦")] for line in lines]
    assert all(len(cells) == len(names) for cells in rows), "a row has as many cells as the head"
    return [dict(zip(names, cells, strict=True)) for cells in rows]


def _value(name: str, cell: str, raw: bool) -> object:
    """Return a cell of a canonical field: a number, a text, codes, or None."""
    if cell == "":
        return None
    if cell.startswith('"'):
        return cell.strip('"')
    if name in _NUMBERS:
        return int(cell)
    return cell.split() if name in _CODES and not raw else cell


def _frame(layout: str, rows: Sequence[Mapping[str, str]]) -> pl.DataFrame:
    """Return rows under the layout's own column names, with every column of an age and an administrative category."""
    fields = bind(find_layout(layout)).fields
    numbers = {column for name in _NUMBERS for column in fields.get(name, ())}
    columns: dict[str, Sequence[object]] = {fields["id"][0]: range(len(rows))}
    schema: dict[str, type[pl.DataType]] = {fields["id"][0]: pl.Int64}
    for name in dict.fromkeys([*rows[0], *fields["age"], *fields["administrative_category"]]):
        columns[name] = [_cell(row.get(name, ""), name in numbers) for row in rows]
        schema[name] = pl.Int64 if name in numbers else pl.String
    return pl.DataFrame(columns, schema=schema)


def _cell(cell: str, is_number: bool) -> object:
    if cell == "":
        return None
    return int(cell) if is_number else cell.strip('"')
