"""Activity above a benchmark, without selling chance as opportunity: empirical Bayes with Poisson counts.

A unit's count is Poisson about its expected count times its true ratio, and true ratios have a gamma distribution over
units, whose spread is not known. Given the counts, spreads are drawn by how well they explain them, and true ratios
given the spread. What a unit has above a benchmark is what its drawn ratios exceed it by: a unit that is above by
chance alone has little. If the benchmark is a percentile of the units themselves, each draw has its own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]

_SPREADS = np.linspace(0, 1.5, 151)[1:]
"""The standard deviations of true ratios that are considered, each as likely beforehand (Gelman, 2006)."""

DRAWS = 4000
_SEED = 20250401


@dataclass(frozen=True)
class Excess:
    """What units have above a benchmark, in counts.

    Attributes:
        benchmark: The benchmark as a ratio: its mean over the draws.
        shrunk: The mean of each unit's true ratio.
        units: The mean, the lower and the upper 95% limit of what each unit has above the benchmark.
        total: The same of all units together.
    """

    benchmark: float
    shrunk: Numbers
    units: tuple[Numbers, Numbers, Numbers]
    total: tuple[float, float, float]


def excess(
    observed: npt.ArrayLike,
    expected: npt.ArrayLike,
    ratio: float | None = None,
    share: float | None = None,
    added_variance: float = 0.0,
) -> Excess:
    """Return what units have above a benchmark.

    Args:
        observed: The count of each unit.
        expected: The expected count of each, above 0.
        ratio: The benchmark as a ratio to what is expected.
        share: Or the share of units, between 0 and 1, whose true ratios are below the benchmark.
        added_variance: The variance of each count beside chance, which rounding adds.

    Returns:
        The excess, the same at every call: the draws have a fixed seed.

    Raises:
        InvalidInputError: There are no units, a count is impossible, or not exactly one benchmark is given.

    Source:
        Clayton and Kaldor, 1987, Biometrics 43:671: given the variance s^2 and the overall ratio m, a true ratio is
        gamma with shape m^2/s^2 + observed and rate m/s^2 + expected, and a count is negative binomial. A flat prior of
        the standard deviation s: Gelman, 2006, Bayesian Analysis 1:515. A percentile of drawn ratios, not of crude or
        shrunk ones, which are too far apart or too near: Louis, 1984, JASA 79:393. Where rounding adds to the
        variance, both counts count for less, by expected / (expected + added variance).

    Example:
        >>> found = excess([150, 98, 104, 91, 97], [100, 100, 105, 95, 100], share=0.25)
        >>> above, low, high = (float(figures[0]) for figures in found.units)
        >>> 0.9 < found.benchmark < 1.0, low < above < high, above < 150 - 97
        (True, True, True)
        >>> round(found.total[0], 6) == round(float(found.units[0].sum()), 6)
        True
    """
    counts, base = (np.asarray(values, dtype=np.float64) for values in (observed, expected))
    if counts.shape != base.shape or not counts.size:
        raise InvalidInputError("observed and expected must have the same units, at least one.")
    if np.any(counts < 0) or np.any(base <= 0) or added_variance < 0:
        raise InvalidInputError("counts and variances must be 0 or more, and expected counts above 0.")
    if (ratio is None) == (share is None) or (share is not None and not 0 < share < 1):
        raise InvalidInputError("name either a ratio, or a share between 0 and 1.")
    true = _draw_ratios(counts, base, added_variance)
    benchmark = np.full((DRAWS, 1), ratio) if share is None else np.quantile(true, share, axis=1, keepdims=True)
    above = base * np.maximum(true - benchmark, 0)
    total = above.sum(axis=1)
    low, high = np.quantile(above, (0.025, 0.975), axis=0)
    ends = np.quantile(total, (0.025, 0.975))
    return Excess(
        benchmark=float(benchmark.mean()),
        shrunk=true.mean(axis=0),
        units=(above.mean(axis=0), low, high),
        total=(float(total.mean()), float(ends[0]), float(ends[1])),
    )


def _draw_ratios(observed: Numbers, expected: Numbers, added_variance: float) -> Numbers:
    """Return draws of every unit's true ratio: one row per draw."""
    overall = max(float(observed.sum() / expected.sum()), 1e-9)
    weight = expected / (expected + added_variance)
    counts, base = observed * weight, expected * weight
    shape, rate = (overall / _SPREADS) ** 2, overall / _SPREADS**2
    # The likelihood of each spread: counts are negative binomial. What does not depend on the spread is left out.
    likelihood = (
        special.gammaln(shape[:, None] + counts)
        - special.gammaln(shape)[:, None]
        - shape[:, None] * np.log1p(base / rate[:, None])
        - counts * np.log(rate[:, None] + base)
    ).sum(axis=1)
    chances = np.exp(likelihood - likelihood.max())
    rng = np.random.default_rng(_SEED)
    spread = rng.choice(len(_SPREADS), DRAWS, p=chances / chances.sum())
    return rng.gamma(shape[spread][:, None] + counts, 1 / (rate[spread][:, None] + base))
