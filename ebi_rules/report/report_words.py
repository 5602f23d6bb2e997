"""Words that report readers see in place of codes: for signals, fields, providers and values.

This module draws nothing; sentences are in `audit_sentences`.
"""

import math
from collections.abc import Mapping

import polars as pl

from ebi_rules.criteria.fields import FIELDS
from ebi_rules.provider_audit.signals import SUPPRESSED

NOT_RECORDED = "not recorded"

RATE = ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95")
RATE_TITLE = "in scope per 1,000 eligible"

CHART_NAMES = {
    "adjusted": "Crude and adjusted ratios by provider, {title}",
    "attrition": "Activity left after each criterion, {title}",
    "breakdown": "Rates {by}, {title}",
    "change": "Rates of two years by provider, {title}",
    "funnel": "Funnel of standardised ratios by provider, {title}",
    "funnel_by": "Funnel of standardised ratios {by}, {title}",
    "multiples": "Rates over time of single providers, the latest signals first, {title}",
    "rates": "Rates by provider, ranked, {title}",
    "ratios": "Rate ratios {by}, {title}",
    "sensitivity": "In scope under each variant, {title}",
    "sources": "Source of referral, {by}, {title}",
    "trend": "Rate by {period}, {who}, {title}",
}
"""What charts show, for those who hear them read."""

FIELD_LABELS = {
    "age_band": "age",
    "gp_practice": "GP practice",
    "icb": "integrated care board",
    "imd_decile": "deprivation",
    "pcn": "primary care network",
}
"""Names of fields for readers, where the field's own name is unclear."""

SIGNAL_WORDS = {
    "above_998": "above 99.8%",
    "above_95": "above 95%",
    "below_95": "below 95%",
    "below_998": "below 99.8%",
    "above_limit": "above the limit",
    "below_limit": "below the limit",
    "trend_up": "rising trend",
    "trend_down": "falling trend",
    "two_of_three_above": "two of three high",
    "two_of_three_below": "two of three low",
    "shift_above": "shift upwards",
    "shift_below": "shift downwards",
}
"""Signals of funnels and trends in words."""

SIGNAL_PHRASES = {
    "above_limit": "a point above the upper limit",
    "below_limit": "a point below the lower limit",
    "trend_up": "a rising run of points",
    "trend_down": "a falling run of points",
    "two_of_three_above": "two of three points near the upper limit",
    "two_of_three_below": "two of three points near the lower limit",
    "shift_above": "a run of points above the mean",
    "shift_below": "a run of points below the mean",
}
"""Signals of trends within a sentence."""


_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_BREAKDOWN_TITLES = {
    "age_band": "By age",
    "sex": "By sex",
    "ethnic_category": "By ethnic category",
    "imd_decile": "By deprivation (1 is the most deprived tenth)",
    "referral_source": "By source of referral",
    "referral_setting": "By referral setting",
    "source_setting": "By code of the setting of the request",
    "request_setting": "By setting of the request",
    "referrer_type": "By type of referrer",
    "referring_organisation": "By referring organisation",
    "modality": "By modality",
    "region": "By region of the body",
    "pcn": "By primary care network",
    "icb": "By integrated care board",
}


def figure_text(value: float, decimals: int = 2) -> str:
    """Return a figure as a page shows it: halves are rounded away from 0, as the page's script does.

    Example:
        >>> figure_text(15.625), figure_text(45.455), figure_text(-1.5, 0)
        ('15.63', '45.46', '-2')
    """
    return f"{value + math.copysign(1e-9, value):,.{decimals}f}"


def axis_label(point: str) -> str:
    """Return a month or quarter as an axis shows it.

    Example:
        >>> axis_label("2024-04"), axis_label("2024-04 to 2024-06"), axis_label("2023-12 to 2024-02")
        ('Apr 2024', 'Apr to Jun 2024', 'Dec to Feb 2024')
    """
    if len(point) > len("2024-04"):
        return f"{_SHORT[int(point[5:7]) - 1]} to {_SHORT[int(point[-2:]) - 1]} {point[-7:-3]}"
    return f"{_SHORT[int(point[5:7]) - 1]} {point[:4]}"


def period_label(series: pl.DataFrame) -> str:
    """Return what a point of a trend is: month or quarter."""
    return "quarter" if "quarter" in series.columns else "month"


def with_labels(table: pl.DataFrame) -> pl.DataFrame:
    """Add a column `label`: the provider's name, or its code if there is no name.

    Args:
        table: Has the column provider (text) and may have provider_name (text).
    """
    code = pl.col("provider").fill_null(NOT_RECORDED)
    if "provider_name" not in table.columns:
        return table.with_columns(label=code)
    return table.with_columns(label=pl.coalesce("provider_name", code))


def with_words(table: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Return a table with the names of providers, where they are known, and signals in words."""
    signal = [pl.col("signal").replace(SIGNAL_WORDS)] if "signal" in table.columns else []
    return table.with_columns(pl.col("provider").replace(names).fill_null(NOT_RECORDED), *signal)


def with_signal_words(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table with signals in words, and the reason where a unit is not judged; unchanged without signals."""
    if "signal" not in table.columns or "not_judged" not in table.columns:
        return table
    reason = pl.when(pl.col("not_judged") != SUPPRESSED).then("not_judged")
    return table.with_columns(signal=pl.coalesce(pl.col("signal").replace(SIGNAL_WORDS), reason))


def value_label(field: str, value: str | None) -> str:
    """Return a value of a field with its meaning in the NHS data dictionary, if it has one.

    Example:
        >>> value_label("sex", "1")
        '1 male'
        >>> value_label("sex", None)
        'not recorded'
    """
    if value is None:
        return NOT_RECORDED
    meaning = FIELDS[field].meanings.get(value) if field in FIELDS else None
    return f"{value} {meaning}" if meaning else value


def variant_label(name: object) -> str:
    """Return the name of a variant for readers.

    Example:
        >>> variant_label("as_published")
        'as published'
    """
    return str(name).replace("_", " ")


def field_label(field: str) -> str:
    """Return the name of a field for readers.

    Example:
        >>> field_label("imd_decile")
        'deprivation'
        >>> field_label("ethnic_category")
        'ethnic category'
    """
    return FIELD_LABELS.get(field, field.replace("_", " "))


def breakdown_title(field: str) -> str:
    """Return the title of a breakdown by a field.

    Example:
        >>> breakdown_title("age_band")
        'By age'
        >>> breakdown_title("treatment_function")
        'By treatment function'
    """
    return _BREAKDOWN_TITLES.get(field, f"By {field.replace('_', ' ')}")
