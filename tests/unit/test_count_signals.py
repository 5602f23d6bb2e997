"""Signals by the probability of a count, and the variance between units, on cases with a known answer."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.signals import variance_of, variation_of, with_signals
from ebi_rules.statistics.count_signals import (
    _beta_binomial_tails,
    _binomial_tails,
    between_variance,
    count_signals,
    proportion_signals,
    signal_limits,
    smallest_signal,
)
from ebi_rules.statistics.funnel import funnel


@pytest.mark.parametrize(("tau", "first"), [(0.0, 6.91), (0.2, 7.96), (0.5, 18.5)])
def test_none_is_below_only_from_so_many_expected(tau: float, first: float) -> None:
    step = 0.01 if first < 10 else 0.1
    assert count_signals([0], [first - step], tau**2).to_list() == ["below_95"]
    assert count_signals([0], [first], tau**2).to_list() == ["below_998"]


@pytest.mark.parametrize("tau2", [0.0, 0.04, 0.25])
def test_signals_are_those_of_the_distributions(tau2: float) -> None:
    for expected in (1.0, 3.3, 10.0, 57.5, 200.0):
        counts = np.arange(0, int(expected * 4 + 20))
        law = stats.poisson(expected) if tau2 == 0 else stats.nbinom(1 / tau2, 1 / (1 + tau2 * expected))
        low, high = law.cdf(counts), law.sf(counts - 1)
        names = np.select(
            [high <= 0.001, low <= 0.001, high <= 0.025, low <= 0.025],
            ["above_998", "below_998", "above_95", "below_95"],
            default="within",
        )
        signals = count_signals(counts, np.full(counts.size, expected), tau2).fill_null("within")
        assert signals.to_list() == names.tolist()


@pytest.mark.parametrize("tau2", [0.0, 0.01, 0.3])
def test_no_count_inside_a_drawn_limit_is_signalled(tau2: float) -> None:
    expected = np.repeat(np.geomspace(1, 300, 40), 60)
    counts = np.tile(np.arange(60), 40) * np.maximum(expected // 20, 1)
    limits = signal_limits(expected, tau2)
    ratio = pl.Series(counts / expected)
    signals = count_signals(counts, expected, tau2)
    for level in ("95", "998"):
        above = (ratio >= limits[f"upper_{level}"] - 1e-9).fill_null(False)
        below = (ratio <= limits[f"lower_{level}"] + 1e-9).fill_null(False)
        wide = [f"above_{level}", "above_998"], [f"below_{level}", "below_998"]
        assert (signals.is_in(wide[0]).fill_null(False) == above).all()
        assert (signals.is_in(wide[1]).fill_null(False) == below).all()


@pytest.mark.parametrize("tau2", [0.0, 0.05])
def test_proportions_are_signalled_by_binomial_and_beta_binomial_probabilities(tau2: float) -> None:
    sizes = np.repeat([1.0, 2.0, 40.0, 3000.0], 300)
    rng = np.random.default_rng(1)
    shares = rng.uniform(0.001, 0.999, sizes.size)
    counts = np.concatenate(
        [np.zeros(5), sizes[5:10], rng.binomial(sizes[10:].astype(int), rng.permutation(shares[10:]))]
    )
    total = (1 - shares) / (tau2 * shares) - 1 if tau2 else np.ones_like(shares)
    first, second = np.maximum(total, 1e-6) * shares, np.maximum(total, 1e-6) * (1 - shares)
    law = stats.betabinom(sizes, first, second) if tau2 else stats.binom(sizes, shares)
    low, high = law.cdf(counts), law.sf(counts - 1)
    tails = _beta_binomial_tails(counts, sizes, first, second) if tau2 else _binomial_tails(counts, sizes, shares)
    assert np.allclose(tails, (low, high), rtol=0, atol=1e-9)
    names = np.select(
        [high <= 0.001, low <= 0.001, high <= 0.025, low <= 0.025],
        ["above_998", "below_998", "above_95", "below_95"],
        default="within",
    )
    is_judged = sizes * shares >= 1
    signals = proportion_signals(counts, sizes, sizes * shares, tau2).fill_null("within").to_numpy()
    assert signals[is_judged].tolist() == names[is_judged].tolist()
    assert len(set(signals)) == 5


def test_below_one_expected_nothing_is_signalled() -> None:
    assert count_signals([9, 9], [0.99, 1.0]).to_list() == [None, "above_998"]
    assert smallest_signal(0.5, 0.0, 0.998) is None


def test_proportions_are_binomial() -> None:
    # P(X >= 9 of 10) with 6 expected is 0.0464, P(X = 10) is 0.0060; P(X <= 2) is 0.0123, P(X = 0) is 0.0001.
    assert proportion_signals([9, 10, 2, 0], [10] * 4, [6.0] * 4).to_list() == [
        None,
        "above_95",
        "below_95",
        "below_998",
    ]
    # With the share itself varying as a beta distribution: the mean of binomial probabilities over its quantiles.
    size = 0.4 / (0.02 * 0.6) - 1
    shares = stats.beta(size * 0.6, size * 0.4).ppf((np.arange(20_000) + 0.5) / 20_000)
    assert 0.001 < stats.binom.sf(9, 10, shares).mean() < 0.025
    assert stats.binom.cdf(0, 10, shares).mean() < 0.001
    assert proportion_signals([10, 0], [10, 10], [6.0, 6.0], tau2=0.02).to_list() == ["above_95", "below_998"]


def test_the_variance_between_units_is_found_and_outliers_do_not_hide_it() -> None:
    rng = np.random.default_rng(4)
    expected = rng.lognormal(4, 0.5, 400)
    for tau in (0.0, 0.2, 0.5):
        true = rng.gamma(1 / tau**2, tau**2, 400) if tau else np.ones(400)
        true[:12] *= 3
        found = between_variance(rng.poisson(expected * true), expected) ** 0.5
        assert found == pytest.approx(tau, abs=0.08)


def test_winsorising_and_rounding_are_corrected_for() -> None:
    """Two units at z-scores of -2 and 2 on the square root scale: worked out by hand."""
    expected = np.array([100.0, 100.0])
    observed = (np.sqrt(100.375) + np.array([-1.0, 1.0])) ** 2 - 0.375  # z = -2 and 2
    assert between_variance(observed, expected, trim=0) == pytest.approx((8 - 1) / 100, rel=1e-6)
    assert between_variance(observed, expected, trim=0, added=2) == pytest.approx((8 - 1.02) / 100, rel=1e-6)
    # Moved in to the 10% quantile they are -1.6 and 1.6; normal scores would have a mean square of 0.6786.
    assert between_variance(observed, expected, trim=0.1) == pytest.approx((5.12 / 0.67860 - 1) / 100, rel=1e-4)


def units(observed: list[int | None], expected: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"observed": observed, "base": [10_000] * len(observed), "expected": expected})


def test_why_a_unit_is_not_judged() -> None:
    table = with_signals(units([None, 40, 3, 0], [5.0, 20.0, 0.9, 8.0]), Settings(overdispersion="none"), "hes")
    assert table["not_judged"].to_list() == ["suppressed", None, "few expected", None]
    assert table["signal"].to_list() == [None, "above_998", None, "below_998"]


def test_rounding_suppression_and_the_scale_of_the_method_are_allowed_for() -> None:
    pair = units([81, 121], [100.0, 100.0]).with_columns(not_judged=pl.lit(None, pl.String))
    by_method = {name: variance_of(pair, Settings(trim=0.0), name) for name in ("none", "hes", "midpoint6")}
    assert by_method["none"] - by_method["hes"] == pytest.approx(2 / 100 / 100)
    assert by_method["none"] - by_method["midpoint6"] == pytest.approx(35 / 12 / 100 / 100)
    roots = funnel([81, 121, 40], [100, 100, 100], overdispersion="cqc", trim=0).tau2
    three = units([81, 121, 40], [100.0] * 3).with_columns(not_judged=pl.lit(None, pl.String))
    assert variance_of(three, Settings(overdispersion="cqc", trim=0.0), "none") == pytest.approx(4 * roots)
    hidden, likely = (units([81, count], [100.0, 3.0]) for count in (None, 3))
    tau2 = [
        variance_of(each.with_columns(not_judged=pl.lit(None, pl.String)), Settings(), "hes")
        for each in (hidden, likely)
    ]
    assert tau2[0] == tau2[1] > 0


def test_what_the_report_says_of_variation() -> None:
    many = units([10, 30, 20, 55, 20, 20, 20, 20, 5, 20], [20.0] * 10)
    for method, deviation in (("winsorised", 0.38), ("none", 0.0)):
        settings = Settings(overdispersion=method)
        variation = variation_of(with_signals(many, settings, "none"), settings, "none")
        assert variation.deviation == pytest.approx(deviation, abs=0.03)
        assert variation.beyond_chance == 2
        assert variation.beyond_998 == (2 if method == "none" else 0)
        assert variation.ratio_of_median == variation.ratio_of_largest
    assert variation.ratio_of_median == pytest.approx(1.8)
