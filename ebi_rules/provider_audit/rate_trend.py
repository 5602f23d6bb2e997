"""The trend of an audit: the rate of each provider by month and, where counts are rare, by quarter, as XmR charts.

It is made only from counts that may be shown.
"""

from dataclasses import dataclass

import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.judged_series import LIMITS, RARE, Judging, Period, judge
from ebi_rules.provider_audit.policy_periods import BEFORE_THE_POLICY
from ebi_rules.provider_audit.quarters import months_of
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, PER

_WITHHELD = [f"eligible{WITHHELD}", f"flagged{WITHHELD}"]
_COUNTS = ["eligible", "flagged", *_WITHHELD]
_KEYS = ["rule", "provider", "order"]


@dataclass(frozen=True)
class RateTrends:
    """The trends of an audit.

    Attributes:
        months: One row per rule, provider and month, with all providers together first: rule, provider, month,
            eligible, flagged, rate_per_1000_eligible, mean, lower, upper, signal (see `statistics.xmr.xmr`), partial,
            judged; and, if a rule has a start, policy
            ("before the policy", or null). A series runs from the provider's first to its last month with activity.
        quarters: The same by quarter ("2024-04 to 2024-06"), for the series whose counts are too rare by month.
    """

    months: pl.DataFrame
    quarters: pl.DataFrame


def rate_trends(
    counts: Counts, settings: Settings, least_of_usual: float = 0, only_eligible: bool = False
) -> RateTrends:
    """Return the rate per 1,000 eligible by month and by quarter, with XmR limits.

    A month in which nothing is eligible has no rate: it is a gap, and counts neither in the mean nor in limits or runs.
    A partial first or last month, and a quarter with such a month, is marked and not judged. A suppressed count counts
    as 4 in means and limits, and its month has no signal. `judged` says how a series is judged: by month, by quarter,
    or why not (`judged_series`).

    Args:
        counts: The counts that may be shown.
        settings: How to compare.
        least_of_usual: A month whose eligible activity is below this part of the series' median is not judged.
        only_eligible: Whether a series runs from the first to the last month with eligible activity, not any activity.

    Raises:
        UsageError: The extract does not contain a month in which new limits should begin.
    """
    for month in settings.rebase:
        if month not in counts.months:
            raise UsageError("--rebase: " + unknown("month", month, counts.months))
    by_month = _judged(_series(counts, "month", only_eligible), counts, settings, "month", least_of_usual)
    is_too_rare = by_month.filter(rare=True).select(_KEYS).unique(maintain_order=True)
    quarters = _series(counts, "quarter", only_eligible).join(
        is_too_rare, on=_KEYS, nulls_equal=True, maintain_order="left"
    )
    by_quarter = _judged(quarters, counts, settings, "quarter", least_of_usual)
    answers = by_quarter.group_by(_KEYS, maintain_order=True).agg(by_quarter=pl.col("judged").first())
    months = by_month.join(answers, on=_KEYS, how="left", nulls_equal=True, maintain_order="left")
    judged = pl.when("rare").then(pl.coalesce("by_quarter", "judged")).otherwise("judged").alias("judged")
    return RateTrends(_columns(months.with_columns(judged), counts, "month"), _columns(by_quarter, counts, "quarter"))


def _series(counts: Counts, period: Period, only_eligible: bool) -> pl.DataFrame:
    """Return the counts of every rule and provider, with a row for every point from its first to its last."""
    of_all = counts.table(period).with_columns(provider=pl.lit(ALL_PROVIDERS), order=pl.lit(0))
    of_each = counts.table(f"provider_{period}").with_columns(order=pl.lit(1))
    shown = pl.concat([of_all, of_each]).rename({"month": "point"}).select(*_KEYS, "point", *_COUNTS)
    names = counts.months if period == "month" else counts.quarters
    every = pl.DataFrame({"point": names}, schema={"point": pl.String})
    spanned = shown.filter(pl.col("eligible").is_null() | (pl.col("eligible") > 0)) if only_eligible else shown
    spans = spanned.group_by(_KEYS, maintain_order=True).agg(first=pl.col("point").min(), last=pl.col("point").max())
    grid = spans.join(every, how="cross", maintain_order="left_right")
    grid = grid.filter(pl.col("point").is_between(pl.col("first"), pl.col("last"))).drop("first", "last")
    filled = grid.join(
        shown.with_columns(present=pl.lit(True)),
        on=[*_KEYS, "point"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    is_absent = pl.col("present").is_null()
    return filled.with_columns(
        pl.when(is_absent).then(0).otherwise("eligible").alias("eligible"),
        pl.when(is_absent).then(0).otherwise("flagged").alias("flagged"),
        pl.col(_WITHHELD).fill_null(False),
        partial=_partial(counts, period),
    ).drop("present")


def _partial(counts: Counts, period: Period) -> pl.Expr:
    """Return which points the extract does not cover."""
    if period == "month":
        return pl.col("point").is_in(counts.partial_months)
    whole = set(counts.months) - set(counts.partial_months)
    return ~pl.col("point").is_in([quarter for quarter in counts.quarters if set(months_of(quarter)) <= whole])


def _judged(
    series: pl.DataFrame, counts: Counts, settings: Settings, period: Period, least_of_usual: float
) -> pl.DataFrame:
    """Add the rate, and mean, limits and signals of each series; `rare` marks series whose counts are too rare."""
    # A rounded part can exceed its rounded whole.
    rate = (stand_in(pl.col("flagged")) / stand_in(pl.col("eligible"))).clip(upper_bound=1) * PER
    eligible = stand_in(pl.col("eligible"))
    usual = eligible.filter(~pl.col("partial"), eligible > 0).median().over(_KEYS)
    has_eligible = pl.col("eligible").is_null() | (pl.col("eligible") > 0)
    points = series.with_columns(
        rate=pl.when(has_eligible).then(rate),
        unit=PER / stand_in(pl.col("eligible")).clip(lower_bound=1),
        count=stand_in(pl.col("flagged")),
        hidden=pl.col("flagged").is_null() | pl.col("eligible").is_null(),
        thin=(eligible < least_of_usual * usual).fill_null(False),
        start=pl.col("point").str.slice(0, 7),
    )
    judging = Judging(period, counts.method, settings)
    columns = ["start", "unit", "count", "hidden", "partial", "thin"]
    chart = judge(points.select(pl.struct(_KEYS).rle_id().alias("series"), *columns, value="rate"), judging)
    chart = chart.with_columns(rare=pl.col("judged") == RARE)
    return pl.concat([points, chart], how="horizontal").with_columns(pl.col("lower").clip(lower_bound=0))


def _columns(series: pl.DataFrame, counts: Counts, period: Period) -> pl.DataFrame:
    """Return the columns of a trend's table."""
    if_shown = pl.when(~pl.col("hidden"))
    start = pl.col("rule").replace_strict(counts.starts, default=None, return_dtype=pl.String)
    is_before = pl.col("point").str.slice(-7) < start
    label = pl.when(is_before).then(pl.lit(BEFORE_THE_POLICY)).alias("policy")
    return series.select(
        "rule",
        "provider",
        pl.col("point").alias(period),
        *([label] if counts.starts else []),
        "eligible",
        "flagged",
        if_shown.then("rate").round(3).alias("rate_per_1000_eligible"),
        pl.col(list(LIMITS)).round(3),
        "signal",
        "partial",
        "judged",
        *_WITHHELD,
    )
