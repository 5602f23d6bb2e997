"""Rates: crude, indirectly and directly standardised, with their intervals.

Strata are arrays in one order (age band by sex, say); an area is one provider or commissioner. Formulas as in PHE's
Technical Guide on confidence intervals (2018) and PHEindicatormethods.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import poisson

FEWEST_FOR_DIRECT = 10
"""Below this many events a directly standardised rate is not given (PHE, 2018)."""

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
"""The same for the programme's adults, 19 and older: of the band 15-19 the year 19, which is a fifth of it."""

EUROPEAN_STANDARD_BANDS: Mapping[str, int] = {
    **{band: people for band, people in EUROPEAN_STANDARD.items() if band != "15-19"},
    "15-18": 4400,
    "19": 1100,
}
"""The same for all ages by the cube's age bands, which part 15-19 where children end."""

Strata = npt.ArrayLike


def crude_rate(
    count: float, n: float, multiplier: float = 1000, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Give events per `multiplier` of n, with the limits of `poisson`: rate, lower, upper. Missing (NaN) for n = 0."""
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
    """Give the indirectly standardised ratio of one area: expected, ratio, lower, upper.

    `population` are the area's people or activity by stratum, `reference_count` and `reference_population` the events
    and people of the reference in the same strata; `observed` is the area's events, by stratum or in all. Expected is
    the sum of population times reference rate; the limits are those of the observed count over the expected. The ratio
    is missing (NaN) where nothing is expected. Raises `InvalidInputError` for strata of different number, negative numbers,
    or a stratum with people here and none in the reference.
    """
    people, events, reference = _strata(population, reference_count, reference_population)
    if np.any((reference == 0) & (people > 0)):
        raise InvalidInputError("a stratum has people here and none in the reference: join it to another.")
    rates = np.divide(events, reference, out=np.zeros_like(events), where=reference > 0)
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
    """Give the indirectly standardised rate: the ratio times the reference's crude rate, per `multiplier`."""
    _, *ratio = standardised_ratio(observed, population, reference_count, reference_population, confidence)
    crude = float(np.sum(reference_count)) / float(np.sum(reference_population)) * multiplier
    rate, lower, upper = (value * crude for value in ratio)
    return rate, lower, upper


def directly_standardised_rate(
    count: Strata, population: Strata, weights: Strata, multiplier: float = 100_000, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Give the directly standardised rate per `multiplier`, with Dobson's limits (Dobson et al., 1991).

    All three are by stratum; `weights` are the standard population, such as `EUROPEAN_STANDARD`. Missing (NaN) for
    fewer than 10 events in all. Raises `InvalidInputError` for a stratum without people.
    """
    events, people, standard = _strata(count, population, weights)
    if np.any(people == 0):
        raise InvalidInputError("a stratum has no people: join it to another.")
    total = float(events.sum())
    if total < FEWEST_FOR_DIRECT:
        return float("nan"), float("nan"), float("nan")
    share = standard / standard.sum()
    rate = float((share * events / people).sum())
    variance = float((share**2 * events / people**2).sum())
    lower, upper = poisson(total, confidence)
    scale = np.sqrt(variance / total)
    limits = rate + scale * (lower - total), rate + scale * (upper - total)
    return rate * multiplier, float(limits[0]) * multiplier, float(limits[1]) * multiplier


def _strata(*given: Strata) -> list[npt.NDArray[np.float64]]:
    arrays = [np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in given]
    if len({array.shape for array in arrays}) > 1:
        raise InvalidInputError("the strata are not as many in each.")
    if any(np.any(array < 0) for array in arrays):
        raise InvalidInputError("a number is negative.")
    return arrays
