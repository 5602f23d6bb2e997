"""Trends of single providers as data for the page's script, which draws the provider that a reader chooses."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.judged_series import BY, RARE
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.chart_style import WIDTH
from ebi_rules.report.drawing import symbol_path
from ebi_rules.report.provider_charts import RATE_TITLE
from ebi_rules.report.report_words import SIGNAL_WORDS
from ebi_rules.report.trend_charts import HEIGHT, KINDS, SYMBOL_SIZE, axis_label


def chosen_trend(audit: AuditTables, rule: str, provider: str | None) -> pl.DataFrame:
    """Return the trend of one rule and provider as it is judged: by quarter, or by month.

    Args:
        audit: The tables of the audit.
        rule: The rule's key.
        provider: The provider's code, or `ALL_PROVIDERS`; None for activity without a provider.
    """
    is_series = (pl.col("rule") == rule) & pl.col("provider").eq_missing(provider)
    months = audit.trend.filter(is_series)
    is_by_quarter = months.height > 0 and ("quarter" in months["judged"][0])
    return audit.trends.quarters.filter(is_series) if is_by_quarter else months


def trend_providers(audit: AuditTables, rule: str) -> list[str | None]:
    """Return the providers with a trend, in the order of `trend_data`; None for activity without a provider."""
    series = audit.trend.filter(pl.col("rule") == rule, pl.col("provider").ne_missing(ALL_PROVIDERS))
    return series["provider"].unique(maintain_order=True).to_list()


def trend_data(audit: AuditTables) -> dict[str, Any] | None:
    """Return months, quarters, series by rule, and how they are drawn; None if there are no months."""
    months, quarters = audit.counts.months, audit.counts.quarters
    if not months:
        return None
    rules = {}
    for place, entry in enumerate(audit.audited):
        by_provider = [
            frame.partition_by("provider", as_dict=True, include_key=True)
            for frame in (
                audit.trend.filter(rule=entry.key),
                audit.trends.quarters.filter(rule=entry.key),
            )
        ]
        series = []
        for provider in trend_providers(audit, entry.key):
            by_month = by_provider[0][(provider,)]
            is_by_quarter = "quarter" in by_month["judged"][0]
            trend = by_provider[1][(provider,)] if is_by_quarter else by_month
            series.append(_series(trend, quarters if is_by_quarter else months))
        rules[f"rule{place}"] = series
    return {
        "months": months,
        "quarters": [axis_label(quarter) for quarter in quarters],
        "rules": rules,
        "style": _style(),
    }


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


def _series(trend: pl.DataFrame, points: Sequence[str]) -> dict[str, Any]:
    """Return one provider's trend under short names, as there are many.

    They are q(uarters, if it is by quarter), a(t which point it begins), e(ligible), f(lagged), s(ignals by place),
    x (places of incomplete points), w(ithheld), m(ean), l(ower), u(pper), j(udged: why there are no limits).
    """
    period = "quarter" if "quarter" in trend.columns else "month"
    limits = {key: trend[name].round(2).to_list() for key, name in (("m", "mean"), ("l", "lower"), ("u", "upper"))}
    # Without rebasing these are the same at every point: once is enough.
    short = {key: values[:1] if len(set(values)) == 1 else values for key, values in limits.items()}
    signals = {place: SIGNAL_WORDS[signal] for place, signal in enumerate(trend["signal"]) if signal}
    incomplete = [place for place, partial in enumerate(trend["partial"]) if partial]
    reason = without_limits_words(trend["judged"][0])
    is_withheld = trend[f"flagged{WITHHELD}"].any() or trend[f"eligible{WITHHELD}"].any()
    return {
        **({"q": 1} if period == "quarter" else {}),
        "a": points.index(trend[period][0]),
        "e": trend["eligible"].to_list(),
        "f": trend["flagged"].to_list(),
        "s": signals,
        **({"x": incomplete} if incomplete else {}),
        **({"w": 1} if is_withheld else {}),
        **({"j": reason} if reason else {}),
        **{key: values for key, values in short.items() if values[0] is not None},
    }


def _style() -> dict[str, Any]:
    """Return the sizes, colours and symbols of a trend, which the script shares with `trend_charts`."""
    symbols = {
        kind: {"d": symbol_path(shape, SYMBOL_SIZE), "shape": shape, "colour": colour}
        for kind, (shape, colour) in KINDS.items()
    }
    return {"width": WIDTH, "height": HEIGHT, "title": RATE_TITLE, "symbols": symbols}
