"""What the columns of an audit's tables mean: labels of totals, the unit of rates, and which can be suppressed."""

PER = 1000
ALL_PROVIDERS, ALL_MONTHS = "all providers", "all months"
LOW_CODING = 0.75
"""A provider's coding is low when its share of activity with a procedure is below this part of the share overall."""

_NUMERATORS, _DENOMINATORS = ("flagged", "outcome"), ("eligible", "followed")
SUPPRESSIBLE = {
    **dict.fromkeys(
        [
            "activity",
            "eligible",
            "flagged",
            "left",
            "differs",
            "people",
            "count",
            "of_all",
            "followed",
            "outcome",
            "index_activity",
            "pathways",
            "of",
            "entered",
            "begun",
        ],
        (),
    ),
    "removed": ("left",),
    "difference": ("flagged",),
    **dict.fromkeys(
        [
            "rate_per_1000_eligible",
            "rate_lower_95",
            "rate_upper_95",
            "standardised_ratio",
            "ratio_lower_95",
            "ratio_upper_95",
            "signal",
            "rate_per_100000",
            "standardised_rate_per_100000",
            "standardised_lower_95",
            "standardised_upper_95",
            "mean",
            "lower",
            "upper",
            "crude_ratio",
            "moved",
            "median",
            "percentile_90",
        ],
        (*_NUMERATORS, *_DENOMINATORS),
    ),
    "expected": _DENOMINATORS,
    "per_100_pathways": ("entered", "begun"),
    **dict.fromkeys(
        ["percent", "percent_lower_95", "percent_upper_95"],
        ("count", "of_all", "pathways", "of", *_NUMERATORS, *_DENOMINATORS),
    ),
}
"""Columns that are null where something is suppressed: counts, and what is worked out from which of them."""
