"""The rate that a stratum of people would have anywhere: as it is observed, or as a logistic model has it.

Strata are the combinations of the fields that case mix is adjusted for. Where they grow thin, an observed rate says
little; the model has an effect a value and no interactions. With its canonical link the model depends on numbers in
scope through their sums by value alone (McCullagh and Nelder, Generalized Linear Models, 1989, section 4.4.2), and
those are taken as disclosure control would show them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ebi_rules._support.errors import EngineError
from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, controlled

MOST_THIN = 0.1
"""With more than this part of eligible activity in thin strata, case mix is adjusted for by the model."""

_ROUNDS = 50


def controlled_or_stand_in(count: pl.Expr, method: str) -> pl.Expr:
    """Give a number in scope as it may be shown, and the middle of 1 to 7 where it is suppressed."""
    return controlled(count, method).fill_null(SMALLEST_SHOWN // 2)


def is_thin(strata: pl.DataFrame, method: str) -> bool:
    """Say whether much of a rule's eligible activity is in strata with fewer than 8 in scope."""
    shown = strata.select("eligible", few=controlled(pl.col("flagged"), method).fill_null(0) < SMALLEST_SHOWN)
    eligible = int(shown["eligible"].sum())
    return bool(eligible) and int(shown.filter("few")["eligible"].sum()) / eligible > MOST_THIN


def observed_rates(strata: pl.DataFrame, method: str) -> pl.Series:
    """Give the rate of each stratum, NaN where nothing is eligible; `strata` has eligible and flagged."""
    rate = controlled_or_stand_in(pl.col("flagged"), method) / pl.col("eligible")
    return strata.select(rate.alias("rate"))["rate"]


def modelled_rates(strata: pl.DataFrame, fields: Sequence[str], total: float, method: str) -> pl.Series:
    """Give the rate of each stratum as a logistic regression on the fields has it, without interactions.

    `strata` has the fields, eligible and flagged, `total` what is in scope in all as it is shown. Raises `EngineError`
    when statsmodels is not installed.
    """
    try:
        import statsmodels.api as sm
    except ImportError:
        raise EngineError(
            "adjusting case mix by a model needs statsmodels: pip install 'ebi-rules[model]', or say --casemix strata."
        ) from None
    held = strata.filter(pl.col("eligible") > 0)
    sizes = held["eligible"].to_numpy().astype(np.float64)
    if not len(sizes) or not 0 < total < sizes.sum():
        return pl.Series("rate", np.full(strata.height, min(total / max(sizes.sum(), 1.0), 1.0)))
    margins = [_margin(held, name, total, method) for name in fields]
    events = _raked(sizes, margins, total)
    found = sm.GLM(np.column_stack([events, sizes - events]), _design(margins), family=sm.families.Binomial()).fit()
    rates = held.select(*fields).with_columns(rate=pl.Series(found.fittedvalues))
    return strata.select(*fields).join(rates, on=list(fields), how="left", nulls_equal=True, maintain_order="left")[
        "rate"
    ]


def _margin(strata: pl.DataFrame, name: str, total: float, method: str) -> tuple[Any, Any]:
    """Give the place of each stratum's value of a field, and what is in scope of each value, which add up to all."""
    by_value = strata.group_by(name, maintain_order=True).agg(pl.col("flagged").sum())
    shown = by_value.select(name, events=controlled_or_stand_in(pl.col("flagged"), method)).with_row_index("place")
    places = strata.select(name).join(shown, on=name, how="left", nulls_equal=True, maintain_order="left")["place"]
    # A value of which none is in scope has no finite effect: half an event stands for it.
    events = np.maximum(shown["events"].to_numpy().astype(np.float64), 0.5)
    return places.to_numpy().astype(np.int64), events * total / events.sum()


def _raked(sizes: Any, margins: Sequence[tuple[Any, Any]], total: float) -> Any:
    """Spread what is in scope over the strata so that it adds up to every margin (Deming and Stephan, 1940)."""
    events = sizes * total / sizes.sum()
    for _ in range(_ROUNDS):
        for places, wanted in margins:
            held = np.bincount(places, weights=events, minlength=len(wanted))
            events = np.minimum(events * (wanted / held)[places], sizes * (1 - 1e-9))
    return events


def _design(margins: Sequence[tuple[Any, Any]]) -> Any:
    """Give the design: an intercept, and an indicator of every value of every field but its first."""
    rows = len(margins[0][0])
    columns = [np.ones(rows)]
    columns += [(places == value).astype(np.float64) for places, wanted in margins for value in range(1, len(wanted))]
    return np.column_stack(columns)
