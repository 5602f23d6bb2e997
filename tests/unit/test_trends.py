"""Where a trend has limits, and what they are, on cases worked out by hand."""

import numpy as np
import polars as pl
import pytest

from ebi_rules.pathways.measure_trend import measure_trends
from ebi_rules.provider_audit.judged_series import LIMITS, Judging, judge
from ebi_rules.provider_audit.quarters import quarter_of
from ebi_rules.provider_audit.settings import Settings
from tests.report.made_up import months, trend_audit


def points(counts: list[int | None], **columns: list[bool]) -> pl.DataFrame:
    size = len(counts)
    return pl.DataFrame(
        {
            "series": [0] * size,
            "start": months(size),
            "value": [None if count is None else float(count) for count in counts],
            "unit": [1.0] * size,
            "count": [0 if count is None else count for count in counts],
            "hidden": columns.get("hidden", [False] * size),
            "partial": columns.get("partial", [False] * size),
            "thin": columns.get("thin", [False] * size),
        },
        schema_overrides={"value": pl.Float64},
    )


def judged(counts: list[int | None], method: str = "none", **columns: list[bool]) -> str:
    chart = judge(points(counts, **columns), Judging("month", method, Settings()))
    assert chart.columns == [*LIMITS, "signal", "judged"]
    return str(chart["judged"][0])


@pytest.mark.parametrize(
    ("counts", "method", "expected"),
    [
        ([4, 6] * 6, "none", "by month"),  # A mean of 5.
        ([4, 5] * 6, "none", "too few to judge"),
        ([11, 13] * 6, "hes", "by month"),  # A mean of 12.
        ([10, 13] * 6, "hes", "too few to judge"),
        ([11, 13] * 6, "midpoint6", "by month"),
        ([10, 13] * 6, "midpoint6", "too few to judge"),
        ([0, 40] * 6, "none", "by month"),  # Half of the months are above 0.
        ([0, 0, 40] * 4, "none", "too few to judge"),
        ([9] * 12, "none", "too few to judge"),  # Nothing moves.
        ([9] * 11 + [30], "none", "too few to judge"),  # Screening leaves nothing that moves.
        ([8, 9] * 5 + [8], "none", "needs 1 more month"),
        ([8, 9] * 4, "none", "needs 4 more months"),
        ([8, None, 9] * 6, "none", "by month"),
        ([8, None, 9] * 5, "none", "needs 2 more months"),
    ],
)
def test_where_a_trend_has_limits(counts: list[int | None], method: str, expected: str) -> None:
    assert judged(counts, method) == expected


def test_up_to_a_third_of_a_trend_may_be_hidden() -> None:
    counts: list[int | None] = [20, 22, 19] * 4
    assert judged(counts, "hes", hidden=[True, False, False] * 4) == "by month"
    assert judged(counts, "hes", hidden=[True, False, False] * 3 + [True, True, False]) == "too few to judge"


def test_partial_and_thin_months_are_in_no_mean() -> None:
    counts: list[int | None] = [90, 8, 9, 10, 8, 9, 10, 8, 9, 10, 8, 9, 10, 90]
    mask = [True] + [False] * 12 + [True]
    for name in ("partial", "thin"):
        chart = judge(points(counts, **{name: mask}), Judging("month", "none", Settings()))
        assert chart["mean"].drop_nulls().unique().to_list() == [9.0]
        assert chart["signal"].to_list()[0] is None
        assert chart["signal"].to_list()[-1] is None
        assert (chart["mean"][0] is None) == (name == "partial")


def test_rare_months_are_judged_by_quarter() -> None:
    audit = trend_audit([[3, 1, 5, 2] * 9, [0, 1, 0, 0] * 9])
    assert audit.trend.filter(provider="Z0")["judged"].unique().to_list() == ["by quarter"]
    assert audit.trend.filter(provider="Z1")["judged"].unique().to_list() == ["too few to judge"]
    quarters = audit.trend_quarters.filter(provider="Z0")
    assert quarters["quarter"].to_list()[:2] == ["2023-01 to 2023-03", "2023-04 to 2023-06"]
    assert quarters["flagged"].to_list()[:4] == [9, 6, 10, 8]
    assert quarters["eligible"].unique().to_list() == [3_000]
    assert quarters["judged"].unique().to_list() == ["by quarter"]
    values = quarters["rate_per_1000_eligible"].to_numpy()
    assert quarters["mean"][0] == pytest.approx(values.mean(), abs=0.001)
    assert quarters["upper"][0] == pytest.approx(values.mean() + 2.66 * np.abs(np.diff(values)).mean(), abs=0.002)
    assert "Z1" not in audit.trend_quarters.filter(judged="by quarter")["provider"].to_list()


def test_a_quarter_that_is_not_whole_is_not_judged() -> None:
    audit = trend_audit([[3, 1, 5, 2] * 9 + [3]])
    quarters = audit.trend_quarters.filter(provider="Z0")
    assert quarters.filter("partial")["quarter"].to_list() == [quarter_of("2026-01")]
    few = trend_audit([[3, 1, 5, 2] * 6])
    assert few.trend.filter(provider="Z0")["judged"].unique().to_list() == ["needs 4 more quarters"]


def test_a_measure_leaves_months_with_few_followed_out_of_its_limits() -> None:
    flagged = [10, 12, 11, 9] * 4
    audit = trend_audit([flagged])
    cube = audit.exact_cube.cast({"month": pl.String, "measure": pl.String})
    is_few = (pl.col("month") == "2023-05") & (pl.col("measure") == "eligible")
    counts = audit.tables.counts
    for count, thin in ((333, True), (334, False)):
        cut = cube.with_columns(count=pl.when(is_few).then(count).otherwise("count"))
        changed = type(counts)(cut.cast(counts.exact_cube.schema), counts.audited, counts.method)
        trend = measure_trends(changed, Settings(disclosure="none")).months.filter(provider="Z0")
        shares = (trend["outcome"] / trend["followed"] * 100).to_numpy()
        used = np.delete(shares, 4) if thin else shares
        assert trend["mean"][0] == pytest.approx(used.mean(), abs=0.006), count


def test_rounded_counts_near_the_mean_are_on_neither_side_of_it() -> None:
    """Counts of 20 and 25, rounded to 5: with a mean of 20.36, those of 20 are no run below it."""
    counts: list[int | None] = [25, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 15, 25]
    shift = ["shift_below"] * 11
    plain = judge(points(counts), Judging("month", "none", Settings()))["signal"].to_list()
    assert plain[1:12] == shift
    rounded = judge(points(counts), Judging("month", "hes", Settings()))["signal"].to_list()
    assert "shift_below" not in rounded


def test_a_suppressed_month_counts_as_4_in_the_mean() -> None:
    audit = trend_audit([[20, 15, 20, 3] * 6], "hes")
    assert audit.trend.filter(provider="Z0")["mean"][0] == pytest.approx((20 + 15 + 20 + 4) / 4, abs=0.001)
