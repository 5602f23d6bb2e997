"""Confidence intervals of counts and proportions, as used in English public health.

Formulas follow the technical guide on confidence intervals (APHO, 2008; PHE, 2018). Intervals of standardised rates
are in `rates`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]
NumberOrArray = float | npt.ArrayLike

_FEWEST_FOR_BYAR = 10
"""Byar's approximation is used from this number of events; below it the interval is exact."""


def poisson(count: NumberOrArray, confidence: float = 0.95) -> tuple[Any, Any]:
    """Return the confidence limits of the mean of a Poisson count.

    Args:
        count: The number of events, or an array of numbers. A missing number (NaN) has missing limits.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        The lower and the upper limit: two floats, or two arrays where `count` is an array.

    Raises:
        InvalidInputError: A count is negative, or the confidence is not between 0 and 1.

    Source:
        Below 10 events: Garwood (1936), exact, from quantiles of the gamma distribution (chi-square, halved). From 10
        events: Byar's approximation (Breslow and Day, 1987; PHE, 2018).

    Example:
        >>> [round(limit, 3) for limit in poisson(100)]
        [81.362, 121.628]
    """
    tail = _tail(confidence)
    counts = _non_negative("count", count)
    with np.errstate(invalid="ignore", divide="ignore"):
        exact_lower = np.where(counts == 0, 0.0, special.gammaincinv(counts, tail))
        exact_upper = special.gammaincinv(counts + 1, 1 - tail)
        z = normal_quantile(confidence)
        above = counts + 1
        byar_lower = counts * (1 - 1 / (9 * counts) - z / (3 * np.sqrt(counts))) ** 3
        byar_upper = above * (1 - 1 / (9 * above) + z / (3 * np.sqrt(above))) ** 3
        is_small = counts < _FEWEST_FOR_BYAR
        lower = np.where(is_small, exact_lower, byar_lower)
        upper = np.where(is_small, exact_upper, byar_upper)
    return _shaped_like(count, lower), _shaped_like(count, upper)


def wilson(count: NumberOrArray, n: NumberOrArray, confidence: float = 0.95) -> tuple[Any, Any]:
    """Return the confidence limits of a proportion, count / n.

    Args:
        count: The numerator, or an array of numerators.
        n: The denominator, or an array of denominators.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        The lower and the upper limit, from 0 to 1: two floats, or two arrays where `count` is an array. Limits are
        missing (NaN) where n is 0.

    Raises:
        InvalidInputError: A number is negative, a count is above its n, or the confidence is not between 0 and 1.

    Source:
        Wilson (1927), the score method (PHE, 2018).

    Example:
        >>> [round(limit, 4) for limit in wilson(10, 100)]
        [0.0552, 0.1744]
    """
    counts, sizes = _non_negative("count", count), _non_negative("n", n)
    if np.any(counts > sizes):
        raise InvalidInputError("a count is above its n.")
    z = normal_quantile(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = 2 * counts + z**2
        spread = z * np.sqrt(z**2 + 4 * counts * (1 - counts / sizes))
        divisor = 2 * (sizes + z**2)
        lower, upper = (middle - spread) / divisor, (middle + spread) / divisor
    lower = np.where(sizes == 0, np.nan, np.clip(lower, 0, 1))
    upper = np.where(sizes == 0, np.nan, np.clip(upper, 0, 1))
    return _shaped_like(count, lower), _shaped_like(count, upper)


def normal_quantile(confidence: float) -> float:
    """Return the standard normal quantile (z) of a two-sided confidence.

    Args:
        confidence: The confidence, between 0 and 1.

    Returns:
        The z-score: 1.96 for 0.95.

    Raises:
        InvalidInputError: The confidence is not between 0 and 1.

    Example:
        >>> round(normal_quantile(0.95), 2), round(normal_quantile(0.998), 2)
        (1.96, 3.09)
    """
    return float(special.ndtri(1 - _tail(confidence)))


def _tail(confidence: float) -> float:
    """Return the probability outside each limit."""
    if not 0 < confidence < 1:
        raise InvalidInputError("the confidence must be between 0 and 1, for example 0.95.")
    return (1 - confidence) / 2


def _non_negative(name: str, values: NumberOrArray) -> Numbers:
    """Return the values as an array, after checking that none is negative."""
    numbers = np.asarray(values, dtype=np.float64)
    if np.any(numbers < 0):
        raise InvalidInputError(f"{name} is negative.")
    return numbers


def _shaped_like(argument: NumberOrArray, values: Numbers) -> Any:
    """Return a float where the argument was one number, else the array."""
    return float(values) if np.ndim(argument) == 0 else values
