"""The table of activity above a benchmark: for each provider and in all, with what chance alone does not explain.

It never calls that a saving: whether activity should be less is a clinical question.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ebi_rules.disclosure.rounding import ROUNDING_VARIANCE
from ebi_rules.provider_audit.benchmarks import Benchmark, Price, PublishedRate
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.provider_audit.standardisation import compared
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, PER
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.statistics.opportunity import Excess, excess

FEWEST_PROVIDERS = 5
"""Fewer comparable providers than this do not show how far providers differ: there is no estimate."""

_FIGURES = (
    "observed",
    "expected",
    "standardised_ratio",
    "shrunk_ratio",
    "benchmark_ratio",
    "benchmark_rate_per_1000",
    "above_benchmark",
    "above_lower_95",
    "above_upper_95",
    "above_with_chance",
)
_MONEY = ("cost_above", "cost_lower_95", "cost_upper_95", "percent_priced")
_SCHEMA = {
    "rule": pl.String,
    "provider": pl.String,
    "benchmark": pl.String,
    **dict.fromkeys((*_FIGURES, *_MONEY), pl.Float64),
    "observed": pl.Int64,
}


def opportunity_table(
    providers: pl.DataFrame,
    trend: pl.DataFrame,
    counts: Counts,
    audited: Sequence[AuditedRule],
    benchmark: Benchmark,
    prices: Mapping[str, Sequence[Price]],
) -> pl.DataFrame:
    """Return what is above a benchmark, for rules that are fit to compare and providers that can be compared.

    Args:
        providers: The audit's table of providers.
        trend: Its trend by month, for the months in which prices hold.
        counts: The counts that may be shown.
        audited: The rules that were audited.
        benchmark: What providers are held against.
        prices: Prices by rule, in lower case.

    Returns:
        One row per rule and comparable provider, after one for all of them: rule, provider, benchmark (in words),
        observed, expected, standardised_ratio, shrunk_ratio (the mean of the true ratio given the counts),
        benchmark_ratio, benchmark_rate_per_1000 (for the overall case mix), above_benchmark with above_lower_95 and
        above_upper_95 (activities; what chance explains is left out, see `statistics.opportunity`), above_with_chance
        (the simple difference); and with prices cost_above, its interval, and percent_priced, the share of what is in
        scope in months with a price: the cost is of that share alone. All come from counts as they are shown. A rule
        that is not fit to compare, with fewer than 5 comparable providers or without a benchmark has no rows.
    """
    parts = []
    for entry in audited:
        units = _comparable(providers.filter(pl.col("rule") == entry.key), counts)
        names = (entry.key, *entry.rule.documentation.aliases)
        rate = benchmark.rate_of(names)
        if units.height < FEWEST_PROVIDERS or (benchmark.share is None and rate is None):
            continue
        rows = _rows(units, benchmark, rate, ROUNDING_VARIANCE[counts.method])
        priced = next((prices[name.lower()] for name in names if name.lower() in prices), ())
        parts.append(_with_costs(rows, priced, trend.filter(pl.col("rule") == entry.key)))
    table = pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)
    return table.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def _comparable(providers: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    if "not_judged" not in providers.columns:
        return providers.clear()
    units = compared(providers, counts)
    is_known = pl.col("observed").is_not_null() & pl.col("base").is_not_null() & (pl.col("expected") > 0)
    return units.filter(is_known, pl.col("not_judged").is_null(), pl.col("provider").is_not_null())


def _rows(units: pl.DataFrame, benchmark: Benchmark, rate: PublishedRate | None, added: float) -> pl.DataFrame:
    observed, expected = (units[name].cast(pl.Float64).to_numpy() for name in ("observed", "expected"))
    overall = float(observed.sum() / units["base"].sum()) * PER
    ratio = None if rate is None else rate.rate / overall
    above = excess(observed, expected, ratio, benchmark.share, added)
    crude = units["standardised_ratio"].to_numpy()
    simple_ratio = float(np.quantile(crude, benchmark.share)) if benchmark.share is not None else ratio
    simple = (units["observed"] - units["expected"] * simple_ratio).clip(lower_bound=0)
    words = benchmark.words if rate is None else f"{rate.rate:g} per 1,000 ({rate.source})"
    fixed = {
        "rule": pl.lit(units["rule"][0]),
        "benchmark": pl.lit(words),
        "benchmark_ratio": pl.lit(above.benchmark).round(3),
        "benchmark_rate_per_1000": pl.lit(above.benchmark * overall).round(3),
    }
    of_units = units.select(
        "provider", "observed", "expected", "standardised_ratio", shrunk_ratio=pl.Series(above.shrunk).round(3)
    ).with_columns(
        above_with_chance=simple.round(1),
        **{name: pl.Series(values).round(1) for name, values in zip(_FIGURES[6:9], above.units, strict=True)},
    )
    return pl.concat([_of_all(units, above, float(simple.sum())), of_units], how="diagonal_relaxed").with_columns(
        **fixed
    )


def _of_all(units: pl.DataFrame, above: Excess, simple: float) -> pl.DataFrame:
    row: dict[str, Any] = {
        "provider": ALL_PROVIDERS,
        "observed": int(units["observed"].sum()),
        "expected": round(float(units["expected"].sum()), 1),
        "standardised_ratio": round(int(units["observed"].sum()) / float(units["expected"].sum()), 3),
        "shrunk_ratio": round(float(above.shrunk @ units["expected"].to_numpy() / units["expected"].sum()), 3),
        "above_with_chance": round(simple, 1),
        **{name: round(value, 1) for name, value in zip(_FIGURES[6:9], above.total, strict=True)},
    }
    return pl.DataFrame([row])


def _with_costs(rows: pl.DataFrame, prices: Sequence[Price], trend: pl.DataFrame) -> pl.DataFrame:
    """Add costs: each month's price by its share of what is in scope; months without a price cost nothing."""
    if not prices:
        return rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in _MONEY)
    months = trend.filter(provider=ALL_PROVIDERS).select("month", pl.col("flagged").fill_null(0)).rows()
    of_month = [
        (count, next((price.price for price in prices if price.holds_in(month)), None)) for month, count in months
    ]
    whole = sum(count for count, _ in of_month)
    if not whole:
        of_month = [(1, prices[0].price)] if not months and not (prices[0].first or prices[0].last) else []
        whole = 1
    per_activity = sum(count * price for count, price in of_month if price is not None) / whole
    priced = sum(count for count, price in of_month if price is not None) / whole * 100
    costs = {name: (pl.col(of) * per_activity).round(0) for name, of in zip(_MONEY[:3], _FIGURES[6:9], strict=True)}
    return rows.with_columns(**costs, percent_priced=pl.lit(priced).round(1))
