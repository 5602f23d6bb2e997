"""The rate that each stratum of people has among all providers: as observed, or from a logistic regression.

Strata are the combinations of the fields that case mix is adjusted for. In small strata an observed rate is unreliable;
the model has one effect per value and no interactions. With its canonical link the model depends on the flagged counts
only through their sums by value (McCullagh and Nelder, Generalized Linear Models, 1989, section 4.4.2), and it uses
those sums as disclosure control would show them.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ebi_rules._support.errors import EngineError
from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, controlled

MOST_THIN = 0.1
"""If more than this share of eligible activity is in thin strata, case mix is adjusted for by the model."""

_ROUNDS = 50


def controlled_or_stand_in(count: pl.Expr, method: str) -> pl.Expr:
    """Return flagged counts as they may be shown, with 4, the middle of 1 to 7, where they are suppressed.

    Args:
        count: Exact counts, whole numbers of 0 or more.
        method: The method of disclosure control.

    Example:
        >>> counts = pl.DataFrame({"flagged": [0, 3, 12]})
        >>> counts.select(shown=controlled_or_stand_in(pl.col("flagged"), "hes"))["shown"].to_list()
        [0, 4, 10]
    """
    return controlled(count, method).fill_null(SMALLEST_SHOWN // 2)


def is_thin(strata: pl.DataFrame) -> bool:
    """Return whether more than `MOST_THIN` of a rule's eligible activity is in strata with fewer than 8 flagged.

    Args:
        strata: One row per stratum: eligible, flagged, as they are shown or likely.

    Example:
        >>> is_thin(pl.DataFrame({"eligible": [700, 300], "flagged": [40, 2]}))
        True
    """
    eligible = float(strata["eligible"].sum())
    thin = strata.filter(pl.col("flagged") < SMALLEST_SHOWN)
    return bool(eligible) and float(thin["eligible"].sum()) / eligible > MOST_THIN


def observed_rates(strata: pl.DataFrame) -> pl.Series:
    """Return the rate of each stratum, flagged over eligible, at most 1; NaN where nothing is eligible.

    Args:
        strata: One row per stratum: eligible, flagged, as they are shown or likely.

    Example:
        >>> observed_rates(pl.DataFrame({"eligible": [100, 50], "flagged": [20, 4]})).to_list()
        [0.2, 0.08]
    """
    rate = (pl.col("flagged") / pl.col("eligible")).clip(upper_bound=1)
    return strata.select(rate.alias("rate"))["rate"]


def modelled_rates(strata: pl.DataFrame, fields: Sequence[str], total: float, method: str) -> pl.Series:
    """Return the rate of each stratum from a logistic regression on the fields, without interactions.

    Args:
        strata: One row per stratum: the fields, eligible (as shown or likely), flagged (exact: only sums by value are
            used, as they would be shown).
        fields: The fields of case mix.
        total: The flagged count over all strata, as it may be shown.
        method: The method of disclosure control.

    Raises:
        EngineError: statsmodels is not installed.
    """
    try:
        import statsmodels.api as sm
    except ImportError:
        raise EngineError(
            "adjusting case mix by a model needs statsmodels: pip install 'ebi-rules[model]', or use --casemix strata."
        ) from None
    eligible_strata = strata.filter(pl.col("eligible") > 0)
    sizes = eligible_strata["eligible"].to_numpy().astype(np.float64)
    if not len(sizes) or not 0 < total < sizes.sum():
        return pl.Series("rate", np.full(strata.height, min(total / max(sizes.sum(), 1.0), 1.0)))
    margins = [_margin(eligible_strata, name, total, method) for name in fields]
    events = _raked(sizes, margins, total)
    model = sm.GLM(np.column_stack([events, sizes - events]), _design(margins), family=sm.families.Binomial())
    # Where hardly anything is flagged an effect has no finite estimate; the rates that it gives are right all the same.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitted = model.fit().fittedvalues
    rates = eligible_strata.select(*fields).with_columns(rate=pl.Series(fitted))
    keys = strata.select(*fields)
    return keys.join(rates, on=list(fields), how="left", nulls_equal=True, maintain_order="left")["rate"]


def _margin(strata: pl.DataFrame, name: str, total: float, method: str) -> tuple[Any, Any]:
    """Return the place of each stratum's value of a field, and the flagged count of each value, scaled to the total."""
    by_value = strata.group_by(name, maintain_order=True).agg(pl.col("flagged").sum())
    shown = by_value.select(name, events=controlled_or_stand_in(pl.col("flagged"), method)).with_row_index("place")
    places = strata.select(name).join(shown, on=name, how="left", nulls_equal=True, maintain_order="left")["place"]
    # A value with no flagged activity has no finite effect: it counts as half an event.
    events = np.maximum(shown["events"].to_numpy().astype(np.float64), 0.5)
    return places.to_numpy().astype(np.int64), events * total / events.sum()


def _raked(sizes: Any, margins: Sequence[tuple[Any, Any]], total: float) -> Any:
    """Spread the flagged count over the strata so that it adds up to every margin (Deming and Stephan, 1940)."""
    events = sizes * total / sizes.sum()
    for _ in range(_ROUNDS):
        for places, target_sums in margins:
            sums = np.bincount(places, weights=events, minlength=len(target_sums))
            events = np.minimum(events * (target_sums / sums)[places], sizes * (1 - 1e-9))
    return events


def _design(margins: Sequence[tuple[Any, Any]]) -> Any:
    """Return the design matrix: an intercept, and an indicator of every value of every field but its first."""
    rows = len(margins[0][0])
    columns = [np.ones(rows)]
    columns += [(places == value).astype(np.float64) for places, sums in margins for value in range(1, len(sums))]
    return np.column_stack(columns)
