"""Which units of an audit (providers, practices, practitioners) differ from what is expected by more than chance.

It is made only from counts that may be shown. Signals are those of `statistics.count_signals`; the formulas of
`statistics.funnel`, as the R packages have them, only estimate the differences between units where settings ask for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.disclosure.rounding import ROUNDING_VARIANCE, SMALLEST_SHOWN
from ebi_rules.provider_audit.settings import WINSORISED, Settings
from ebi_rules.statistics.count_signals import (
    LEVELS,
    SMALLEST_EXPECTED,
    between_variance,
    count_signals,
    proportion_signals,
    signal_limits,
    smallest_signal,
)
from ebi_rules.statistics.funnel import funnel

Numbers = npt.NDArray[np.float64]

OTHER_FUNCTIONS = "not comparable: other treatment functions"
NOT_FIT = "not compared: the rule is not fit for it"
LITTLE_COMPARED = "not comparable: little of its activity is compared"
SUPPRESSED = "suppressed"
FEW_EXPECTED = "few expected"
NOT_JUDGED: Mapping[str, str] = {
    NOT_FIT: "the rule is not fit for comparing providers",
    OTHER_FUNCTIONS: "the treatment functions differ too much from those of all other providers",
    LITTLE_COMPARED: "too little of the activity is within what the rule compares",
    SUPPRESSED: "a count is suppressed",
    FEW_EXPECTED: f"fewer than {SMALLEST_EXPECTED:g} expected",
}
"""Why a unit has no signal, as the column `not_judged` says it, with an explanation."""

_CQC_SCALE = 4
"""A variance on the scale of the square root of a ratio near 1 is a quarter of that of the ratio."""


@dataclass(frozen=True)
class Variation:
    """How much units differ, and what that means for a signal.

    Attributes:
        tau2: The variance of the true ratios of units, beyond chance.
        judged: How many units are judged.
        beyond_95: How many of these lie outside the 95% limits.
        beyond_998: How many lie outside the 99.8% limits.
        beyond_chance: How many would lie outside the 99.8% limits if these allowed for chance alone.
        ratio_of_median: The ratio above 1 from which a unit of median size is outside the 99.8% limits; None if no unit
            is judged.
        ratio_of_largest: The same for the largest unit.
    """

    tau2: float
    judged: int
    beyond_95: int
    beyond_998: int
    beyond_chance: int
    ratio_of_median: float | None
    ratio_of_largest: float | None

    @property
    def deviation(self) -> float:
        """The standard deviation of the true ratios of units."""
        return float(self.tau2**0.5)


def with_signals(units: pl.DataFrame, settings: Settings, method: str, proportions: bool = False) -> pl.DataFrame:
    """Add the limits and the signal of each unit of one rule.

    Args:
        units: One row per unit: observed, base (what it is of; both null if suppressed), expected; and, if some cannot
            be compared, `not_judged` with the reason.
        settings: How to compare.
        method: The method of disclosure control.
        proportions: Whether counts are proportions of the base, as those of measures are.

    Returns:
        The same rows with lower_95, upper_95, lower_998, upper_998 (ratios), signal (above_998, above_95, below_95,
        below_998, or null within the limits), and not_judged (a key of `NOT_JUDGED`, or null).
    """
    judged = units.with_columns(not_judged=_reason(units))
    tau2 = variance_of(judged, settings, method, proportions)
    limits = signal_limits(judged["expected"].fill_null(0).to_numpy(), tau2).select(pl.all().round(3))
    signals = _signals(judged, tau2, proportions)
    is_judged = pl.col("not_judged").is_null()
    return judged.with_columns(*limits.get_columns(), pl.when(is_judged).then(pl.lit(signals)).alias("signal"))


def variance_of(units: pl.DataFrame, settings: Settings, method: str, proportions: bool = False) -> float:
    """Return the variance of the true ratios of units that can be compared; 0 if settings allow for chance alone.

    A suppressed count counts as what is expected there, between 1 and 7.

    Args:
        units: One row per unit: observed, base, expected, not_judged.
        settings: How to compare.
        method: The method of disclosure control.
        proportions: Whether counts are proportions of the base.
    """
    is_other = pl.col("not_judged").is_in([NOT_FIT, OTHER_FUNCTIONS, LITTLE_COMPARED]).fill_null(False)
    used = units.filter(~is_other, pl.col("expected") > 0)
    expected = used["expected"].to_numpy().astype(np.float64)
    likely = np.clip(expected, 1, SMALLEST_SHOWN - 1)
    observed = used["observed"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    observed = np.where(np.isnan(observed), likely, observed)
    if settings.overdispersion == "none" or observed.size < 2:
        return 0.0
    if settings.overdispersion == WINSORISED:
        added: Numbers = np.full_like(expected, ROUNDING_VARIANCE[method])
        if proportions:
            added = added - expected**2 / np.maximum(used["base"].fill_null(0).to_numpy(), expected)
        return between_variance(observed, expected, settings.trim, added)
    if settings.overdispersion == "cqc":
        return _CQC_SCALE * funnel(observed, expected, overdispersion="cqc", trim=settings.trim).tau2
    return funnel(observed, expected, overdispersion="shmi", trim=settings.trim).tau2


def variation_of(units: pl.DataFrame, settings: Settings, method: str) -> Variation:
    """Return how much the units of one rule differ.

    Args:
        units: The rows of `with_signals`.
        settings: How to compare.
        method: The method of disclosure control.
    """
    tau2 = variance_of(units, settings, method)
    judged = units.filter(pl.col("not_judged").is_null())
    by_chance = _signals(judged, 0.0, proportions=False)
    sizes = judged["expected"]
    widest = LEVELS[-1]
    return Variation(
        tau2=tau2,
        judged=judged.height,
        beyond_95=judged["signal"].count(),
        beyond_998=int(judged["signal"].str.ends_with("998").sum()),
        beyond_chance=int(by_chance.str.ends_with("998").sum()),
        ratio_of_median=smallest_signal(float(sizes.median()), tau2, widest) if judged.height else None,  # type: ignore[arg-type]
        ratio_of_largest=smallest_signal(float(sizes.max()), tau2, widest) if judged.height else None,  # type: ignore[arg-type]
    )


def _reason(units: pl.DataFrame) -> pl.Expr:
    """Return why each unit is not judged."""
    is_suppressed = pl.col("observed").is_null() | pl.col("base").is_null() | pl.col("expected").is_null()
    before = pl.col("not_judged") if "not_judged" in units.columns else pl.lit(None, pl.String)
    too_few = pl.when(pl.col("expected") < SMALLEST_EXPECTED).then(pl.lit(FEW_EXPECTED))
    return pl.coalesce(before, pl.when(is_suppressed).then(pl.lit(SUPPRESSED)), too_few)


def _signals(units: pl.DataFrame, tau2: float, proportions: bool) -> pl.Series:
    observed, expected, sizes = (
        units[name].cast(pl.Float64).fill_null(0).to_numpy() for name in ("observed", "expected", "base")
    )
    if proportions:
        return proportion_signals(np.minimum(observed, sizes), sizes, np.minimum(expected, sizes), tau2)
    return count_signals(observed, expected, tau2)
