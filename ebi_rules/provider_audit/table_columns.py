"""The columns of an audit's tables: labels of totals, the unit of rates, and which columns can be suppressed."""

from collections.abc import Mapping

PER = 1000
"""Rates are per 1,000 eligible."""

ALL_PROVIDERS, ALL_MONTHS = "all providers", "all months"
"""What stands for a total in the columns provider and month."""

LOW_CODING = 0.75
"""Coding is low if the share of a provider's activity with a procedure is below this part of the share overall."""

_AUDIT_COUNTS = (
    "activity",
    "eligible",
    "flagged",
    "comparable",
    "compared",
    "undiagnosed",
    "left",
    "differs",
    "people",
    "count",
    "of_all",
)
_PATHWAY_COUNTS = ("followed", "outcome", "index_activity", "pathways", "of", "entered", "begun")
_WAIT_COUNTS = ("waits", "seen", "at_risk", "contacts")

_RATES = ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95", "rate_per_100000")
_STANDARDISED_RATES = ("standardised_rate_per_100000", "standardised_lower_95", "standardised_upper_95")
_RATIOS = ("standardised_ratio", "ratio_lower_95", "ratio_upper_95", "crude_ratio", "moved", "signal")
_TREND_AND_SPREAD = ("mean", "lower", "upper", "median", "percentile_90")
_PERCENT = ("percent", "percent_lower_95", "percent_upper_95")

_NUMERATORS, _DENOMINATORS = ("flagged", "outcome"), ("eligible", "followed", "waits")
_RATE_COUNTS = (*_NUMERATORS, *_DENOMINATORS)

SUPPRESSIBLE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*_AUDIT_COUNTS, *_PATHWAY_COUNTS, *_WAIT_COUNTS), ()),
    **dict.fromkeys((*_RATES, *_STANDARDISED_RATES, *_RATIOS, *_TREND_AND_SPREAD), _RATE_COUNTS),
    **dict.fromkeys(_PERCENT, ("count", "of_all", "pathways", "of", *_RATE_COUNTS)),
    "removed": ("left",),
    "difference": ("flagged",),
    "expected": _DENOMINATORS,
    "percent_undiagnosed": ("undiagnosed", "flagged"),
    "percent_within": _RATE_COUNTS,
    "per_100_pathways": ("entered", "begun"),
}
"""The columns that are null if something is suppressed, with the counts from which each is calculated.

A count has no others. A table may lack some of the counts.
"""
