"""Inequality: the slope and the relative index, and the ratio of two rates, each with its interval.

Groups are in the order of their advantage. A group stands at the middle of its share of people (Pamuk, 1985,
Population Studies 39:17); a straight line through the groups' rates, weighted by people, has at its ends the rates of
the least and of the most advantaged (Mackenbach and Kunst, 1997, Social Science and Medicine 44:757).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import normal_quantile

Numbers = npt.ArrayLike


@dataclass(frozen=True)
class Index:
    """A figure with its interval; missing (NaN) where it cannot be worked out."""

    value: float
    lower: float
    upper: float


NONE = Index(float("nan"), float("nan"), float("nan"))


def slope_index(rate: Numbers, variance: Numbers, people: Numbers, confidence: float = 0.95) -> Index:
    """Give the slope index of inequality: the line's rate at the most deprived end less that at the least deprived.

    `rate`, its `variance` and `people` are by group, the most deprived first; the unit is the rate's. Weighted least
    squares: with x the middle of a group's share and w its share, slope = sum w (x - m) rate / sum w (x - m)^2, m the
    weighted mean of x. It is a weighted sum of the rates, so its variance is that of the sum.
    """
    rates, variances, weights = _groups(rate, variance, people)
    if len(rates) < 2:
        return NONE
    slope = _weights_of_slope(weights)
    value, spread = float(-(slope * rates).sum()), float(np.sqrt((slope**2 * variances).sum()))
    z = normal_quantile(confidence)
    return Index(value, value - z * spread, value + z * spread)


def relative_index(rate: Numbers, variance: Numbers, people: Numbers, confidence: float = 0.95) -> Index:
    """Give the relative index of inequality: the line's rate at the most deprived end over that at the least deprived.

    As `slope_index`; the interval is that of the logarithm (delta method). Missing where the line is at or below 0.
    """
    rates, variances, weights = _groups(rate, variance, people)
    if len(rates) < 2:
        return NONE
    slope, middle = _weights_of_slope(weights), float((weights * _places(weights)).sum())
    ends = [weights + (place - middle) * slope for place in (0.0, 1.0)]
    most, least = (float((end * rates).sum()) for end in ends)
    if most <= 0 or least <= 0:
        return NONE
    gradient = ends[0] / most - ends[1] / least
    spread = float(np.sqrt((gradient**2 * variances).sum())) * normal_quantile(confidence)
    value = most / least
    return Index(value, value * np.exp(-spread), value * np.exp(spread))


def rate_ratio(
    rate: float, relative_variance: float, other: float, other_relative_variance: float, confidence: float = 0.95
) -> Index:
    """Give the ratio of two rates, with the interval of its logarithm; missing where either is 0.

    Relative variances are those of the rates' logarithms: 1 / events for a Poisson count (Rothman and Greenland, Modern
    Epidemiology, 1998, chapter 14).
    """
    if not (rate > 0 and other > 0):
        return NONE
    spread = normal_quantile(confidence) * float(np.sqrt(relative_variance + other_relative_variance))
    value = rate / other
    return Index(value, value * float(np.exp(-spread)), value * float(np.exp(spread)))


def _groups(*given: Numbers) -> tuple[npt.NDArray[np.float64], ...]:
    rates, variances, people = (np.asarray(values, dtype=np.float64) for values in given)
    if not len(rates) == len(variances) == len(people):
        raise InvalidInputError("the groups are not as many in each.")
    if np.any(people < 0) or np.any(variances < 0):
        raise InvalidInputError("a number is negative.")
    held = people > 0
    return rates[held], variances[held], people[held] / people[held].sum() if held.any() else people[held]


def _places(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.cumsum(weights) - weights / 2


def _weights_of_slope(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give what each rate counts in the slope of the weighted line."""
    places = _places(weights)
    apart = places - (weights * places).sum()
    slopes: npt.NDArray[np.float64] = weights * apart / (weights * apart**2).sum()
    return slopes
