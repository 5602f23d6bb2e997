"""Funnel plots: limits within which units lie by chance, with or without overdispersion.

Overdispersion is Spiegelhalter's additive random effects model (Statistics in Medicine 2005; 24:1185 and JRSS A 2012;
175:1), as NHS England applies it to SHMI and the CQC to its indicators.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import normal_quantile

Overdispersion = Literal["shmi", "cqc"]
Numbers = npt.NDArray[np.float64]
Ends = tuple[Numbers, Numbers]
Column = npt.ArrayLike

_NO_EVENT = 0.5
"""What stands for no event in a logarithm, so that such a unit has a z-score."""


@dataclass(frozen=True)
class Funnel:
    """The limits of a funnel plot, a row a unit in the order given.

    `target` is the value around which the funnel lies (1 for standardised ratios). `phi` is the dispersion, the mean of
    the squared z-scores once trimmed: missing (NaN) without overdispersion, or with fewer than two units. `tau2` is the
    variance between units that the limits allow for, 0 where there is none. `limits` has lower_95, upper_95, lower_998,
    upper_998 (for the confidences asked for), null where nothing is expected of a unit. `values` are the units' own.
    """

    target: float
    phi: float
    tau2: float
    values: pl.Series
    limits: pl.DataFrame

    @property
    def signals(self) -> pl.Series:
        """Which limits a unit lies beyond: above_998, above_95, below_95, below_998, or null within them."""
        told = pl.Series([None] * self.values.len(), dtype=pl.String)
        names = [column.removeprefix("lower_") for column in self.limits.columns if column.startswith("lower_")]
        for name in sorted(names, key=lambda text: float(f"0.{text}")):
            for side, beyond in (
                ("above", self.values > self.limits[f"upper_{name}"]),
                ("below", self.values < self.limits[f"lower_{name}"]),
            ):
                marked = pl.Series([f"{side}_{name}"] * self.values.len(), dtype=pl.String)
                told = told.zip_with(~beyond.fill_null(False), marked)
        return told


def funnel(
    observed: Column,
    expected: Column,
    confidence: Sequence[float] = (0.95, 0.998),
    overdispersion: Overdispersion | None = None,
    trim: float = 0.1,
) -> Funnel:
    """Give the funnel of standardised ratios, observed over expected, around 1.

    Without overdispersion the limits are exact Poisson ones, read from chi-square at the expected count. `shmi` works
    on log(O/E), where half an event stands for none; `cqc` on sqrt(O/E), with limits squared back and none below 0.
    `trim` is the share of units at each end whose z-scores do not count for the dispersion: shmi leaves them out, cqc
    pulls them in to that quantile. A dispersion that chance explains (tau2 = 0), or fewer than two units to tell it by,
    leaves the exact limits. Raises `InvalidInputError` for numbers that are negative or not as many, and a trim outside 0 to
    0.5.
    """
    events, hoped = _pair("observed", observed, "expected", expected)
    known = hoped > 0
    phi, tau2 = float("nan"), 0.0
    if overdispersion is not None:
        z, precision = _ratio_scores(events[known], hoped[known], overdispersion)
        phi, tau2 = _dispersion(z, precision, trim, truncate=overdispersion == "shmi")
    return Funnel(1.0, phi, tau2, _divided(events, hoped), ratio_limits(hoped, tau2, overdispersion, confidence))


def ratio_limits(
    expected: Column, tau2: float, overdispersion: Overdispersion | None, confidence: Sequence[float] = (0.95, 0.998)
) -> pl.DataFrame:
    """Give the limits that a funnel of standardised ratios has at these expected counts, to draw it by.

    `tau2` and `overdispersion` are those of the funnel; the columns are those of its `limits`.
    """
    hoped = np.atleast_1d(np.asarray(expected, dtype=np.float64))

    def ends(level: float) -> Ends:
        return _exact_limits(hoped, level) if tau2 == 0 else _adjusted_limits(hoped, level, tau2, overdispersion)

    return _limits(confidence, ends, hoped > 0)


def proportion_funnel(
    count: Column,
    n: Column,
    confidence: Sequence[float] = (0.95, 0.998),
    overdispersion: bool = False,
    trim: float = 0.1,
) -> Funnel:
    """Give the funnel of proportions, count over n, around that of all units together.

    On the arcsine square root scale, with its ends as limits: no proportion is below 0 or above 1. Raises `InvalidInputError`
    also for a count above its n.
    """
    counts, sizes = _pair("count", count, "n", n)
    if np.any(counts > sizes):
        raise InvalidInputError("a count is above its n.")
    known = sizes > 0
    target = float(counts.sum() / sizes.sum()) if sizes.sum() else float("nan")
    angle = np.arcsin(np.sqrt(target))
    phi, tau2 = float("nan"), 0.0
    variance = np.divide(1, 4 * sizes, out=np.full_like(sizes, np.nan), where=known)
    if overdispersion:
        own = np.arcsin(np.sqrt(counts[known] / sizes[known]))
        z = (own - angle) / np.sqrt(variance[known])
        phi, tau2 = _dispersion(z, 1 / variance[known], trim, truncate=False)

    def ends(level: float) -> Ends:
        spread = normal_quantile(level) * np.sqrt(variance + tau2)
        lower, upper = (np.sin(np.clip(end, 0, np.pi / 2)) ** 2 for end in (angle - spread, angle + spread))
        return lower, upper

    return Funnel(target, phi, tau2, _divided(counts, sizes), _limits(confidence, ends, known))


def ratio_funnel(
    numerator: Column,
    denominator: Column,
    confidence: Sequence[float] = (0.95, 0.998),
    overdispersion: bool = False,
    trim: float = 0.1,
) -> Funnel:
    """Give the funnel of ratios of two counts around that of all units together, on the logarithmic scale.

    Half an event is added to each count (Spiegelhalter, 2005, appendix). The limits at a denominator use the variance
    that the target would give there, the same as in the z-scores.
    """
    above, below = _pair("numerator", numerator, "denominator", denominator)
    known = below > 0
    target = float(above.sum() / below.sum()) if below.sum() else float("nan")
    centre = np.log(target) if target > 0 else float("nan")
    phi, tau2 = float("nan"), 0.0
    if overdispersion:
        variance = _log_ratio_variance(above[known], below[known])
        z = (np.log((above[known] + 0.5) / (below[known] + 0.5)) - centre) / np.sqrt(variance)
        phi, tau2 = _dispersion(z, 1 / variance, trim, truncate=False)
    at_target = _log_ratio_variance(target * below, below)

    def ends(level: float) -> Ends:
        spread = normal_quantile(level) * np.sqrt(at_target + tau2)
        return np.exp(centre - spread), np.exp(centre + spread)

    return Funnel(target, phi, tau2, _divided(above, below), _limits(confidence, ends, known))


def _ratio_scores(events: Numbers, hoped: Numbers, method: Overdispersion) -> tuple[Numbers, Numbers]:
    """Give z-scores and precisions (1 / variance) of standardised ratios on the scale of a method."""
    if method == "shmi":
        return np.sqrt(hoped) * np.log(np.where(events == 0, _NO_EVENT, events) / hoped), hoped
    if method == "cqc":
        return 2 * np.sqrt(hoped) * (np.sqrt(events / hoped) - 1), 4 * hoped
    raise InvalidInputError(f"overdispersion is 'shmi', 'cqc' or None, not {method!r}.")


def _dispersion(z: Numbers, precision: Numbers, trim: float, truncate: bool) -> tuple[float, float]:
    """Give phi and tau squared from trimmed z-scores (method of moments; DerSimonian and Laird, 1986)."""
    if not 0 <= trim < 0.5:
        raise InvalidInputError("trim is a share from 0 to below 0.5.")
    if truncate:
        kept = _untrimmed(z, trim)
        z, precision = z[kept], precision[kept]
    elif trim and len(z):
        z = np.clip(z, *np.quantile(z, [trim, 1 - trim]))
    units = len(z)
    if units < 2:
        return float("nan"), 0.0
    phi = float((z**2).sum() / units)
    if units * phi <= units - 1:
        return phi, 0.0
    spread = precision.sum() - (precision**2).sum() / precision.sum()
    return phi, float((units * phi - (units - 1)) / spread)


def _untrimmed(z: Numbers, trim: float) -> npt.NDArray[np.bool_]:
    """Say which units are neither in the lowest nor in the highest share by rank of their z-scores."""
    from scipy import stats

    if trim == 0:
        return np.ones(len(z), dtype=bool)
    groups = 1 / trim
    group = np.floor(np.asarray(stats.rankdata(z)) * groups / (len(z) + 1))
    kept: npt.NDArray[np.bool_] = (group != 0) & (group != groups - 1)
    return kept


def _exact_limits(hoped: Numbers, level: float) -> tuple[Numbers, Numbers]:
    """Give Poisson limits of O/E: the quantiles of chi-square at 2E and 2(E + 1), over 2E."""
    from scipy import stats

    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = stats.chi2.ppf(tail, 2 * hoped) / 2 / hoped
        upper = stats.chi2.isf(tail, 2 * (hoped + 1)) / 2 / hoped
    return lower, upper


def _adjusted_limits(
    hoped: Numbers, level: float, tau2: float, method: Overdispersion | None
) -> tuple[Numbers, Numbers]:
    """Give limits of O/E widened by tau squared, on the method's scale and back; none is below 0."""
    z = normal_quantile(level)
    with np.errstate(divide="ignore"):
        if method == "shmi":
            spread = z * np.sqrt(1 / hoped + tau2)
            return np.exp(-spread), np.exp(spread)
        spread = z * np.sqrt(1 / (4 * hoped) + tau2)
        return np.maximum(1 - spread, 0) ** 2, (1 + spread) ** 2


def _log_ratio_variance(above: Numbers, below: Numbers) -> Numbers:
    return above / (above + 0.5) ** 2 + below / (below + 0.5) ** 2


def _pair(one: str, ones: Column, other: str, others: Column) -> tuple[Numbers, Numbers]:
    first, second = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (ones, others))
    if first.shape != second.shape:
        raise InvalidInputError(f"{one} and {other} are not as many.")
    for name, values in ((one, first), (other, second)):
        if not np.all(values >= 0):
            raise InvalidInputError(f"{name} has a number that is missing or negative.")
    return first, second


def _divided(above: Numbers, below: Numbers) -> pl.Series:
    values = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return pl.Series("value", values).fill_nan(None)


def _limits(confidence: Sequence[float], ends: Callable[[float], Ends], known: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Give the limits at each confidence as columns, null where nothing is known of a unit."""
    columns = {}
    for level in confidence:
        name = f"{level * 100:g}".replace(".", "")
        for side, values in zip(("lower", "upper"), ends(level), strict=True):
            columns[f"{side}_{name}"] = np.where(known, values, np.nan)
    return pl.DataFrame(columns).fill_nan(None)
