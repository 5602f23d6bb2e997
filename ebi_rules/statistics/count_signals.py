"""Signals of single counts, by the probability of a count as high, or as low, where so many are expected.

Control limits on a logarithmic or square root scale, as in `funnel`, are approximations: for small expected counts they
signal a count of 0 that is quite usual, and hide one at twice the rate. Here a count is signalled when its one-sided
probability is at most 0.025 (95%) or 0.001 (99.8%). Without differences between units counts are Poisson, or binomial
for a proportion; with them, their rates vary with the variance tau squared (gamma-Poisson, or beta-binomial). The
limits for drawing invert the same probabilities, so that no point between them is signalled.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]
Column = npt.ArrayLike

LEVELS = (0.95, 0.998)
"""The two-sided confidences of signals: one-sided probabilities of 0.025 and 0.001."""

SMALLEST_EXPECTED = 1.0
"""With fewer expected there is no signal: one or two people would make it."""

_NORMAL_SHIFT = 3 / 8
"""Added to a count before its square root is taken, so that the root's variance is 1/4 (Anscombe, 1948)."""


def between_variance(observed: Column, expected: Column, trim: float = 0.1, added: Column = 0.0) -> float:
    """Return tau squared, the variance of the true ratios of units, as far as chance does not explain it.

    Z-scores are on the square root scale. Those of the highest and of the lowest units are moved in to the quantiles
    `trim` and 1 - `trim`, so that a few true outliers do not hide themselves. The mean square is divided by what it
    would be for standard normal z-scores, which corrects for that.

    Args:
        observed: The events of each unit.
        expected: The expected events of each unit; units of whom nothing is expected are left out.
        trim: The share of units at each end whose z-scores are moved in, from 0 to below 0.5.
        added: What the variance of each count has beside that of a Poisson count, such as 2 for counts rounded to the
            nearest 5, or minus E squared over n for a binomial one.

    Returns:
        The variance on the scale of the ratio, 0 or more; 0 for fewer than two units.

    Raises:
        InvalidInputError: `trim` is outside its range.

    Source:
        Method of moments (DerSimonian and Laird, 1986) on winsorised z-scores (Spiegelhalter, Statistics in Medicine
        2005; 24:1185); square roots by Anscombe (Biometrika 1948; 35:246).

    Example:
        >>> round(between_variance([80, 100, 120, 60, 140], [100] * 5) ** 0.5, 2)
        0.31
    """
    if not 0 <= trim < 0.5:
        raise InvalidInputError("trim must be at least 0 and below 0.5.")
    events, expected_events = (np.asarray(values, dtype=np.float64) for values in (observed, expected))
    is_usable = expected_events > 0
    extra = np.broadcast_to(np.asarray(added, dtype=np.float64), events.shape)[is_usable]
    events, expected_events = events[is_usable], expected_events[is_usable]
    units = events.size
    if units < 2:
        return 0.0
    z = 2 * (np.sqrt(events + _NORMAL_SHIFT) - np.sqrt(expected_events + _NORMAL_SHIFT))
    z = np.clip(z, *np.quantile(z, [trim, 1 - trim]))
    total = float((z**2).sum()) / _winsorised_square(trim)
    spread = expected_events.sum() - (expected_events**2).sum() / expected_events.sum()
    by_chance = float((1 + extra / expected_events).sum()) * (units - 1) / units
    return max(0.0, (total - by_chance) / float(spread))


def count_signals(observed: Column, expected: Column, tau2: float = 0.0) -> pl.Series:
    """Return the signal of each count: above_998, above_95, below_95, below_998, or null.

    Args:
        observed: The events of each unit.
        expected: The expected events of each unit.
        tau2: The variance of the true ratios of units, for example from `between_variance`; 0 for chance alone.

    Returns:
        One signal per unit (String). Null where fewer than `SMALLEST_EXPECTED` are expected.

    Source:
        Poisson probabilities; with tau2, negative binomial ones: a gamma-Poisson count has the mean E and the variance
        E + tau2 E squared.

    Example:
        A count of 0 is below the 99.8% limit only from 6.91 expected.

        >>> count_signals([0, 0, 12, 25], [6.9, 7.0, 10, 10]).to_list()
        ['below_95', 'below_998', None, 'above_998']
    """
    events, expected_events = (np.asarray(values, dtype=np.float64) for values in (observed, expected))
    low = at_most(events, expected_events, tau2)
    return _signals(low, at_least(events, expected_events, tau2), expected_events >= SMALLEST_EXPECTED)


def proportion_signals(count: Column, n: Column, expected: Column, tau2: float = 0.0) -> pl.Series:
    """Return the signal of each proportion: above_998, above_95, below_95, below_998, or null.

    Args:
        count: The numerator of each unit.
        n: The denominator of each unit.
        expected: The expected numerator of each unit.
        tau2: The variance of the true ratios of units (numerator over expected); 0 for chance alone.

    Returns:
        One signal per unit (String). Null where fewer than `SMALLEST_EXPECTED` are expected, or all of n.

    Source:
        Binomial probabilities; with tau2, beta-binomial ones with that variance of the ratio, as far as a beta
        distribution can have it.

    Example:
        >>> proportion_signals([0, 9, 20], [20, 20, 20], [8.0, 8.0, 8.0]).to_list()
        ['below_998', None, 'above_998']
    """
    counts, sizes, expected_counts = (np.asarray(values, dtype=np.float64) for values in (count, n, expected))
    share = np.divide(expected_counts, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    is_judged = (expected_counts >= SMALLEST_EXPECTED) & (share < 1)
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    if tau2 <= 0:
        low, high = _binomial_tails(counts, sizes, inside)
    else:
        # A beta distribution has the variance p (1 - p) / (a + b + 1), and that of the share is tau2 p squared.
        total = (1 - inside) / (tau2 * inside) - 1
        first, second = (np.maximum(total, 1e-6) * part for part in (inside, 1 - inside))
        low, high = _beta_binomial_tails(counts, sizes, first, second)
    return _signals(low, high, is_judged)


def signal_limits(expected: Column, tau2: float = 0.0, levels: Sequence[float] = LEVELS) -> pl.DataFrame:
    """Return the ratios at which `count_signals` begin, for drawing a funnel at any expected counts.

    The limits are those of a count that could be any number, which makes them smooth; a whole count is signalled when
    it is on the limit or outside it.

    Args:
        expected: The expected counts.
        tau2: The variance of the true ratios of units.
        levels: The two-sided confidences of the limits, each between 0 and 1.

    Returns:
        One row per expected count: lower_95, upper_95, lower_998, upper_998 (Float64), or those of other levels. Null
        where nothing is expected, and for a lower limit that not even a count of 0 reaches.

    Example:
        >>> limits = signal_limits([6.0, 20.0], levels=[0.998])
        >>> [[value and round(value, 3) for value in row] for row in limits.rows()]
        [[None, 2.557], [0.362, 1.783]]
    """
    expected_events = np.atleast_1d(np.asarray(expected, dtype=np.float64))
    is_usable = expected_events > 0
    columns: dict[str, Numbers] = {}
    for level in levels:
        if not 0 < level < 1:
            raise InvalidInputError("a confidence must be between 0 and 1.")
        tail = (1 - level) / 2
        digits = f"{level:g}".removeprefix("0.")
        for side, limit in (("lower", _lower_count), ("upper", _upper_count)):
            counts = np.full_like(expected_events, np.nan)
            counts[is_usable] = limit(expected_events[is_usable], tau2, tail)
            ratios = np.divide(counts, expected_events, out=np.full_like(counts, np.nan), where=is_usable)
            columns[f"{side}_{digits}"] = ratios
    return pl.DataFrame(columns).fill_nan(None)


def at_most(count: Column, expected: Column, tau2: float = 0.0) -> Numbers:
    """Return the probability of a count as low or lower; for numbers that are not whole, interpolated smoothly.

    Args:
        count: Counts, above -1.
        expected: Expected counts.
        tau2: The variance of the true ratios of units; 0 for Poisson counts.

    Example:
        >>> at_most([0, 2], [1.0, 1.0]).round(4).tolist()
        [0.3679, 0.9197]
    """
    counts, expected_events = (np.asarray(values, dtype=np.float64) for values in (count, expected))
    if tau2 <= 0:
        return np.asarray(special.gammaincc(counts + 1, expected_events), dtype=np.float64)
    shape = 1 / tau2
    return np.asarray(special.betainc(shape, counts + 1, shape / (shape + expected_events)), dtype=np.float64)


def at_least(count: Column, expected: Column, tau2: float = 0.0) -> Numbers:
    """Return the probability of a count as high or higher; for numbers that are not whole, interpolated smoothly.

    Args:
        count: Counts, 0 or more.
        expected: Expected counts.
        tau2: The variance of the true ratios of units; 0 for Poisson counts.

    Example:
        >>> at_least([0, 3], [1.0, 1.0]).round(4).tolist()
        [1.0, 0.0803]
    """
    counts, expected_events = (np.asarray(values, dtype=np.float64) for values in (count, expected))
    above_0 = np.maximum(counts, 1e-12)
    if tau2 <= 0:
        probability = special.gammainc(above_0, expected_events)
    else:
        shape = 1 / tau2
        probability = special.betainc(above_0, shape, expected_events / (shape + expected_events))
    return np.where(counts > 0, probability, 1.0)


def smallest_signal(expected: float, tau2: float, level: float, above: bool = True) -> float | None:
    """Return the ratio nearest to 1 that is signalled where so many are expected; None if no count is.

    Args:
        expected: The expected count.
        tau2: The variance of the true ratios of units.
        level: The two-sided confidence of the limits.
        above: Whether the ratio is to be above 1.

    Example:
        >>> smallest_signal(20, 0.0, 0.998), smallest_signal(3, 0.0, 0.998, above=False)
        (1.8, None)
    """
    if expected < SMALLEST_EXPECTED:
        return None
    tail, one = (1 - level) / 2, np.array([expected])
    if above:
        return float(np.ceil(_upper_count(one, tau2, tail)[0] - 1e-9)) / expected
    lowest = float(np.floor(_lower_count(one, tau2, tail)[0] + 1e-9))
    return None if np.isnan(lowest) else lowest / expected


def _binomial_tails(counts: Numbers, sizes: Numbers, shares: Numbers) -> tuple[Numbers, Numbers]:
    """Return the probabilities of counts as low or lower, and as high or higher, of so many with these shares."""
    below = np.clip(counts, 0, sizes - 1)
    low = special.betainc(sizes - below, below + 1, 1 - shares)
    above = np.clip(counts, 1, sizes)
    high = special.betainc(above, sizes - above + 1, shares)
    return np.where(counts >= sizes, 1.0, low), np.where(counts <= 0, 1.0, np.where(counts > sizes, 0.0, high))


def _beta_binomial_tails(counts: Numbers, sizes: Numbers, first: Numbers, second: Numbers) -> tuple[Numbers, Numbers]:
    """Return the same where shares have a beta distribution with these parameters, each unit by a sum."""
    low, high = np.ones_like(counts), np.ones_like(counts)
    for unit, (count, size, a, b) in enumerate(zip(counts, sizes, first, second, strict=True)):
        # The shorter side is added up, and the other is what is left.
        is_low = 2 * count < size
        k = np.arange(count + 1) if is_low else np.arange(count, size + 1)
        ways = -np.log(size + 1) - special.betaln(size - k + 1, k + 1)
        mass = np.exp(ways + special.betaln(k + a, size - k + b) - special.betaln(a, b))
        here = mass[-1] if is_low else mass[0] if mass.size else 0.0
        tail = min(mass.sum(), 1.0)
        low[unit], high[unit] = (tail, 1 - tail + here) if is_low else (1 - tail + here, tail)
    return low, high


def _signals(low: Numbers, high: Numbers, is_judged: npt.NDArray[np.bool_]) -> pl.Series:
    """Return the signals of counts from their one-sided probabilities: the widest level that applies."""
    signals = np.full(low.shape, None, dtype=object)
    for level in LEVELS:
        tail = (1 - level) / 2 * (1 + 1e-9)
        digits = f"{level:g}".removeprefix("0.")
        signals[is_judged & (low <= tail)] = f"below_{digits}"
        signals[is_judged & (high <= tail)] = f"above_{digits}"
    return pl.Series(signals.tolist(), dtype=pl.String)


def _upper_count(expected: Numbers, tau2: float, tail: float) -> Numbers:
    """Return the number from which a count is as high only with this probability."""
    if tau2 <= 0:
        return np.asarray(special.gdtrib(1.0, tail, expected), dtype=np.float64)
    shape = 1 / tau2
    return np.asarray(special.btdtria(tail, shape, expected / (shape + expected)), dtype=np.float64)


def _lower_count(expected: Numbers, tau2: float, tail: float) -> Numbers:
    """Return the number up to which a count is as low only with this probability; NaN where not even 0 is."""
    if tau2 <= 0:
        counts = special.gdtrib(1.0, 1 - tail, expected) - 1
    else:
        shape = 1 / tau2
        counts = special.btdtrib(shape, tail, shape / (shape + expected)) - 1
    return np.where(
        at_most(np.zeros_like(expected), expected, tau2) <= tail * (1 + 1e-9), np.maximum(counts, 0), np.nan
    )


def _winsorised_square(trim: float) -> float:
    """Return the mean square of standard normal scores that are moved in to the quantiles `trim` and 1 - `trim`."""
    if trim == 0:
        return 1.0
    end = -float(special.ndtri(trim))
    density = np.exp(-(end**2) / 2) / np.sqrt(2 * np.pi)
    return float(1 - 2 * trim - 2 * end * density + 2 * trim * end**2)
