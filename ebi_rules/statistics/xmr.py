"""XmR charts (individuals and moving range) of a trend, with the rules of NHS England's Making Data Count.

The rules, their order and the screening of moving ranges match the R package NHSRplotthedots (NHS-R Community), which
follows Making Data Count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

_LIMIT_FACTOR = 2.66
"""Mean moving range to three sigma: 3 / d2, where d2 of two points is 1.128 (Shewhart)."""

_OUTLIER_FACTOR = 3.267
"""Moving ranges of at least this many times their mean are screened out: D4 of two points."""

_RUN = 7
"""The number of points in a trend or a shift."""

SIGNALS = (
    "above_limit",
    "below_limit",
    "trend_up",
    "trend_down",
    "two_of_three_above",
    "two_of_three_below",
    "shift_above",
    "shift_below",
)
"""The signals that a point can have, the most telling first."""

_SCHEMA = {"value": pl.Float64, "mean": pl.Float64, "lower": pl.Float64, "upper": pl.Float64, "signal": pl.String}


@dataclass(frozen=True)
class Charts:
    """The charts of several phases behind one another, with one number per value.

    Attributes:
        mean: The mean of the value's phase.
        lower: Its lower limit; NaN in a phase of one point.
        upper: Its upper limit; NaN in a phase of one point.
        signal: The place in `SIGNALS` of the value's signal; -1 for none.
    """

    mean: Numbers
    lower: Numbers
    upper: Numbers
    signal: npt.NDArray[np.int8]


def xmr(
    values: Sequence[float],
    screen_outliers: bool = True,
    baseline: int | None = None,
    rebase: Sequence[int] = (),
    partial_last: bool = False,
    tolerance: Sequence[float] = (),
) -> pl.DataFrame:
    """Return the XmR chart of values in time order.

    A value can have one of these signals; where several apply, it has the first:

    - `above_limit`, `below_limit`: outside the limits;
    - `trend_up`, `trend_down`: one of 7 points in a row, each above (below) the one before;
    - `two_of_three_above`, `two_of_three_below`: one of three points in a row on the same side of the mean, of which
      this and at least one other are more than two thirds of the way to the limit;
    - `shift_above`, `shift_below`: one of 7 points in a row on the same side of the mean.

    Args:
        values: One number per period of time, usually a month, in order.
        screen_outliers: Whether to leave out, once, moving ranges of at least 3.267 times their mean.
        baseline: How many points at the start of each phase set its mean and limits; by default all do.
        rebase: Positions, from 0, at which a new phase begins with its own mean and limits.
        partial_last: Whether the last value is of an incomplete month. It then has no signal and does not affect the
            mean, the limits or the signals of other points.
        tolerance: For each value, how far it may be from the mean and still count as on it, for rounded values: half
            the unit that they were rounded to. By default 0.

    Returns:
        One row per value, with the columns value, mean, lower, upper (Float64) and signal (String, null for none).
        Limits are null in a phase of one point.

    Raises:
        InvalidInputError: A value is missing, the baseline is below 2, a position in `rebase` is outside the values, or
            `tolerance` has another number of entries.

    Source:
        NHS England, Making Data Count; NHSRplotthedots. Limits are the mean plus or minus 2.66 mean moving ranges
        (Shewhart).

    Example:
        >>> chart = xmr([10, 12, 8, 11, 9, 12, 8, 10, 11, 9, 30], baseline=10)
        >>> [round(limit, 2) for limit in chart.select("mean", "lower", "upper").row(0)]
        [10.0, 3.2, 16.8]
        >>> chart["signal"].to_list()[-2:]
        [None, 'above_limit']
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(numbers)):
        raise InvalidInputError("a value is missing: use 0 for no events, and leave out months not in the extract.")
    if baseline is not None and baseline < 2:
        raise InvalidInputError("the baseline must be at least 2 points.")
    starts = sorted({0, *rebase})
    if numbers.size and not all(0 <= start < numbers.size for start in starts):
        raise InvalidInputError("a position in rebase is outside the values.")
    if not numbers.size:
        return pl.DataFrame(schema=_SCHEMA)
    near = np.asarray(tolerance, dtype=np.float64) if len(tolerance) else np.zeros(numbers.size)
    if near.shape != numbers.shape:
        raise InvalidInputError("tolerance must have one number for each value.")
    phases = np.searchsorted(starts, np.arange(numbers.size), side="right")
    is_used = np.arange(numbers.size) < numbers.size - partial_last
    charts = xmr_charts(numbers, phases, is_used, baseline, near, screen_outliers)
    names = pl.Series([*SIGNALS, None], dtype=pl.String)
    columns = {"value": numbers, "mean": charts.mean, "lower": charts.lower, "upper": charts.upper}
    chart = pl.DataFrame(columns).with_columns(pl.col("mean", "lower", "upper").fill_nan(None))
    places = np.where(charts.signal < 0, len(SIGNALS), charts.signal)
    return chart.with_columns(signal=names.gather(places))


def xmr_charts(
    values: Numbers,
    phases: npt.NDArray[np.int64],
    is_used: Marks,
    baseline: int | None,
    tolerance: Numbers,
    screen_outliers: bool = True,
) -> Charts:
    """Return the charts of many phases at once; each is as `xmr` describes it.

    Args:
        values: The values of all phases, each in time order, one phase behind another; none is missing.
        phases: The number of each value's phase; equal numbers stand together.
        is_used: Whether a value is judged, and affects its phase; those that are not stand at the end of a phase.
        baseline: How many points at the start of each phase set its mean and limits; None for all.
        tolerance: For each value, how far it may be from the mean and still count as on it.
        screen_outliers: Whether to leave out, once, moving ranges of at least 3.267 times their mean.
    """
    if not values.size:
        nothing = np.zeros(0)
        return Charts(nothing, nothing, nothing, np.zeros(0, np.int8))
    firsts = np.flatnonzero(np.concatenate([[True], phases[1:] != phases[:-1]]))
    lengths = np.diff([*firsts, len(values)])
    # One row per phase; what is behind its last value is not a number, and no comparison with it holds.
    row = np.repeat(np.arange(len(firsts)), lengths)
    place = np.arange(len(values)) - firsts[row]
    table = np.full((len(firsts), lengths.max()), np.nan)
    near = np.zeros_like(table)
    table[row, place] = np.where(is_used, values, np.nan)
    near[row, place] = tolerance
    basis = table[:, :baseline]
    mean = _mean_of_rows(basis)
    spread = _LIMIT_FACTOR * _mean_moving_ranges(basis, screen_outliers)
    lower, upper = mean - spread, mean + spread
    signal = _signals(table, mean[:, None], lower[:, None], upper[:, None], near)
    return Charts(mean[row], lower[row], upper[row], signal[row, place])


def _mean_of_rows(table: Numbers) -> Numbers:
    """Return the mean of each row, without what is no number; NaN for a row without numbers."""
    counts = np.isfinite(table).sum(axis=1)
    sums = np.nansum(table, axis=1)
    means: Numbers = np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)
    return means


def _mean_moving_ranges(table: Numbers, screen_outliers: bool) -> Numbers:
    """Return the mean difference between neighbours in each row, NaN with fewer than two values."""
    ranges = np.abs(np.diff(table, axis=1))
    means = _mean_of_rows(ranges)
    if not screen_outliers:
        return means
    is_outlier = (ranges >= _OUTLIER_FACTOR * means[:, None]) & (means[:, None] > 0)
    return _mean_of_rows(np.where(is_outlier, np.nan, ranges))


def _signals(
    values: Numbers, mean: Numbers, lower: Numbers, upper: Numbers, tolerance: Numbers
) -> npt.NDArray[np.int8]:
    """Return the place in `SIGNALS` of each point's signal, the first rule that holds; -1 for none."""
    away = np.abs(values - mean) > tolerance
    is_above, is_below = away & (values > mean), away & (values < mean)
    step = np.diff(values, axis=1)
    near_upper = values > mean + (upper - mean) * 2 / 3
    near_lower = values < mean - (mean - lower) * 2 / 3
    rules = (
        values > upper,
        values < lower,
        _in_trend(step > 0),
        _in_trend(step < 0),
        _two_of_three(is_above, near_upper),
        _two_of_three(is_below, near_lower),
        _in_run(is_above, _RUN),
        _in_run(is_below, _RUN),
    )
    signal = np.full(values.shape, -1, np.int8)
    for place, marks in reversed(list(enumerate(rules))):
        signal[marks] = place
    return signal


def _in_run(marks: Marks, length: int) -> Marks:
    """Return which points of each row are in a run of at least `length` marked points."""
    in_run = np.zeros_like(marks)
    windows = marks.shape[1] - length + 1
    if windows < 1:
        return in_run
    is_whole = np.logical_and.reduce([marks[:, start : start + windows] for start in range(length)])
    for start in range(length):
        in_run[:, start : start + windows] |= is_whole
    return in_run


def _in_trend(steps: Marks) -> Marks:
    """Return which points of each row are in a trend, from the marked steps between neighbours."""
    in_run = _in_run(steps, _RUN - 1)
    # A point is in a trend when the step that leads to it or the step that leaves it is.
    in_trend = np.zeros((steps.shape[0], steps.shape[1] + 1), dtype=bool)
    in_trend[:, :-1] |= in_run
    in_trend[:, 1:] |= in_run
    return in_trend


def _two_of_three(on_side: Marks, near_limit: Marks) -> Marks:
    """Return which points are near a limit, with another near it, among three in a row on that side of the mean."""
    marks = np.zeros_like(near_limit)
    windows = near_limit.shape[1] - 2
    if windows < 1:
        return marks
    thirds = [slice(start, start + windows) for start in range(3)]
    is_on_side = np.logical_and.reduce([on_side[:, third] for third in thirds])
    is_found = is_on_side & (sum(near_limit[:, third].astype(np.int8) for third in thirds) >= 2)
    for third in thirds:
        marks[:, third] |= near_limit[:, third] & is_found
    return marks
