"""Trends of single providers as data for the page's script, which draws the provider that a reader chooses."""

from typing import Any

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.report_words import SIGNAL_WORDS
from ebi_rules.report.svg_charts import styled
from ebi_rules.report.trend_charts import trend_chart

_CHART_COLUMNS = {
    "rate": pl.Float64,
    "mean": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "month": pl.String,
    "kind": pl.String,
}


def trend_data(audit: AuditTables) -> dict[str, Any] | None:
    """Return months, series by rule, and the chart to draw them with; None if there are no months.

    A series has the counts, the mean and limits, and the signals of one provider under short names, as there are many.
    """
    months = audit.counts.months
    if not months:
        return None
    rules: dict[str, list[dict[str, Any]]] = {}
    for place, entry in enumerate(audit.audited):
        series = audit.trend.filter(pl.col("rule") == entry.key, pl.col("provider").ne_missing(ALL_PROVIDERS))
        rules[f"rule{place}"] = [_series(provider) for provider in series.iter_slices(len(months))]
    return {
        "months": months,
        "rules": rules,
        "chart": _chart_without_data(),
        "partial": list(audit.counts.partial_months),
    }


def _series(trend: pl.DataFrame) -> dict[str, Any]:
    """Return one provider's trend: e(ligible), f(lagged), s(ignals by month), w(ithheld), m(ean), l(ower), u(pper)."""
    limits = {key: trend[name].round(2).to_list() for key, name in (("m", "mean"), ("l", "lower"), ("u", "upper"))}
    # Without rebasing these are the same in every month: once is enough.
    short = {key: values[:1] if len(set(values)) == 1 else values for key, values in limits.items()}
    signals = {place: SIGNAL_WORDS[signal] for place, signal in enumerate(trend["signal"]) if signal}
    withheld = {"w": 1} if trend[f"flagged{WITHHELD}"].any() or trend[f"eligible{WITHHELD}"].any() else {}
    return {
        "e": trend["eligible"].to_list(),
        "f": trend["flagged"].to_list(),
        "s": signals,
        **withheld,
        **{key: values for key, values in short.items() if values[0] is not None},
    }


def _chart_without_data() -> dict[str, Any]:
    """Return the specification of a trend chart whose data, `shown`, the script adds."""
    specification = styled(trend_chart(pl.DataFrame(schema=_CHART_COLUMNS)))
    specification.pop("datasets", None)
    specification["data"] = {"name": "shown"}
    for layer in specification["layer"]:
        layer.pop("data", None)
    return specification
