"""XmR charts (individuals and moving range) of a trend, with the rules of NHS England's Making Data Count.

The rules, their order and the screening of moving ranges match the R package NHSRplotthedots (NHS-R Community), which
follows Making Data Count.
"""

from collections.abc import Sequence

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

_SCHEMA = {"value": pl.Float64, "mean": pl.Float64, "lower": pl.Float64, "upper": pl.Float64, "signal": pl.String}


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
    complete = numbers.size - partial_last
    near = np.asarray(tolerance, dtype=np.float64) if len(tolerance) else np.zeros(numbers.size)
    if near.shape != numbers.shape:
        raise InvalidInputError("tolerance must have one number for each value.")
    phases = [
        _phase(numbers[start:end], screen_outliers, baseline, max(0, min(end, complete) - start), near[start:end])
        for start, end in zip(starts, [*starts[1:], numbers.size], strict=True)
    ]
    return pl.concat(phases)


def _phase(
    values: Numbers, screen_outliers: bool, baseline: int | None, complete: int, tolerance: Numbers
) -> pl.DataFrame:
    """Return the chart of one phase, using only its first `complete` values."""
    used = values[:complete]
    basis = used[:baseline]
    mean = float(basis.mean()) if basis.size else float("nan")
    spread = _LIMIT_FACTOR * _mean_moving_range(basis, screen_outliers)
    lower, upper = mean - spread, mean + spread
    columns = {
        "value": values,
        "mean": [mean] * values.size,
        "lower": [lower] * values.size,
        "upper": [upper] * values.size,
        "signal": _signals(used, mean, lower, upper, tolerance[:complete]) + [None] * (values.size - complete),
    }
    return pl.DataFrame(columns, schema=_SCHEMA).with_columns(pl.col("mean", "lower", "upper").fill_nan(None))


def _mean_moving_range(values: Numbers, screen_outliers: bool) -> float:
    """Return the mean difference between neighbours, NaN with fewer than two values."""
    ranges = np.abs(np.diff(values))
    if not ranges.size:
        return float("nan")
    if screen_outliers and ranges.mean():
        ranges = ranges[ranges < _OUTLIER_FACTOR * ranges.mean()]
    return float(ranges.mean())


def _signals(values: Numbers, mean: float, lower: float, upper: float, tolerance: Numbers) -> list[str | None]:
    """Return the signal of each point: the first rule that holds."""
    side = np.where(np.abs(values - mean) > tolerance, np.sign(values - mean), 0)
    step = np.sign(np.diff(values))
    near_upper = values > mean + (upper - mean) * 2 / 3
    near_lower = values < mean - (mean - lower) * 2 / 3
    rules = [
        ("above_limit", values > upper),
        ("below_limit", values < lower),
        ("trend_up", _in_trend(step == 1)),
        ("trend_down", _in_trend(step == -1)),
        ("two_of_three_above", _two_of_three(side == 1, near_upper)),
        ("two_of_three_below", _two_of_three(side == -1, near_lower)),
        ("shift_above", _in_run(side == 1, _RUN)),
        ("shift_below", _in_run(side == -1, _RUN)),
    ]
    return [next((name for name, marks in rules if marks[position]), None) for position in range(values.size)]


def _in_run(marks: Marks, length: int) -> Marks:
    """Return which points are in a run of at least `length` marked points."""
    in_run = np.zeros(marks.size, dtype=bool)
    for start in range(marks.size - length + 1):
        if marks[start : start + length].all():
            in_run[start : start + length] = True
    return in_run


def _in_trend(steps: Marks) -> Marks:
    """Return which points are in a trend, from the marked steps between neighbours."""
    in_run = _in_run(steps, _RUN - 1)
    # A point is in a trend when the step that leads to it or the step that leaves it is.
    in_trend = np.zeros(steps.size + 1, dtype=bool)
    in_trend[:-1] |= in_run
    in_trend[1:] |= in_run
    return in_trend


def _two_of_three(on_side: Marks, near_limit: Marks) -> Marks:
    """Return which points are near a limit, with another near it, among three in a row on that side of the mean."""
    marks = np.zeros(near_limit.size, dtype=bool)
    for start in range(near_limit.size - 2):
        window = slice(start, start + 3)
        if on_side[window].all() and near_limit[window].sum() >= 2:
            marks[window] |= near_limit[window]
    return marks
