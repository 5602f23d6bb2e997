"""Trends of single providers as data for the page's script, which draws the provider that a reader chooses."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.judged_series import BY, RARE
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.chart_style import COMMON_EDGE, WIDTH
from ebi_rules.report.drawing import symbol_path, text_width
from ebi_rules.report.report_words import RATE_TITLE, SIGNAL_WORDS, axis_label
from ebi_rules.report.trend_charts import HEIGHT, SYMBOL_SIZE, drawn_key, kinds_of


def chosen_trend(audit: AuditTables, rule: str, provider: str | None) -> pl.DataFrame:
    """Return the trend of one rule and provider as it is judged: by quarter, or by month.

    Args:
        audit: The tables of the audit.
        rule: The rule's key.
        provider: The provider's code, or `ALL_PROVIDERS`; None for activity without a provider.
    """
    is_series = pl.col("provider").eq_missing(provider)
    months = audit.of_rule(audit.trend, rule).filter(is_series)
    is_by_quarter = months.height > 0 and ("quarter" in months["judged"][0])
    return audit.of_rule(audit.trends.quarters, rule).filter(is_series) if is_by_quarter else months


def trend_providers(audit: AuditTables, rule: str) -> list[str | None]:
    """Return the providers with a trend, in the order of `trend_data`; None for activity without a provider."""
    series = audit.of_rule(audit.trend, rule).filter(pl.col("provider").ne_missing(ALL_PROVIDERS))
    return series["provider"].unique(maintain_order=True).to_list()


def trend_data(audit: AuditTables) -> dict[str, Any] | None:
    """Return months, quarters, series by rule, and how they are drawn; None if there are no months."""
    months, quarters = audit.counts.months, audit.counts.quarters
    if not months:
        return None
    by_month = _series_of(audit.trend, "month", months)
    by_quarter = _series_of(audit.trends.quarters, "quarter", quarters)
    rules: dict[str, list[dict[str, Any]]] = {f"rule{place}": [] for place in range(len(audit.audited))}
    places = {entry.key: f"rule{place}" for place, entry in enumerate(audit.audited)}
    judged = audit.trend.group_by("rule", "provider", maintain_order=True).agg(pl.col("judged").first())
    for rule, provider, how in judged.filter(pl.col("provider").ne_missing(ALL_PROVIDERS)).iter_rows():
        rules[places[rule]].append((by_quarter if "quarter" in how else by_month)[rule, provider])
    unit = _unit_of([*by_month.values(), *by_quarter.values()])
    return {
        "unit": unit,
        "months": [axis_label(month) for month in months],
        "quarters": [axis_label(quarter) for quarter in quarters],
        "rules": rules,
        "style": _style([*map(axis_label, months)], [*map(axis_label, quarters)], audit.settings.direction),
    }


def _unit_of(series: Sequence[dict[str, Any]]) -> int:
    """Divide all counts by the largest number that divides them, and return it: rounded counts become short."""
    counts = {count for each in series for name in ("e", "f") for count in each[name] if count}
    unit = math.gcd(*counts) or 1
    for each in series:
        for name in ("e", "f"):
            each[name] = [None if count is None else count // unit for count in each[name]]
    return unit


def without_limits_words(judged: str) -> str:
    """Return why a trend has no limits, for readers; empty if it has.

    Example:
        >>> without_limits_words("needs 3 more months")
        'Shown without limits: needs 3 more months of data before it can be judged.'
        >>> without_limits_words("by month")
        ''
    """
    if judged in BY.values():
        return ""
    if judged == RARE:
        return "Shown without limits: the numbers are too small to judge."
    return f"Shown without limits: {judged} of data before it can be judged."


def _series_of(trend: pl.DataFrame, period: str, points: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return each rule's and provider's trend under short names, as there are many.

    They are q(uarters, if it is by quarter), a(t which point it begins, if not the first), e(ligible), f(lagged),
    s(ignals by place, if there are any), x (places of incomplete points), w(ithheld), m(ean), l(ower), u(pper) and
    j(udged: why there are no limits).
    """
    place_of = {point: place for place, point in enumerate(points)}
    columns = trend.with_columns(
        pl.col("mean", "lower", "upper").round(2),
        withheld=pl.col(f"flagged{WITHHELD}") | pl.col(f"eligible{WITHHELD}"),
        signal=pl.col("signal").replace(SIGNAL_WORDS),
    )
    series = {}
    for row in columns.group_by("rule", "provider", maintain_order=True).agg(pl.all()).iter_rows(named=True):
        limits = {key: row[name] for key, name in (("m", "mean"), ("l", "lower"), ("u", "upper"))}
        # Without rebasing these are the same at every point: once is enough.
        short = {key: values[:1] if len(set(values)) == 1 else values for key, values in limits.items()}
        incomplete = [place for place, partial in enumerate(row["partial"]) if partial]
        signals = {place: signal for place, signal in enumerate(row["signal"]) if signal}
        reason = without_limits_words(row["judged"][0])
        series[row["rule"], row["provider"]] = {
            **({"q": 1} if period == "quarter" else {}),
            **({"a": begins} if (begins := place_of[row[period][0]]) else {}),
            "e": row["eligible"],
            "f": row["flagged"],
            **({"s": signals} if signals else {}),
            **({"x": incomplete} if incomplete else {}),
            **({"w": 1} if any(row["withheld"]) else {}),
            **({"j": reason} if reason else {}),
            **{key: values for key, values in short.items() if values[0] is not None},
        }
    return series


def _style(months: Sequence[str], quarters: Sequence[str], direction: str | None) -> dict[str, Any]:
    """Return the sizes, colours, symbols and key of a trend, which the script shares with `trend_charts`."""
    symbols = {
        kind: {"d": symbol_path(shape, SYMBOL_SIZE), "shape": shape, "colour": colour}
        for kind, (shape, colour) in kinds_of(direction).items()
    }
    labels = [max(map(text_width, names), default=0) for names in (months, quarters)]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "title": RATE_TITLE,
        "edge": COMMON_EDGE,
        "size": SYMBOL_SIZE,
        "symbols": symbols,
        "labels": labels,
        **drawn_key(direction),
    }
