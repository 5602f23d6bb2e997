"""Crude, indirectly standardised and directly standardised rates, with confidence intervals.

Strata are arrays in the same order, for example age band by sex. An area is one provider or one commissioner. Formulas
follow the PHE technical guide on confidence intervals (2018) and the R package PHEindicatormethods.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import poisson

FEWEST_FOR_DIRECT = 10
"""With fewer events than this a directly standardised rate is missing (PHE, 2018)."""

EUROPEAN_STANDARD: Mapping[str, int] = {
    "0-4": 5000,
    "5-9": 5500,
    "10-14": 5500,
    "15-19": 5500,
    "20-24": 6000,
    "25-29": 6000,
    "30-34": 6500,
    "35-39": 7000,
    "40-44": 7000,
    "45-49": 7000,
    "50-54": 7000,
    "55-59": 6500,
    "60-64": 6000,
    "65-69": 5500,
    "70-74": 5000,
    "75-79": 4000,
    "80-84": 2500,
    "85-89": 1500,
    "90+": 1000,
}
"""The European Standard Population of 2013 (Eurostat, 2013): people by age band, 100,000 in all."""

EUROPEAN_STANDARD_ADULTS: Mapping[str, int] = {"19": 1100, **dict(list(EUROPEAN_STANDARD.items())[4:])}
"""The standard population aged 19 and over, the programme's adults. Age 19 is a fifth of the band 15-19."""

EUROPEAN_STANDARD_BANDS: Mapping[str, int] = {
    **{band: people for band, people in EUROPEAN_STANDARD.items() if band != "15-19"},
    "15-18": 4400,
    "19": 1100,
}
"""The standard population by the cube's age bands, which split the band 15-19 at 19, the first adult year."""

Strata = npt.ArrayLike


def crude_rate(
    count: float, n: float, multiplier: float = 1000, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return a crude rate with its confidence limits.

    Args:
        count: The number of events.
        n: The people or activity at risk.
        multiplier: The unit of the rate; 1000 is a rate per 1,000.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        Rate, lower limit and upper limit, per `multiplier`. All are missing (NaN) where n is 0.

    Raises:
        InvalidInputError: The count or n is negative, or the confidence is not between 0 and 1.

    Source:
        PHE (2018): the limits of the count (see `intervals.poisson`) over n.

    Example:
        >>> [round(value, 3) for value in crude_rate(100, 50_000)]
        [2.0, 1.627, 2.433]
    """
    lower, upper = poisson(count, confidence)
    if n < 0:
        raise InvalidInputError("n is negative.")
    if n == 0:
        return float("nan"), float("nan"), float("nan")
    return count / n * multiplier, lower / n * multiplier, upper / n * multiplier


def standardised_ratio(
    observed: float | Strata,
    population: Strata,
    reference_count: Strata,
    reference_population: Strata,
    confidence: float = 0.95,
) -> tuple[float, float, float, float]:
    """Return the indirectly standardised ratio of one area: observed events over expected events.

    Expected is the sum over strata of the area's population times the reference rate.

    Args:
        observed: The area's events, as a total or by stratum.
        population: The area's people or activity by stratum.
        reference_count: The reference's events by stratum.
        reference_population: The reference's people or activity by stratum.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        Expected, ratio, lower limit and upper limit. Ratio and limits are missing (NaN) where expected is 0.

    Raises:
        InvalidInputError: Numbers of strata differ, a number is negative, a stratum has people in the area and none
            in the reference, or the confidence is not between 0 and 1.

    Source:
        PHE (2018): the limits of the observed count (see `intervals.poisson`) over expected.

    Example:
        Reference rates of 1% and 4%, applied to 1,000 and 500 people, make 30 events expected.

        >>> values = standardised_ratio(36, [1000, 500], [100, 80], [10_000, 2_000])
        >>> [round(value, 2) for value in values]
        [30.0, 1.2, 0.84, 1.66]
    """
    people, events, reference_people = _strata(population, reference_count, reference_population)
    if np.any((reference_people == 0) & (people > 0)):
        raise InvalidInputError("a stratum has people in the area and none in the reference: join it to another.")
    rates = np.divide(events, reference_people, out=np.zeros_like(events), where=reference_people > 0)
    expected = float((people * rates).sum())
    total = float(np.sum(observed))
    lower, upper = poisson(total, confidence)
    if expected == 0:
        return 0.0, float("nan"), float("nan"), float("nan")
    return expected, total / expected, lower / expected, upper / expected


def standardised_rate(
    observed: float | Strata,
    population: Strata,
    reference_count: Strata,
    reference_population: Strata,
    multiplier: float = 1000,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """Return the indirectly standardised rate of one area: its standardised ratio times the reference's crude rate.

    Args:
        observed: The area's events, as a total or by stratum.
        population: The area's people or activity by stratum.
        reference_count: The reference's events by stratum.
        reference_population: The reference's people or activity by stratum.
        multiplier: The unit of the rate; 1000 is a rate per 1,000.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        Rate, lower limit and upper limit, per `multiplier`. All are missing (NaN) where no events are expected.

    Raises:
        InvalidInputError: As for `standardised_ratio`.

    Source:
        PHE (2018).

    Example:
        >>> values = standardised_rate(36, [1000, 500], [100, 80], [10_000, 2_000])
        >>> [round(value, 2) for value in values]
        [18.0, 12.61, 24.92]
    """
    _, *ratio = standardised_ratio(observed, population, reference_count, reference_population, confidence)
    crude = float(np.sum(reference_count)) / float(np.sum(reference_population)) * multiplier
    rate, lower, upper = (value * crude for value in ratio)
    return rate, lower, upper


def directly_standardised_rate(
    count: Strata, population: Strata, weights: Strata, multiplier: float = 100_000, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the directly standardised rate of one area, with its confidence limits.

    Args:
        count: The area's events by stratum.
        population: The area's people or activity by stratum.
        weights: The standard population by stratum, for example `EUROPEAN_STANDARD`.
        multiplier: The unit of the rate; 100_000 is a rate per 100,000.
        confidence: The two-sided confidence, between 0 and 1.

    Returns:
        Rate, lower limit and upper limit, per `multiplier`. All are missing (NaN) for fewer than 10 events in total.

    Raises:
        InvalidInputError: Numbers of strata differ, a number is negative, a stratum has no people, or the confidence
            is not between 0 and 1.

    Source:
        Dobson et al. (1991) for the limits; PHE (2018).

    Example:
        >>> values = directly_standardised_rate([30, 70], [1000, 3000], weights=[1, 3], multiplier=1000)
        >>> [round(value, 2) for value in values]
        [25.0, 20.34, 30.41]
    """
    events, people, standard = _strata(count, population, weights)
    if np.any(people == 0):
        raise InvalidInputError("a stratum has no people: join it to another.")
    # Events may be shares of a number; their sum must not fall short of it by an error of rounding.
    total = round(float(events.sum()), 9)
    if total < FEWEST_FOR_DIRECT:
        return float("nan"), float("nan"), float("nan")
    share = standard / standard.sum()
    rate = float((share * events / people).sum())
    variance = float((share**2 * events / people**2).sum())
    lower, upper = poisson(total, confidence)
    scale = np.sqrt(variance / total)
    limits = rate + scale * (lower - total), rate + scale * (upper - total)
    return rate * multiplier, float(limits[0]) * multiplier, float(limits[1]) * multiplier


def _strata(*columns: Strata) -> list[npt.NDArray[np.float64]]:
    """Return the columns as arrays, after checking that they have the same length and no negative number."""
    arrays = [np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in columns]
    if len({array.shape for array in arrays}) > 1:
        raise InvalidInputError("all arguments by stratum must have the same number of strata.")
    if any(np.any(array < 0) for array in arrays):
        raise InvalidInputError("a number is negative.")
    return arrays
