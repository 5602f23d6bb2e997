"""Confidence intervals of counts and of proportions, as English public health publishes them.

The formulas are those of PHE's Technical Guide on confidence intervals (APHO, 2008; PHE, 2018): Byar's approximation of
the Poisson interval from ten events, the exact interval below, and Wilson's score interval of a proportion.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]
Given = float | npt.ArrayLike

_FEWEST_FOR_BYAR = 10
"""From how many events Byar's approximation stands in for the exact interval."""


def poisson(count: Given, confidence: float = 0.95) -> tuple[Any, Any]:
    """Give the lower and upper limit of the mean of a Poisson count: two floats, or two arrays for several counts.

    Below 10 exact (Garwood, 1936: quantiles of chi-square), from 10 Byar's approximation (Breslow and Day, 1987).
    A missing count (NaN) has missing limits. Raises `InvalidInputError` for a negative count or a confidence outside 0 to 1.

    >>> [round(limit, 3) for limit in poisson(100)]
    [81.362, 121.627]
    """
    from scipy import stats

    tail = _tail(confidence)
    counts = _numbers("count", count)
    with np.errstate(invalid="ignore", divide="ignore"):
        exact_lower = np.where(counts == 0, 0.0, stats.chi2.ppf(tail, 2 * counts) / 2)
        exact_upper = stats.chi2.ppf(1 - tail, 2 * counts + 2) / 2
        z = normal_quantile(confidence)
        above = counts + 1
        byar_lower = counts * (1 - 1 / (9 * counts) - z / (3 * np.sqrt(counts))) ** 3
        byar_upper = above * (1 - 1 / (9 * above) + z / (3 * np.sqrt(above))) ** 3
        few = counts < _FEWEST_FOR_BYAR
        return _like(count, np.where(few, exact_lower, byar_lower)), _like(
            count, np.where(few, exact_upper, byar_upper)
        )


def wilson(count: Given, n: Given, confidence: float = 0.95) -> tuple[Any, Any]:
    """Give the lower and upper limit of the proportion count / n by Wilson's score method (1927).

    Two floats, or two arrays for several; missing (NaN) where n is 0. Raises `InvalidInputError` for negative numbers or
    counts above n.

    >>> [round(limit, 4) for limit in wilson(10, 100)]
    [0.0552, 0.1744]
    """
    counts, sizes = _numbers("count", count), _numbers("n", n)
    if np.any(counts > sizes):
        raise InvalidInputError("a count is above its n.")
    z = normal_quantile(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = 2 * counts + z**2
        spread = z * np.sqrt(z**2 + 4 * counts * (1 - counts / sizes))
        below = 2 * (sizes + z**2)
        lower, upper = (middle - spread) / below, (middle + spread) / below
    lower, upper = (np.where(sizes == 0, np.nan, limit) for limit in (np.clip(lower, 0, 1), np.clip(upper, 0, 1)))
    return _like(count, lower), _like(count, upper)


def normal_quantile(confidence: float) -> float:
    """Give the z of a two-sided confidence: 1.96 for 0.95, 3.09 for 0.998."""
    from scipy import stats

    return float(stats.norm.ppf(1 - _tail(confidence)))


def _tail(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise InvalidInputError("a confidence lies between 0 and 1, such as 0.95.")
    return (1 - confidence) / 2


def _numbers(name: str, values: Given) -> Numbers:
    numbers = np.asarray(values, dtype=np.float64)
    if np.any(numbers < 0):
        raise InvalidInputError(f"{name} is negative.")
    return numbers


def _like(given: Given, values: Numbers) -> Any:
    """Give a float where one number was given, else an array."""
    return float(values) if np.ndim(given) == 0 else values
