"""Measures of inequality with confidence intervals: slope index, relative index, and the ratio of two rates.

Groups are in order of advantage. Each group's position is the middle of its share of people (Pamuk, 1985, Population
Studies 39:17). A straight line through the groups' rates, weighted by people, has the rates of the least and the most
advantaged at its ends (Mackenbach and Kunst, 1997, Social Science and Medicine 44:757).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import normal_quantile

Numbers = npt.ArrayLike


@dataclass(frozen=True)
class Index:
    """A measure of inequality with its confidence interval; missing (NaN) where it cannot be calculated.

    Attributes:
        value: The index.
        lower: The lower confidence limit.
        upper: The upper confidence limit.
    """

    value: float
    lower: float
    upper: float


NONE = Index(float("nan"), float("nan"), float("nan"))
"""The index that cannot be calculated."""


def slope_index(rate: Numbers, variance: Numbers, people: Numbers, confidence: float = 0.95) -> Index:
    """Return the slope index of inequality: the line's rate at the most deprived end minus the least deprived end.

    Args:
        rate: The rate of each group, the most deprived first, in any unit.
        variance: The variance of each rate, in the square of that unit.
        people: The people in each group. A group without people is ignored.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        The index with its limits, in the unit of the rates. Missing (NaN) with fewer than two groups.

    Raises:
        InvalidInputError: Numbers of groups differ, people or a variance is negative, or the confidence is not
            between 0 and 1.

    Source:
        Weighted least squares (Pamuk, 1985; Mackenbach and Kunst, 1997). With x the middle of a group's share of
        people, w the share and m the weighted mean of x: slope = sum w (x - m) rate / sum w (x - m)^2. The slope is
        a weighted sum of the rates, so its variance is the variance of that sum.

    Example:
        >>> index = slope_index([30, 20], variance=[1, 1.5], people=[500, 500])
        >>> round(index.value, 2), round(index.lower, 2), round(index.upper, 2)
        (20.0, 13.8, 26.2)
    """
    rates, variances, shares = _groups(rate, variance, people)
    if len(rates) < 2:
        return NONE
    slope = _slope_weights(shares)
    value, spread = float(-(slope * rates).sum()), float(np.sqrt((slope**2 * variances).sum()))
    z = normal_quantile(confidence)
    return Index(value, value - z * spread, value + z * spread)


def relative_index(rate: Numbers, variance: Numbers, people: Numbers, confidence: float = 0.95) -> Index:
    """Return the relative index of inequality: the line's rate at the most deprived end over the least deprived end.

    Args:
        rate: The rate of each group, the most deprived first, in any unit.
        variance: The variance of each rate, in the square of that unit.
        people: The people in each group. A group without people is ignored.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        The index with its limits, a ratio. Missing (NaN) with fewer than two groups, or where the line is at or
        below 0 at either end.

    Raises:
        InvalidInputError: Numbers of groups differ, people or a variance is negative, or the confidence is not
            between 0 and 1.

    Source:
        The line is that of `slope_index` (Mackenbach and Kunst, 1997). The limits are those of the logarithm of the
        ratio, by the delta method.

    Example:
        >>> index = relative_index([30, 20], variance=[1, 1.5], people=[500, 500])
        >>> round(index.value, 2), round(index.lower, 2), round(index.upper, 2)
        (2.33, 1.71, 3.19)
    """
    rates, variances, shares = _groups(rate, variance, people)
    if len(rates) < 2:
        return NONE
    slope, middle = _slope_weights(shares), float((shares * _positions(shares)).sum())
    # The line at either end is a weighted sum of the rates; these are its weights.
    most_weights, least_weights = (shares + (position - middle) * slope for position in (0.0, 1.0))
    most, least = float((most_weights * rates).sum()), float((least_weights * rates).sum())
    if most <= 0 or least <= 0:
        return NONE
    gradient = most_weights / most - least_weights / least
    spread = float(np.sqrt((gradient**2 * variances).sum())) * normal_quantile(confidence)
    value = most / least
    return Index(value, value * float(np.exp(-spread)), value * float(np.exp(spread)))


def rate_ratio(
    rate: float, relative_variance: float, other: float, other_relative_variance: float, confidence: float = 0.95
) -> Index:
    """Return the ratio of two rates.

    Args:
        rate: The numerator.
        relative_variance: The variance of the logarithm of `rate`: 1 / events for a Poisson count.
        other: The denominator, in the same unit.
        other_relative_variance: The variance of the logarithm of `other`.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        The ratio with its limits. Missing (NaN) where either rate is 0.

    Raises:
        InvalidInputError: The confidence is not between 0 and 1.

    Source:
        Rothman and Greenland, Modern Epidemiology (1998), chapter 14: the limits of the logarithm.

    Example:
        >>> index = rate_ratio(20, 1 / 20, 10, 1 / 10)
        >>> round(index.value, 2), round(index.lower, 2), round(index.upper, 2)
        (2.0, 0.94, 4.27)
    """
    if not (rate > 0 and other > 0):
        return NONE
    spread = normal_quantile(confidence) * float(np.sqrt(relative_variance + other_relative_variance))
    value = rate / other
    return Index(value, value * float(np.exp(-spread)), value * float(np.exp(spread)))


def _groups(*columns: Numbers) -> tuple[npt.NDArray[np.float64], ...]:
    """Return the rates, the variances and the shares of people of groups that have people."""
    rates, variances, people = (np.asarray(values, dtype=np.float64) for values in columns)
    if not len(rates) == len(variances) == len(people):
        raise InvalidInputError("rate, variance and people must have the same number of groups.")
    if np.any(people < 0) or np.any(variances < 0):
        raise InvalidInputError("a variance or a number of people is negative.")
    populated = people > 0
    if not populated.any():
        return rates[populated], variances[populated], people[populated]
    return rates[populated], variances[populated], people[populated] / people[populated].sum()


def _positions(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the middle of each group's share, from 0 (most deprived) to 1."""
    return np.cumsum(shares) - shares / 2


def _slope_weights(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weight of each rate in the slope of the line."""
    positions = _positions(shares)
    distances = positions - (shares * positions).sum()
    slopes: npt.NDArray[np.float64] = shares * distances / (shares * distances**2).sum()
    return slopes
