"""Trends: individuals and moving range (XmR) charts with the rules of NHS England's Making Data Count.

The rules, their order and the screening of moving ranges are those of the R package NHSRplotthedots (NHS-R Community),
which follows Making Data Count.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules._support.errors import InvalidInputError

Numbers = npt.NDArray[np.float64]

_TO_LIMITS = 2.66
"""From the mean moving range to three sigma: 3 / d2 of two points, 1.128 (Shewhart)."""

_ODD_RANGE = 3.267
"""Moving ranges this many times their mean are screened out once: D4 of two points."""

_RUN = 7
"""How many points make a trend or a shift."""

_SCHEMA = {"value": pl.Float64, "mean": pl.Float64, "lower": pl.Float64, "upper": pl.Float64, "signal": pl.String}


def xmr(
    values: Sequence[float],
    screen_outliers: bool = True,
    baseline: int | None = None,
    rebase: Sequence[int] = (),
    partial_last: bool = False,
) -> pl.DataFrame:
    """Give an XmR chart of values in time order: a frame value, mean, lower, upper, signal, a row a value.

    `screen_outliers` leaves moving ranges of at least 3.267 times their mean out, once. `baseline` takes mean and
    limits from the first so many points of each period. `rebase` are the places, from 0, where a new period begins.
    With `partial_last` the last value is no whole month: it is neither judged nor counted.

    `signal` is null, or the first that holds of above_limit, below_limit, trend_up, trend_down (part of 7 points of
    which each is above, or below, the one before), two_of_three_above, two_of_three_below (beyond two thirds of the way
    to the limit, with another such among three points in a row on one side of the mean), shift_above, shift_below
    (part of 7 points on one side of the mean). Limits are missing for a period of one point. Raises `InvalidInputError` for a
    missing value, a baseline below 2, or a place to rebase that is outside.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(numbers)):
        raise InvalidInputError("a value is missing: leave months that are not in the extract out, and say 0 for none.")
    if baseline is not None and baseline < 2:
        raise InvalidInputError("a baseline has at least 2 points.")
    starts = sorted({0, *rebase})
    if numbers.size and not all(0 <= start < numbers.size for start in starts):
        raise InvalidInputError("a place to rebase is outside the values.")
    judged = numbers.size - partial_last
    parts = [
        _period(numbers[start:end], screen_outliers, baseline, max(0, min(end, judged) - start))
        for start, end in zip(starts, [*starts[1:], numbers.size], strict=True)
    ]
    return pl.concat(parts) if numbers.size else pl.DataFrame(schema=_SCHEMA)


def _period(values: Numbers, screen: bool, baseline: int | None, judged: int) -> pl.DataFrame:
    """Chart one period, of which the first `judged` values count."""
    counted = values[:judged]
    basis = counted[:baseline]
    mean = float(basis.mean()) if basis.size else float("nan")
    spread = _TO_LIMITS * _mean_range(basis, screen)
    signals = _signals(counted, mean, mean - spread, mean + spread) + [None] * (values.size - judged)
    constant = {"mean": mean, "lower": mean - spread, "upper": mean + spread}
    frame = pl.DataFrame(
        {"value": values, **{name: [value] * values.size for name, value in constant.items()}, "signal": signals},
        schema=_SCHEMA,
    )
    return frame.with_columns(pl.col("mean", "lower", "upper").fill_nan(None))


def _mean_range(values: Numbers, screen: bool) -> float:
    ranges = np.abs(np.diff(values))
    if not ranges.size:
        return float("nan")
    if screen:
        ranges = ranges[ranges < _ODD_RANGE * ranges.mean()] if ranges.mean() else ranges
    return float(ranges.mean())


def _signals(values: Numbers, mean: float, lower: float, upper: float) -> list[str | None]:
    """Give each point's signal, the first of the rules that holds."""
    side = np.sign(values - mean)
    step = np.sign(np.diff(values))
    near_upper = values > mean + (upper - mean) * 2 / 3
    near_lower = values < mean - (mean - lower) * 2 / 3
    rules = [
        ("above_limit", values > upper),
        ("below_limit", values < lower),
        ("trend_up", _in_window(step == 1, _RUN - 1, one_more=True)),
        ("trend_down", _in_window(step == -1, _RUN - 1, one_more=True)),
        ("two_of_three_above", _two_of_three(side == 1, near_upper)),
        ("two_of_three_below", _two_of_three(side == -1, near_lower)),
        ("shift_above", _in_window(side == 1, _RUN)),
        ("shift_below", _in_window(side == -1, _RUN)),
    ]
    return [next((name for name, holds in rules if holds[place]), None) for place in range(values.size)]


def _in_window(holds: npt.NDArray[np.bool_], length: int, one_more: bool = False) -> npt.NDArray[np.bool_]:
    """Say which points are in a run of `length` that all hold; with `one_more` an entry is a step between points."""
    marked = np.zeros(holds.size + one_more, dtype=bool)
    for start in range(holds.size - length + 1):
        if holds[start : start + length].all():
            marked[start : start + length + one_more] = True
    return marked


def _two_of_three(on_side: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Say which points are near a limit, with another near it, among three in a row on that side of the mean."""
    marked = np.zeros(near.size, dtype=bool)
    for start in range(near.size - 2):
        window = slice(start, start + 3)
        if on_side[window].all() and near[window].sum() >= 2:
            marked[window] |= near[window]
    return marked
