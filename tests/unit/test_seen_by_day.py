"""The share seen by each day of waiting: as statsmodels works it out, with intervals that cover what was planted."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import wilson
from ebi_rules.statistics.seen_by_day import (
    FEWEST_AT_RISK,
    REMOVED,
    SEEN,
    WAITING,
    day_by_which,
    seen_by_day,
    share_by_day,
)

Days = npt.NDArray[np.float64]
Ends = npt.NDArray[np.int64]


def _waits(rng: np.random.Generator, people: int, known_from: float = 0.0) -> tuple[Days, Ends, Days]:
    """Return waits of people on a list: four in five are seen in the end, some have waited before the data begin."""
    wait = np.ceil(rng.weibull(1.3, people) * 60)
    lasts = np.ceil(rng.uniform(5, 150, people))
    before = np.where(rng.random(people) < 0.5, 0, np.ceil(rng.uniform(0, known_from, people)))
    ended = np.where(wait <= lasts, rng.choice([SEEN, REMOVED], people, p=[0.8, 0.2]), WAITING)
    until = np.minimum(wait, lasts)
    is_known = until >= before
    return until[is_known], ended[is_known], before[is_known]


def test_it_is_what_statsmodels_works_out() -> None:
    until, ended, _ = _waits(np.random.default_rng(3), 400)
    curve = seen_by_day(until, ended)
    theirs = CumIncidenceRight(until, ended)
    curve = curve.filter(pl.col("seen") + pl.col("removed") > 0)
    place = np.searchsorted(theirs.times, curve["day"].to_numpy())
    share = curve["share_seen"].to_numpy()
    assert share == pytest.approx(theirs.cinc[0][place], abs=1e-12)
    # The standard error from the width of the limits, which are even on the scale of log(-log).
    limits = np.log(-np.log(curve.select("lower_95", "upper_95").to_numpy()))
    error = (limits[:, 0] - limits[:, 1]) / 2 / 1.959964 * np.abs(share * np.log(share))
    middle = slice(5, -20)  # At the ends theirs differs by the days on which nobody is left.
    assert error[middle] == pytest.approx(theirs.cinc_se[0][place][middle], rel=0.03)


def test_who_is_known_later_is_at_risk_later() -> None:
    until, ended, known_from = _waits(np.random.default_rng(4), 600, known_from=90)
    curve = seen_by_day(until, ended, known_from)
    theirs = SurvfuncRight(until, (ended != WAITING).astype(int), entry=known_from - 1)  # there, at risk the day after
    curve = curve.filter(pl.col("seen") + pl.col("removed") > 0)
    place = np.searchsorted(theirs.surv_times, curve["day"].to_numpy())
    assert curve["at_risk"].to_list() == theirs.n_risk[place].tolist()
    assert curve["share_waiting"].to_numpy() == pytest.approx(theirs.surv_prob[place], abs=1e-12)
    assert curve["at_risk"].max() > curve["at_risk"][0]  # type: ignore[operator]


@pytest.mark.parametrize("known_from", [0.0, 90.0])
def test_the_interval_covers_what_was_planted(known_from: float) -> None:
    """What is ignored matters: of those who were seen alone, far more seem to be seen by the day."""
    rng, day = np.random.default_rng(5), 42
    truth = 0.8 * (1 - np.exp(-((day / 60) ** 1.3)))
    covered, of_the_seen = 0, []
    runs = 300
    for _ in range(runs):
        until, ended, before = _waits(rng, 500, known_from)
        found = share_by_day(seen_by_day(until, ended, before), day)
        assert found is not None
        covered += found[1] <= truth <= found[2]
        of_the_seen.append(np.mean(until[ended == SEEN] <= day))
    assert 0.92 <= covered / runs <= 0.98
    assert np.mean(of_the_seen) > truth + 0.15


def test_estimates_begin_where_enough_are_at_risk() -> None:
    until = np.array([1.0] + [50.0] * 20)
    curve = seen_by_day(until, [SEEN] * 21, [0.0] + [10.0] * 20)
    assert curve["day"].to_list() == [10, 50]
    assert seen_by_day([3.0] * (FEWEST_AT_RISK - 1), [SEEN] * (FEWEST_AT_RISK - 1)).height == 0
    assert seen_by_day([], []).height == 0


def test_the_median_is_a_day_or_none() -> None:
    half_never = seen_by_day([*range(1, 11), *[60] * 11], [SEEN] * 10 + [WAITING] * 11)
    assert day_by_which(half_never, 0.5) is None
    assert day_by_which(half_never, 0.25) == 6
    assert day_by_which(half_never, 0.25, "upper_95") < 6 < day_by_which(half_never, 0.25, "lower_95")  # type: ignore[operator]
    assert share_by_day(seen_by_day([60] * 20, [SEEN] * 20, 7.0), 6) is None
    seen, lower, upper = share_by_day(half_never, 28) or (0, 0, 0)
    assert lower < seen < upper
    assert seen == pytest.approx(10 / 21)


def test_nobody_and_everybody_have_an_interval_too() -> None:
    curve = seen_by_day([7] * 30, [SEEN] * 30)
    lower, upper = wilson(30, 30)
    assert share_by_day(curve, 6) == pytest.approx((0, *wilson(0, 30)))
    assert share_by_day(curve, 7) == pytest.approx((1, lower, upper))
    assert share_by_day(curve, 99) == pytest.approx((1, lower, upper)), "nobody waits any more"
    # The last of many who is seen says nothing new: the limit of the day before holds.
    last = seen_by_day(list(range(1, 31)), [SEEN] * 30)
    assert last["lower_95"][-1] == pytest.approx(last["lower_95"][-2])
    assert last["lower_95"][-2] > 0.7


def test_what_happens_beyond_the_data_is_not_said() -> None:
    curve = seen_by_day([10] * 15 + [20] * 15, [SEEN] * 15 + [WAITING] * 15)
    assert curve["day"].to_list() == [0, 10, 20]
    assert share_by_day(curve, 20) is not None
    assert share_by_day(curve, 126) is None


@pytest.mark.parametrize(
    ("until", "ended", "known_from"),
    [
        ([1.0, 2.0], [SEEN], 0.0),
        ([1.0], [SEEN], [0.0, 0.0]),
        ([1.0], [3], 0.0),
        ([-1.0], [SEEN], 0.0),
        ([1.0], [SEEN], 2.0),
        ([1.0], [SEEN], -1.0),
        ([float("nan")], [SEEN], 0.0),
    ],
)
def test_what_cannot_be_is_refused(until: list[float], ended: list[int], known_from: float | list[float]) -> None:
    with pytest.raises(InvalidInputError):
        seen_by_day(until, ended, known_from)


def test_the_result_has_the_columns_it_says() -> None:
    curve = seen_by_day(*_waits(np.random.default_rng(1), 100)[:2])
    assert curve.columns == [
        *("day", "at_risk", "seen", "removed", "share_seen", "lower_95", "upper_95", "share_waiting"),
    ]
    assert curve.select(pl.col("share_seen") + pl.col("share_waiting") <= 1 + 1e-12).to_series().all()
