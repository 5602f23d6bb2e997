"""The quarters of a flow stand on an axis without gaps, and one in which few pathways begin is not drawn."""

import re

import polars as pl

from ebi_rules.report.flow_section import FEWEST_BEGUN, every_quarter, with_enough
from ebi_rules.report.trend_charts import by_quarter

QUARTERS = ["2023-10 to 2023-12", "2024-01 to 2024-03", "2024-07 to 2024-09"]


def test_the_axis_has_every_quarter() -> None:
    assert every_quarter(pl.Series(QUARTERS)) == [*QUARTERS[:2], "2024-04 to 2024-06", QUARTERS[2]]
    assert every_quarter(pl.Series(["2023-11 to 2024-01"])) == ["2023-11 to 2024-01"]


def test_few_pathways_are_not_drawn() -> None:
    table = pl.DataFrame({"quarter": QUARTERS, "stage": "start", "entered": [FEWEST_BEGUN, FEWEST_BEGUN - 1, None]})
    assert with_enough(table) == QUARTERS[:1]


def test_a_quarter_without_pathways_is_a_gap() -> None:
    axis = every_quarter(pl.Series(QUARTERS))
    rows = pl.DataFrame({"quarter": QUARTERS, "stage": "scan", "per_100_pathways": [10.0, 20.0, 30.0]})
    body = by_quarter(rows, axis, "x").body
    assert body.count('fill="#0072B2"') and "Apr to Jun 2024" in body
    (line,) = re.findall(r'<path d="(M[^"]*)" fill="none" stroke="#0072B2"', body)
    assert line.count("M") == 2, "the line is broken where a quarter has no pathways"
