"""Interrupted time series: whether a rate changed when something began, season and autocorrelation allowed for.

The logarithm of each month's rate follows a line with a season, and from the month of the change on another level and
another slope. Errors of neighbouring months are alike (first-order autoregression), over gaps less so. Where months are
few, Newey-West and ordinary regression call far too many changes real; restricted maximum likelihood with
Satterthwaite's degrees of freedom keeps to its level (Turner and others, 2021, BMC Med Res Methodol 21:134).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]

FEWEST_MONTHS = 12
"""Months that are needed on each side of a change (Wagner and others, 2002; Cochrane EPOC)."""
TWO_HARMONICS = 48
"""From so many months on the season has a second wave."""

_YEAR = 12
_LOWEST, _HIGHEST = -0.5, 0.95
"""Of the autocorrelation."""
_GRID, _STEP = 59, 1e-3
_POWER = 0.8


@dataclass(frozen=True)
class Effect:
    """A ratio of rates with its 95% interval, on the scale of the logarithm.

    Attributes:
        ratio: The ratio.
        lower: Its lower limit.
        upper: Its upper limit.
        p: The probability of an estimate as far from 1 or farther without a change.
        smallest: The fall that these months would show with a probability of 80%, as a ratio below 1.
    """

    ratio: float
    lower: float
    upper: float
    p: float
    smallest: float


@dataclass(frozen=True)
class SeriesFit:
    """What a series says of a change.

    Attributes:
        level: The change of level at once.
        slope: The change of slope, per year.
        average: The mean change over the months from the change on.
        trend: The slope before, per year.
        autocorrelation: That of months next to each other.
        fitted: The fitted rates, in the unit of the rates given.
        without: The rates that the months before, continued, would give for the months from the change on.
    """

    level: Effect
    slope: Effect
    average: Effect
    trend: Effect
    autocorrelation: float
    fitted: Numbers
    without: Numbers


def interrupted_series(rates: npt.ArrayLike, weights: npt.ArrayLike, months: Sequence[int], begins: int) -> SeriesFit:
    """Fit a series of monthly rates with a change.

    Args:
        rates: The rate of each month, above 0, in any unit.
        weights: How much each rate counts: one over its variance, in any unit.
        months: The number of each month, in order; months left out are gaps.
        begins: The number of the first month with the change.

    Returns:
        The fit.

    Raises:
        InvalidInputError: Fewer than 12 months on a side, or a rate or a weight is not above 0.

    Source:
        Segmented regression: Wagner and others, 2002, J Clin Pharm Ther 27:299. Season: a sine and a cosine of a year,
        and from 48 months on of half a year (Bhaskaran and others, 2013, Int J Epidemiol 42:1187). Restricted maximum
        likelihood: Patterson and Thompson, 1971, Biometrika 58:545. Degrees of freedom: Satterthwaite, 1946.

    Example:
        >>> months = list(range(48))
        >>> rates = [10 + month % 3 if month < 30 else 5 + month % 3 / 2 for month in months]
        >>> fit = interrupted_series(rates, [1] * 48, months, begins=30)
        >>> round(fit.average.ratio, 1), fit.average.p < 0.001
        (0.5, True)
    """
    times = np.asarray(months, dtype=np.float64)
    values, sizes = (np.asarray(column, dtype=np.float64) for column in (rates, weights))
    after = times >= begins
    if min(after.sum(), (~after).sum()) < FEWEST_MONTHS:
        raise InvalidInputError(f"a series needs at least {FEWEST_MONTHS} months on each side of a change.")
    if np.any(~(values > 0)) or np.any(~(sizes > 0)):
        raise InvalidInputError("rates and weights must be above 0.")
    design = _design(times, begins)
    model = _Model(np.log(values), design, np.sqrt(sizes / sizes.mean()), np.diff(times))
    unchanged = design.copy()
    unchanged[:, 2:4] = 0
    level, slope, average, trend = np.zeros((4, design.shape[1]))
    level[2], slope[3], trend[1] = 1, 1, 1
    average[2:4] = design[after, 2:4].mean(axis=0)
    estimates = model.estimates
    return SeriesFit(
        level=model.effect(level),
        slope=model.effect(slope),
        average=model.effect(average),
        trend=model.effect(trend),
        autocorrelation=model.autocorrelation,
        fitted=np.exp(design @ estimates),
        without=np.exp(unchanged @ estimates),
    )


def _design(times: Numbers, begins: int) -> Numbers:
    """Return the columns: 1, time, the change, time since, and the season; time in years."""
    after = (times >= begins).astype(np.float64)
    years = (times - times.mean()) / _YEAR
    columns = [np.ones_like(times), years, after, after * (times - begins) / _YEAR]
    for wave in (1, 2) if len(times) >= TWO_HARMONICS else (1,):
        angle = 2 * np.pi * wave * times / _YEAR
        columns += [np.sin(angle), np.cos(angle)]
    return np.column_stack(columns)


class _Model:
    """A regression whose errors are alike in neighbouring months, by restricted maximum likelihood.

    Args:
        values: The logarithms of rates.
        design: The columns of the regression.
        roots: The square roots of the weights.
        gaps: Months from each value to the next.
    """

    def __init__(self, values: Numbers, design: Numbers, roots: Numbers, gaps: Numbers) -> None:
        self._values, self._design = values * roots, design * roots[:, None]
        self._gaps = gaps
        self._spare = design.shape[0] - design.shape[1]
        self.autocorrelation = self._likeliest()
        self.estimates, self._log_variance, _, _ = self._solved(self.autocorrelation)
        self._spread = self._spread_of_parameters()

    def effect(self, contrast: Numbers) -> Effect:
        """Return a contrast of the estimates as a ratio."""
        at = (self.autocorrelation, self._log_variance)
        variance = self._variance(contrast, *at)
        steps = np.eye(2) * _STEP
        slopes = np.array(
            [
                (self._variance(contrast, *(at + step)) - self._variance(contrast, *(at - step))) / (2 * _STEP)
                for step in steps
            ]
        )
        # Satterthwaite: the degrees of freedom that the variance of the variance stands for.
        freedom = 2 * variance**2 / max(float(slopes @ self._spread @ slopes), 1e-300)
        freedom = float(np.clip(freedom, 1, self._spare))
        estimate, error = float(contrast @ self.estimates), float(np.sqrt(variance))
        wide = float(stats.t.ppf(0.975, freedom)) * error
        detectable = float(stats.t.ppf(0.975, freedom) + stats.t.ppf(_POWER, freedom)) * error
        ratio, lower, upper = (
            float(np.exp(np.clip(value, -50, 50))) for value in (estimate, estimate - wide, estimate + wide)
        )
        p = float(2 * stats.t.sf(abs(estimate) / error, freedom)) if error > 0 else 0.0
        return Effect(ratio, lower, upper, p, float(np.exp(-detectable)))

    def _likeliest(self) -> float:
        grid = np.linspace(_LOWEST, _HIGHEST, _GRID)
        best = int(np.argmax([self._likelihood_at(rho) for rho in grid]))
        ends = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID - 1)])
        found = optimize.minimize_scalar(lambda rho: -self._likelihood_at(rho), bounds=ends, method="bounded")
        return float(found.x)

    def _whitened(self, rho: float) -> tuple[Numbers, Numbers, float]:
        """Return values and design with independent errors, and the logarithm of the determinant of this step."""
        kept = 1 - rho ** (2 * self._gaps)
        scale, carried = 1 / np.sqrt(kept), rho**self._gaps
        values = np.concatenate((self._values[:1], (self._values[1:] - carried * self._values[:-1]) * scale))
        rows = (self._design[1:] - carried[:, None] * self._design[:-1]) * scale[:, None]
        return values, np.vstack((self._design[:1], rows)), float(np.log(kept).sum())

    def _solved(self, rho: float) -> tuple[Numbers, float, Numbers, float]:
        """Return the estimates, the logarithm of the variance, the cross product and the determinant's logarithm."""
        values, design, determinant = self._whitened(rho)
        cross = design.T @ design
        estimates = np.asarray(np.linalg.solve(cross, design.T @ values), dtype=np.float64)
        rest = values - design @ estimates
        return estimates, float(np.log(max(float(rest @ rest), 1e-20) / self._spare)), cross, determinant

    def _likelihood_at(self, rho: float) -> float:
        _, log_variance, _, _ = self._solved(rho)
        return self._likelihood(rho, log_variance)

    def _likelihood(self, rho: float, log_variance: float) -> float:
        _, best, cross, determinant = self._solved(rho)
        rest = np.exp(best - log_variance) * self._spare
        return float(-0.5 * (self._spare * log_variance + rest + np.linalg.slogdet(cross)[1] + determinant))

    def _variance(self, contrast: Numbers, rho: float, log_variance: float) -> float:
        _, _, cross, _ = self._solved(float(np.clip(rho, _LOWEST - 0.2, _HIGHEST + 0.02)))
        return float(np.exp(log_variance) * (contrast @ np.linalg.solve(cross, contrast)))

    def _spread_of_parameters(self) -> Numbers:
        """Return the covariance of the autocorrelation and the logarithm of the variance: the inverse information."""
        at = np.array([self.autocorrelation, self._log_variance])
        steps = np.eye(2) * _STEP
        second = np.empty((2, 2))
        for i, one in enumerate(steps):
            for j, other in enumerate(steps):
                corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
                values = [self._likelihood(*(at + a * one + b * other)) for a, b in corners]
                second[i, j] = (values[0] - values[1] - values[2] + values[3]) / (4 * _STEP**2)
        information = -second
        # At the end of its range the autocorrelation has no maximum, and its information may not be positive.
        smallest = float(np.linalg.eigvalsh(information)[0])
        if smallest <= 1e-6:
            information = information + np.eye(2) * (1e-3 - smallest)
        return np.asarray(np.linalg.inv(information), dtype=np.float64)
