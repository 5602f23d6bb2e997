"""The `spec` fixture: one criterion, a table of activities with what must come out, on every evaluator.

A table has a row an activity. Codes of an activity stand between blanks: they become one delimited text, numbered
columns, or child rows, and the answer must be the same. A table whose codes are one text in a form of its own
(bars, missing separators) says `raw=True` and runs on the delimited layout alone. An empty cell is missing.
"""

from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.engines.evaluators import EVALUATORS, REFERENCE, disagreements, require
from tests.engines.making import LAYOUTS, make_case, make_rule

_CODES = ("procedures", "diagnoses")


@pytest.fixture(params=["reference", *EVALUATORS])
def spec(request: pytest.FixtureRequest) -> Callable[..., None]:
    name: str = request.param
    evaluator = None if name == "reference" else require(name)

    def check(
        criterion: str,
        table: str,
        opcs: Mapping[str, Sequence[str]] | None = None,
        icd: Mapping[str, Sequence[str]] | None = None,
        raw: bool = False,
        layouts: Sequence[str] = LAYOUTS,
    ) -> None:
        rows = _rows(table, raw)
        rule = make_rule({"asked": criterion}, opcs, icd)
        expected = {place: (row["holds"] == "yes",) for place, row in enumerate(rows)}
        assert {flag for (flag,) in expected.values()} == {True, False}, "a table shows what holds and what does not"
        for layout in ["ncdr-opa"] if raw else layouts:
            case = make_case(layout, [rule], [{key: row[key] for key in row if key != "holds"} for row in rows])
            if evaluator is None:
                assert REFERENCE(case) == expected, layout
            elif evaluator.takes(case):
                assert disagreements(evaluator, case, expected) == [], layout

    return check


def _rows(table: str, raw: bool) -> list[dict[str, object]]:
    header, *lines = [line for line in table.strip().splitlines() if set(line.strip()) - set("-+ ")]
    names = [name.strip() for name in header.split("¦")]
    rows = []
    for line in lines:
        cells = [cell.strip() for cell in line.split("¦")]
        assert len(cells) == len(names), line
        rows.append({name: _value(name, cell, raw) for name, cell in zip(names, cells, strict=True)})
    assert all(row["holds"] in ("yes", "no") for row in rows)
    return rows


def _value(name: str, cell: str, raw: bool) -> object:
    if cell == "":
        return None
    if cell.startswith('"'):
        return cell.strip('"')
    if name == "age":
        return int(cell)
    return cell.split() if name in _CODES and not raw else cell
