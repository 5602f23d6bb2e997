"""The trend of measures: shares by month or quarter of the index activity, with XmR limits.

A month in which nobody is followed does not have a share of 0: it is a gap. The last months are such months, because
their windows reach beyond the data.
"""

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.pathways.measure_tables import as_followed
from ebi_rules.provider_audit.judged_series import LIMITS
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.rate_trend import RateTrends, rate_trends
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.provider_audit.table_columns import PER

LEAST_OF_USUAL = 1 / 3
"""A month in which fewer are followed than this part of the median is not judged."""


def measure_trends(counts: Counts, settings: Settings) -> RateTrends:
    """Return the share of each measure by month and, where outcomes are rare, by quarter of the index activity.

    Series are judged as an audit's rates are (`rate_trend.rate_trends`), and months in which few are followed are not
    judged.

    Args:
        counts: The counts that may be shown.
        settings: How to compare.

    Returns:
        Tables with one row per measure, provider and month (or quarter), with all providers together first: rule (the
        measure), provider, month or quarter, followed, outcome, percent, mean, lower, upper (per cent), signal (see
        `statistics.xmr.xmr`), partial, judged.
    """
    trends = rate_trends(counts, settings, LEAST_OF_USUAL, only_eligible=True)
    return RateTrends(_in_per_cent(trends.months), _in_per_cent(trends.quarters))


def _in_per_cent(trend: pl.DataFrame) -> pl.DataFrame:
    """Return the table of a trend with a measure's names, and shares in per cent."""
    table = with_percent(as_followed(trend), "outcome", "followed")
    limits = [(pl.col(name) / (PER / 100)).clip(0, 100).round(2).alias(name) for name in LIMITS]
    place = "month" if "month" in table.columns else "quarter"
    columns = ["rule", "provider", place, "followed", "outcome", PERCENT[0]]
    withheld = [f"{name}{WITHHELD}" for name in ("followed", "outcome")]
    return table.select(*columns, *limits, "signal", "partial", "judged", *withheld)
