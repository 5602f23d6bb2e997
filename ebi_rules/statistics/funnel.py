"""Funnel plots: limits that show which units differ from the target by more than chance.

The limits can allow for overdispersion, that is, for normal differences between units. This is Spiegelhalter's additive
random effects model (Statistics in Medicine 2005; 24:1185 and JRSS A 2012; 175:1), as NHS England applies it to SHMI
and the CQC to its indicators. The module calculates limits; it draws nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import normal_quantile

Overdispersion = Literal["shmi", "cqc"]
Numbers = npt.NDArray[np.float64]
Limits = tuple[Numbers, Numbers]
Column = npt.ArrayLike

_HALF_EVENT = 0.5
"""Replaces a count of 0 before taking logarithms, so that a unit without events has a z-score."""


@dataclass(frozen=True)
class Funnel:
    """The limits of a funnel plot, with one entry per unit in the order of the input.

    Attributes:
        target: The value at the centre of the funnel; 1 for standardised ratios.
        phi: The dispersion: the mean of the squared z-scores after trimming. Missing (NaN) without overdispersion and
            with fewer than two units.
        tau2: The variance between units that the limits allow for, on the scale of the method; 0 for none.
        values: The unit's own value (Float64), null where it cannot be calculated.
        limits: One row per unit, with the columns lower_95, upper_95, lower_998 and upper_998 (Float64), or those of
            other confidences. Null where nothing is expected of a unit or its denominator is 0.
    """

    target: float
    phi: float
    tau2: float
    values: pl.Series
    limits: pl.DataFrame

    @property
    def signals(self) -> pl.Series:
        """The widest limit each unit is outside: above_998, above_95, below_95, below_998, or null within all."""
        units = self.values.len()
        signals = pl.Series([None] * units, dtype=pl.String)
        levels = [column.removeprefix("lower_") for column in self.limits.columns if column.startswith("lower_")]
        for level in sorted(levels, key=lambda digits: float(f"0.{digits}")):
            is_above = self.values > self.limits[f"upper_{level}"]
            is_below = self.values < self.limits[f"lower_{level}"]
            for side, is_outside in (("above", is_above), ("below", is_below)):
                signal = pl.Series([f"{side}_{level}"] * units, dtype=pl.String)
                signals = signals.zip_with(~is_outside.fill_null(False), signal)
        return signals


def funnel(
    observed: Column,
    expected: Column,
    confidence: Sequence[float] = (0.95, 0.998),
    overdispersion: Overdispersion | None = None,
    trim: float = 0.1,
) -> Funnel:
    """Return the funnel of standardised ratios (observed over expected) around 1.

    Without overdispersion, the limits are exact Poisson limits at the expected count. With it, they are wider by the
    variance between units. Where chance alone explains the dispersion (tau2 is 0), or there are fewer than two units,
    the exact limits are used.

    Args:
        observed: The events of each unit.
        expected: The expected events of each unit.
        confidence: The two-sided confidences of the limits, each between 0 and 1.
        overdispersion: The method, or None. `shmi` works on log(O/E), with half an event in place of none; `cqc` works
            on sqrt(O/E) and squares the limits, which are never below 0.
        trim: The share of units at each end, by z-score, that does not affect the dispersion, from 0 to below 0.5.
            `shmi` leaves these units out; `cqc` moves their z-scores in to that quantile.

    Returns:
        The limits and the dispersion.

    Raises:
        InvalidInputError: The arguments differ in length, a number is missing or negative, the method is unknown, or
            `trim` is outside its range.

    Source:
        Spiegelhalter (2005, 2012). Exact limits: quantiles of chi-square, as in `intervals.poisson`.

    Example:
        >>> result = funnel(observed=[100, 130, 40], expected=[100, 100, 100])
        >>> [round(limit, 3) for limit in result.limits.row(0)]
        [0.814, 1.216, 0.719, 1.349]
        >>> result.signals.to_list()
        [None, 'above_95', 'below_998']
    """
    events, expected_events = _pair("observed", observed, "expected", expected)
    is_usable = expected_events > 0
    phi, tau2 = float("nan"), 0.0
    if overdispersion is not None:
        z, precision = _ratio_scores(events[is_usable], expected_events[is_usable], overdispersion)
        phi, tau2 = _dispersion(z, precision, trim, truncate=overdispersion == "shmi")
    limits = ratio_limits(expected_events, tau2, overdispersion, confidence)
    return Funnel(1.0, phi, tau2, _quotient(events, expected_events), limits)


def ratio_limits(
    expected: Column, tau2: float, overdispersion: Overdispersion | None, confidence: Sequence[float] = (0.95, 0.998)
) -> pl.DataFrame:
    """Return the limits of a funnel of standardised ratios at any expected counts, for drawing the funnel.

    Args:
        expected: The expected counts.
        tau2: The variance between units, from `Funnel.tau2`.
        overdispersion: The method that the funnel used.
        confidence: The two-sided confidences of the limits, each between 0 and 1.

    Returns:
        One row per expected count, with the columns of `Funnel.limits`.

    Source:
        As for `funnel`.

    Example:
        >>> limits = ratio_limits([20, 30], tau2=0, overdispersion=None, confidence=[0.95])
        >>> [(round(lower, 3), round(upper, 3)) for lower, upper in limits.rows()]
        [(0.611, 1.544), (0.675, 1.428)]
    """
    expected_events = np.atleast_1d(np.asarray(expected, dtype=np.float64))

    def limits_at(level: float) -> Limits:
        if tau2 == 0:
            return _exact_limits(expected_events, level)
        return _adjusted_limits(expected_events, level, tau2, overdispersion)

    return _limits_table(confidence, limits_at, expected_events > 0)


def proportion_funnel(
    count: Column,
    n: Column,
    confidence: Sequence[float] = (0.95, 0.998),
    overdispersion: bool = False,
    trim: float = 0.1,
) -> Funnel:
    """Return the funnel of proportions (count over n) around the proportion of all units together.

    The limits are calculated on the arcsine square root scale, so they are never below 0 or above 1.

    Args:
        count: The numerator of each unit.
        n: The denominator of each unit.
        confidence: The two-sided confidences of the limits, each between 0 and 1.
        overdispersion: Whether the limits allow for overdispersion.
        trim: The share of units at each end, by z-score, whose z-scores are moved in to that quantile; from 0 to
            below 0.5.

    Returns:
        The limits and the dispersion.

    Raises:
        InvalidInputError: The arguments differ in length, a number is missing or negative, a count is above its n,
            `trim` is outside its range, or a confidence is not between 0 and 1.

    Source:
        Spiegelhalter (2005).

    Example:
        >>> result = proportion_funnel(count=[40, 70], n=[100, 100], confidence=[0.95])
        >>> round(result.target, 2), [round(limit, 2) for limit in result.limits.row(0)]
        (0.55, [0.45, 0.65])
    """
    counts, sizes = _pair("count", count, "n", n)
    if np.any(counts > sizes):
        raise InvalidInputError("a count is above its n.")
    is_usable = sizes > 0
    target = float(counts.sum() / sizes.sum()) if sizes.sum() else float("nan")
    centre = np.arcsin(np.sqrt(target))
    phi, tau2 = float("nan"), 0.0
    variance = np.divide(1, 4 * sizes, out=np.full_like(sizes, np.nan), where=is_usable)
    if overdispersion:
        angles = np.arcsin(np.sqrt(counts[is_usable] / sizes[is_usable]))
        z = (angles - centre) / np.sqrt(variance[is_usable])
        phi, tau2 = _dispersion(z, 1 / variance[is_usable], trim, truncate=False)

    def limits_at(level: float) -> Limits:
        spread = normal_quantile(level) * np.sqrt(variance + tau2)
        lower, upper = (np.sin(np.clip(angle, 0, np.pi / 2)) ** 2 for angle in (centre - spread, centre + spread))
        return lower, upper

    limits = _limits_table(confidence, limits_at, is_usable)
    return Funnel(target, phi, tau2, _quotient(counts, sizes), limits)


def ratio_funnel(
    numerator: Column,
    denominator: Column,
    confidence: Sequence[float] = (0.95, 0.998),
    overdispersion: bool = False,
    trim: float = 0.1,
) -> Funnel:
    """Return the funnel of ratios of two counts around the ratio of all units together, on the logarithmic scale.

    The limits use the variance that a unit with this denominator would have at the target.

    Args:
        numerator: The count above the line of each unit.
        denominator: The count below the line of each unit.
        confidence: The two-sided confidences of the limits, each between 0 and 1.
        overdispersion: Whether the limits allow for overdispersion.
        trim: The share of units at each end, by z-score, whose z-scores are moved in to that quantile; from 0 to
            below 0.5.

    Returns:
        The limits and the dispersion.

    Raises:
        InvalidInputError: The arguments differ in length, a number is missing or negative, `trim` is outside its
            range, or a confidence is not between 0 and 1.

    Source:
        Spiegelhalter (2005), appendix: half an event is added to each count.

    Example:
        >>> result = ratio_funnel([20, 30, 50], [40, 60, 100], confidence=[0.95])
        >>> round(result.target, 2), [round(limit, 2) for limit in result.limits.row(2)]
        (0.5, [0.36, 0.7])
    """
    above, below = _pair("numerator", numerator, "denominator", denominator)
    is_usable = below > 0
    target = float(above.sum() / below.sum()) if below.sum() else float("nan")
    centre = np.log(target) if target > 0 else float("nan")
    phi, tau2 = float("nan"), 0.0
    if overdispersion:
        variance = _log_ratio_variance(above[is_usable], below[is_usable])
        z = (np.log((above[is_usable] + 0.5) / (below[is_usable] + 0.5)) - centre) / np.sqrt(variance)
        phi, tau2 = _dispersion(z, 1 / variance, trim, truncate=False)
    variance_at_target = _log_ratio_variance(target * below, below)

    def limits_at(level: float) -> Limits:
        spread = normal_quantile(level) * np.sqrt(variance_at_target + tau2)
        return np.exp(centre - spread), np.exp(centre + spread)

    limits = _limits_table(confidence, limits_at, is_usable)
    return Funnel(target, phi, tau2, _quotient(above, below), limits)


def _ratio_scores(events: Numbers, expected: Numbers, method: Overdispersion) -> tuple[Numbers, Numbers]:
    """Return z-scores and precisions (1 / variance) of standardised ratios on the scale of a method."""
    if method == "shmi":
        return np.sqrt(expected) * np.log(np.where(events == 0, _HALF_EVENT, events) / expected), expected
    if method == "cqc":
        return 2 * np.sqrt(expected) * (np.sqrt(events / expected) - 1), 4 * expected
    raise InvalidInputError(f"overdispersion must be 'shmi', 'cqc' or None, not {method!r}.")


def _dispersion(z: Numbers, precision: Numbers, trim: float, truncate: bool) -> tuple[float, float]:
    """Return phi and tau squared of trimmed z-scores (method of moments; DerSimonian and Laird, 1986)."""
    if not 0 <= trim < 0.5:
        raise InvalidInputError("trim must be at least 0 and below 0.5.")
    if truncate:
        kept = _is_untrimmed(z, trim)
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


def _is_untrimmed(z: Numbers, trim: float) -> npt.NDArray[np.bool_]:
    """Return which units are in neither the lowest nor the highest share, by rank of their z-scores."""
    if trim == 0:
        return np.ones(len(z), dtype=bool)
    groups = 1 / trim
    group = np.floor(pl.Series(z).rank().to_numpy() * groups / (len(z) + 1))
    kept: npt.NDArray[np.bool_] = (group != 0) & (group != groups - 1)
    return kept


def _exact_limits(expected: Numbers, level: float) -> Limits:
    """Return Poisson limits of O/E: quantiles of the gamma distribution (chi-square, halved) of E and E + 1, over E."""
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = special.gammaincinv(expected, tail) / expected
        upper = special.gammainccinv(expected + 1, tail) / expected
    return lower, upper


def _adjusted_limits(expected: Numbers, level: float, tau2: float, method: Overdispersion | None) -> Limits:
    """Return limits of O/E widened by tau squared, from the method's scale; none is below 0."""
    z = normal_quantile(level)
    with np.errstate(divide="ignore"):
        if method == "shmi":
            spread = z * np.sqrt(1 / expected + tau2)
            return np.exp(-spread), np.exp(spread)
        spread = z * np.sqrt(1 / (4 * expected) + tau2)
        return np.maximum(1 - spread, 0) ** 2, (1 + spread) ** 2


def _log_ratio_variance(above: Numbers, below: Numbers) -> Numbers:
    """Return the variance of the logarithm of a ratio of counts, with half an event added to each."""
    return above / (above + 0.5) ** 2 + below / (below + 0.5) ** 2


def _pair(first_name: str, first: Column, second_name: str, second: Column) -> tuple[Numbers, Numbers]:
    """Return two columns as arrays, after checking that they have the same length and no missing or negative number."""
    first_numbers, second_numbers = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (first, second))
    if first_numbers.shape != second_numbers.shape:
        raise InvalidInputError(f"{first_name} and {second_name} must have the same number of values.")
    for name, values in ((first_name, first_numbers), (second_name, second_numbers)):
        if not np.all(values >= 0):
            raise InvalidInputError(f"{name} has a number that is missing or negative.")
    return first_numbers, second_numbers


def _quotient(above: Numbers, below: Numbers) -> pl.Series:
    """Return above / below, null where below is 0."""
    values = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return pl.Series("value", values).fill_nan(None)


def _limits_table(
    confidence: Sequence[float], limits_at: Callable[[float], Limits], is_usable: npt.NDArray[np.bool_]
) -> pl.DataFrame:
    """Return the limits at each confidence as columns, null where a unit cannot be used."""
    columns = {}
    for level in confidence:
        name = f"{level * 100:g}".replace(".", "")
        for side, values in zip(("lower", "upper"), limits_at(level), strict=True):
            columns[f"{side}_{name}"] = np.where(is_usable, values, np.nan)
    return pl.DataFrame(columns).fill_nan(None)
