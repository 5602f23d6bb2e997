"""Intervals, rates, funnels and trends: compared with independent calculations and published figures."""

import math

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.funnel import funnel, proportion_funnel, ratio_funnel
from ebi_rules.statistics.intervals import normal_quantile, poisson, wilson
from ebi_rules.statistics.rates import (
    EUROPEAN_STANDARD,
    EUROPEAN_STANDARD_ADULTS,
    crude_rate,
    directly_standardised_rate,
    standardised_rate,
    standardised_ratio,
)
from ebi_rules.statistics.xmr import xmr


@pytest.mark.parametrize("count", [0, 1, 5, 9])
@pytest.mark.parametrize("confidence", [0.95, 0.998])
def test_few_events_have_the_exact_limits(count: int, confidence: float) -> None:
    """By definition: at the limits, so many events or more have half of the remaining probability."""
    lower, upper = poisson(count, confidence)
    tail = (1 - confidence) / 2
    assert stats.poisson.cdf(count, upper) == pytest.approx(tail)
    assert lower == 0 if count == 0 else stats.poisson.sf(count - 1, lower) == pytest.approx(tail)


def test_many_events_have_byars_limits() -> None:
    assert poisson(100) == pytest.approx((81.36, 121.63), abs=0.005)
    by_hand = 10 * (1 - 1 / 90 - 1.959964 / (3 * math.sqrt(10))) ** 3
    assert poisson(10)[0] == pytest.approx(by_hand, rel=1e-6)  # from ten on; the exact limit is 4.795
    for count in (10, 50, 1000):
        lower, upper = poisson(count)
        assert stats.poisson.cdf(count, upper) == pytest.approx(0.025, rel=0.05)
        assert stats.poisson.sf(count - 1, lower) == pytest.approx(0.025, rel=0.05)


def test_wilson_is_where_the_score_test_stops() -> None:
    for count, n in ((0, 10), (3, 17), (10, 100), (17, 17)):
        z = normal_quantile(0.95)

        def score(p: float, count: int = count, n: int = n, z: float = z) -> float:
            return (count / n - p) ** 2 - z**2 * p * (1 - p) / n

        lower, upper = wilson(count, n)
        assert score(lower) == pytest.approx(0, abs=1e-12)
        assert score(upper) == pytest.approx(0, abs=1e-12)
        assert lower <= count / n <= upper


def test_intervals_accept_arrays_and_refuse_nonsense() -> None:
    lower, upper = poisson([0, 5, 50])
    assert [(one, two) for one, two in zip(lower, upper, strict=True)] == [poisson(0), poisson(5), poisson(50)]
    assert math.isnan(wilson(0, 0)[0])
    for call in (lambda: poisson(-1), lambda: poisson(1, 1.2), lambda: wilson(2, 1), lambda: crude_rate(1, -1)):
        with pytest.raises(InvalidInputError, match=r"negative|between|above"):
            call()


def test_crude_rate() -> None:
    assert crude_rate(100, 50_000) == pytest.approx((2.0, 81.36 / 50, 121.63 / 50), abs=0.001)
    assert all(map(math.isnan, crude_rate(0, 0)))


def test_indirect_standardisation() -> None:
    """By hand: reference rates 1 % and 4 %, 1,000 and 500 people, so 30 expected."""
    expected, ratio, lower, upper = standardised_ratio(36, [1000, 500], [100, 80], [10_000, 2_000])
    assert (expected, ratio) == pytest.approx((30, 1.2))
    assert (lower * 30, upper * 30) == pytest.approx(poisson(36))
    by_stratum = standardised_ratio([20, 16], [1000, 500], [100, 80], [10_000, 2_000])
    assert by_stratum == pytest.approx((expected, ratio, lower, upper))
    assert standardised_rate(36, [1000, 500], [100, 80], [10_000, 2_000])[0] == pytest.approx(1.2 * 15)
    assert math.isnan(standardised_ratio(0, [0, 0], [1, 1], [10, 10])[1])
    with pytest.raises(InvalidInputError, match="none in the reference"):
        standardised_ratio(1, [5, 5], [0, 1], [0, 10])
    with pytest.raises(InvalidInputError, match="same number of strata"):
        standardised_ratio(1, [5], [0, 1], [5, 10])


def test_direct_standardisation() -> None:
    """With weights like the population, rate and limits are those of the crude rate."""
    rate, lower, upper = directly_standardised_rate([30, 70], [1000, 3000], [1, 3], multiplier=1)
    assert rate == pytest.approx(100 / 4000)
    assert (lower, upper) == pytest.approx(tuple(limit / 4000 for limit in poisson(100)))
    assert all(map(math.isnan, directly_standardised_rate([4, 5], [10, 10], [1, 1])))
    rounded = directly_standardised_rate([4, 6 - 1e-12], [10, 10], [1, 1])
    assert rounded == pytest.approx(directly_standardised_rate([4, 6], [10, 10], [1, 1])), "10 events are enough"
    with pytest.raises(InvalidInputError, match="has no people"):
        directly_standardised_rate([4, 5], [10, 0], [1, 1])


def test_the_european_standard_population() -> None:
    assert sum(EUROPEAN_STANDARD.values()) == 100_000
    assert list(EUROPEAN_STANDARD_ADULTS)[:2] == ["19", "20-24"]
    assert sum(EUROPEAN_STANDARD_ADULTS.values()) == 100_000 - 5000 - 5500 - 5500 - 5500 + 1100


@pytest.mark.parametrize(
    ("expected", "limits"),
    [
        (15, (0.5596924, 1.649348, 0.3862650, 2.082907)),
        (20, (0.6108260, 1.544419, 0.4479107, 1.902094)),
        (30, (0.6746958, 1.427562, 0.5289724, 1.702771)),
    ],
)
def test_exact_funnel_limits_are_those_of_funnelplotr(expected: float, limits: tuple[float, ...]) -> None:
    """The figures in the tests of the R package FunnelPlotR."""
    result = funnel([expected], [expected]).limits
    assert result.columns == ["lower_95", "upper_95", "lower_998", "upper_998"]
    assert result.row(0) == pytest.approx(limits, rel=1e-6)


def test_overdispersion_on_the_logarithm() -> None:
    """The same calculation, written out plainly for 40 units."""
    rng = np.random.default_rng(5)
    expected = rng.uniform(20, 400, 40)
    observed = rng.poisson(expected * np.exp(rng.normal(0, 0.3, 40))).astype(float)
    result = funnel(observed, expected, overdispersion="shmi")
    z = sorted((math.sqrt(e) * math.log(o / e), e) for o, e in zip(observed, expected, strict=True))
    kept = [pair for rank, pair in enumerate(z, start=1) if math.floor(rank * 10 / 41) not in (0, 9)]
    phi = sum(score**2 for score, _ in kept) / len(kept)
    weights = [e for _, e in kept]
    tau2 = (len(kept) * phi - (len(kept) - 1)) / (sum(weights) - sum(w * w for w in weights) / sum(weights))
    assert (result.phi, result.tau2) == pytest.approx((phi, tau2))
    assert tau2 == pytest.approx(0.09, abs=0.06)
    spread = 1.959964 * math.sqrt(1 / expected[0] + tau2)
    assert result.limits["lower_95"][0] == pytest.approx(math.exp(-spread), rel=1e-6)
    assert result.limits["upper_95"][0] == pytest.approx(math.exp(spread), rel=1e-6)


def test_overdispersion_on_the_square_root() -> None:
    rng = np.random.default_rng(6)
    expected = rng.uniform(20, 400, 40)
    observed = rng.poisson(expected * np.exp(rng.normal(0, 0.3, 40))).astype(float)
    result = funnel(observed, expected, overdispersion="cqc")
    z = np.array([2 * math.sqrt(e) * (math.sqrt(o / e) - 1) for o, e in zip(observed, expected, strict=True)])
    low, high = np.percentile(z, [10, 90])
    phi = float(np.mean([min(max(score, low), high) ** 2 for score in z]))
    assert result.phi == pytest.approx(phi)
    spread = 3.090232 * math.sqrt(1 / (4 * expected[3]) + result.tau2)
    assert result.limits["upper_998"][3] == pytest.approx((1 + spread) ** 2, rel=1e-6)


def test_edge_cases_of_the_funnel() -> None:
    quiet = funnel([10, 20, 30], [10, 20, 30], overdispersion="shmi", trim=0)
    assert (quiet.phi, quiet.tau2) == (0, 0)
    assert quiet.limits.equals(funnel([10, 20, 30], [10, 20, 30]).limits)  # chance explains it: exact limits
    none = funnel([0, 40, 3, 90], [12, 20, 9, 40], overdispersion="shmi", trim=0)  # a unit without events has a score
    assert math.isfinite(none.phi)
    assert none.tau2 > 0
    alone = funnel([5], [9], overdispersion="cqc")
    assert math.isnan(alone.phi)
    assert alone.tau2 == 0
    tiny = funnel([9, 0, 30, 1], [0.2, 8, 5, 12], overdispersion="cqc", trim=0).limits
    assert tiny["lower_998"][0] == 0  # a limit that would lie below zero is zero, not its square
    nothing = funnel([0, 5], [0, 5])
    assert nothing.limits.row(0) == (None,) * 4
    assert nothing.values.to_list() == [None, 1.0]
    assert funnel([], []).limits.is_empty()
    for call in (
        lambda: funnel([1], [1, 2]),
        lambda: funnel([-1], [1]),
        lambda: funnel([1], [float("nan")]),
        lambda: funnel([1], [1], overdispersion="shmi", trim=0.5),
        lambda: funnel([1], [1], overdispersion="smhi"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInputError, match=r"same number|missing or negative|trim|overdispersion"):
            call()


def test_signals_name_the_farthest_limit() -> None:
    result = funnel([100, 130, 200, 75, 40, 0], [100, 100, 100, 100, 100, 0])
    assert result.signals.to_list() == [None, "above_95", "above_998", "below_95", "below_998", None]


def test_proportions_stay_between_nothing_and_all() -> None:
    result = proportion_funnel([1, 50, 3], [2, 100, 3])
    assert result.target == pytest.approx(54 / 105)
    assert result.limits.select(pl.all().is_between(0, 1).all()).row(0) == (True,) * 4
    spread = 1.959964 / math.sqrt(4 * 100)
    assert result.limits["upper_95"][1] == pytest.approx(math.sin(math.asin(math.sqrt(54 / 105)) + spread) ** 2)
    with pytest.raises(InvalidInputError, match="above its n"):
        proportion_funnel([3], [2])


def test_ratios_of_counts() -> None:
    result = ratio_funnel([20, 30, 50], [40, 60, 100])
    assert result.target == pytest.approx(0.5)
    variance = 50 / 50.5**2 + 100 / 100.5**2
    assert result.limits["lower_95"][2] == pytest.approx(0.5 * math.exp(-1.959964 * math.sqrt(variance)), rel=1e-6)


@pytest.mark.parametrize("overdispersion", ["shmi", "cqc"])
def test_tau_is_the_spread_that_units_were_made_with(overdispersion: str) -> None:
    rng = np.random.default_rng(1)
    expected = rng.uniform(50, 500, 3000)
    observed = rng.poisson(expected * np.exp(rng.normal(0, 0.2, 3000)))
    result = funnel(observed, expected, overdispersion=overdispersion, trim=0)  # type: ignore[arg-type]
    scale = 1 if overdispersion == "shmi" else 4  # a square root halves the spread of a logarithm
    assert result.tau2 * scale == pytest.approx(0.04, rel=0.1)


def test_xmr_by_hand() -> None:
    values = [10.0, 12.0, 9.0, 11.0, 13.0, 10.0]
    result = xmr(values)
    ranges = [2, 3, 2, 2, 3]
    assert result.columns == ["value", "mean", "lower", "upper", "signal"]
    assert result["mean"][0] == pytest.approx(65 / 6)
    assert result["upper"][0] == pytest.approx(65 / 6 + 2.66 * np.mean(ranges))
    assert result["lower"][5] == pytest.approx(65 / 6 - 2.66 * np.mean(ranges))
    assert result["signal"].null_count() == 6


def test_odd_ranges_are_screened_once() -> None:
    values = [10.0, 11.0] * 8 + [40.0] + [10.0, 11.0] * 4
    ranges = np.abs(np.diff(values))
    kept = ranges[ranges < 3.267 * ranges.mean()]
    screened, unscreened = xmr(values), xmr(values, screen_outliers=False)
    assert screened["upper"][0] == pytest.approx(np.mean(values) + 2.66 * kept.mean())
    assert unscreened["upper"][0] == pytest.approx(np.mean(values) + 2.66 * ranges.mean())
    assert screened["signal"][16] == "above_limit"


NOISE = [10.0, 12.0, 8.0, 11.0, 9.0, 12.0, 8.0, 10.0, 11.0, 9.0]


@pytest.mark.parametrize(
    ("tail", "signals"),
    [
        ([30.0], ["above_limit"]),
        ([-10.0], ["below_limit"]),
        ([9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0], ["trend_up"] * 7),
        ([12.0, 11.5, 11.0, 10.5, 10.0, 9.5, 9.0], ["trend_down"] * 7),
        ([9.0, 9.5, 10.0, 10.0, 10.5, 11.0, 11.5], [None] * 7),  # a tie breaks a trend
        ([16.2, 11.0, 16.2], ["two_of_three_above", None, "two_of_three_above"]),
        ([3.8, 9.0, 3.8], ["two_of_three_below", None, "two_of_three_below"]),
        ([10.5, 11.0, 10.5, 11.5, 10.5, 11.0, 10.5], ["shift_above"] * 7),
        ([9.5, 9.0, 9.5, 8.5, 9.5, 9.0, 9.5], ["shift_below"] * 7),
    ],
)
def test_each_signal(tail: list[float], signals: list[str | None]) -> None:
    """Mean and limits come from the baseline points, so that a reader can see why."""
    result = xmr([*NOISE, *tail], baseline=len(NOISE))
    assert result["mean"][0] == 10
    assert result["signal"].to_list()[len(NOISE) :] == signals


def test_periods_and_an_incomplete_last_month() -> None:
    result = xmr([*NOISE, *(value + 50 for value in NOISE), 3.0], rebase=[10], partial_last=True)
    assert result["mean"].to_list() == [10.0] * 10 + [60.0] * 11
    assert result["signal"].to_list() == [None] * 21
    assert xmr([]).is_empty()
    assert xmr([4.0]).row(0) == (4.0, 4.0, None, None, None)
    for call in (lambda: xmr([1.0, math.nan]), lambda: xmr([1.0], baseline=1), lambda: xmr([1.0], rebase=[3])):
        with pytest.raises(InvalidInputError, match=r"missing|baseline|rebase"):
            call()


def test_wilson_limits_by_a_root_finder() -> None:
    """The same limits another way: the roots of the score equation, result numerically."""
    z = 1.959963984540054
    root = optimize.brentq(lambda p: (0.1 - p) / math.sqrt(p * (1 - p) / 100) - z, 1e-9, 0.1)
    assert wilson(10, 100)[0] == pytest.approx(root)
