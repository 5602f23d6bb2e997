"""The slope and relative index of inequality and rate ratios: against other software, by hand, and by simulation."""

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

import ebi_rules as ebi
from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.inequality_indices import rate_ratio, relative_index, slope_index
from ebi_rules.synth.made_up_extract import write_extract

RATES = np.array([52.0, 47.0, 49.0, 41.0, 38.0, 39.0, 30.0, 31.0, 24.0, 25.0])
PEOPLE = np.array([900, 1100, 1000, 1300, 800, 1000, 950, 1050, 1200, 700], dtype=float)
VARIANCES = RATES / PEOPLE * 1000


def _line() -> "sm.regression.linear_model.RegressionResults":
    weights = PEOPLE / PEOPLE.sum()
    places = np.cumsum(weights) - weights / 2
    return sm.WLS(RATES, sm.add_constant(places), weights=weights).fit()


def test_the_slope_is_that_of_weighted_least_squares() -> None:
    intercept, slope = _line().params
    assert slope_index(RATES, VARIANCES, PEOPLE).value == pytest.approx(-slope)
    assert relative_index(RATES, VARIANCES, PEOPLE).value == pytest.approx(intercept / (intercept + slope))


def test_two_groups_by_hand() -> None:
    """The halves are centred at 1/4 and 3/4, so the slope is twice the difference of the rates."""
    result = slope_index([30.0, 20.0], [1.0, 1.5], [500, 500])
    assert result.value == pytest.approx(20)
    assert result.upper - result.value == pytest.approx(1.959964 * 2 * np.sqrt(2.5))
    assert relative_index([30.0, 20.0], [1.0, 1.5], [500, 500]).value == pytest.approx(35 / 15)


def test_intervals_contain_the_truth_95_times_in_100() -> None:
    rng = np.random.default_rng(5)
    truth = np.linspace(0.06, 0.02, 10)
    weights = PEOPLE / PEOPLE.sum()
    places = np.cumsum(weights) - weights / 2
    slope, intercept = np.polyfit(places, truth, 1, w=np.sqrt(weights))
    truths = {slope_index: -slope, relative_index: intercept / (intercept + slope)}
    covered = dict.fromkeys(truths, 0)
    for _ in range(1000):
        events = rng.poisson(truth * PEOPLE)
        rates, variances = events / PEOPLE, np.maximum(events, 0.5) / PEOPLE**2
        for index, value in truths.items():
            result = index(rates, variances, PEOPLE)
            covered[index] += result.lower <= value <= result.upper
    assert all(930 <= count <= 968 for count in covered.values()), covered


def test_equal_rates_are_no_inequality() -> None:
    assert slope_index([3.0] * 5, [0.1] * 5, PEOPLE[:5]).value == pytest.approx(0)
    assert relative_index([3.0] * 5, [0.1] * 5, PEOPLE[:5]).value == pytest.approx(1)


def test_a_group_without_people_is_no_group() -> None:
    some = slope_index(RATES[:4], VARIANCES[:4], PEOPLE[:4])
    assert slope_index([*RATES[:4], 99.0], [*VARIANCES[:4], 1.0], [*PEOPLE[:4], 0]) == some


@pytest.mark.parametrize("index", [slope_index, relative_index])
def test_an_impossible_index_is_missing(index: "type") -> None:
    assert np.isnan(index([1.0], [0.1], [10]).value)
    assert np.isnan(index([], [], []).value)
    with pytest.raises(InvalidInputError, match="same number of groups"):
        index([1.0, 2.0], [0.1], [10, 10])
    with pytest.raises(InvalidInputError, match="negative"):
        index([1.0, 2.0], [0.1, -0.1], [10, 10])


def test_no_relative_index_if_the_line_falls_below_zero() -> None:
    assert np.isnan(relative_index([10.0, 0.5], [0.1, 0.1], [500, 500]).value)


def test_a_ratio_of_rates_by_hand() -> None:
    result = rate_ratio(20.0, 1 / 20, 10.0, 1 / 10)
    assert result.value == 2
    assert result.upper == pytest.approx(2 * np.exp(1.959964 * np.sqrt(0.15)), rel=1e-6)
    assert result.lower * result.upper == pytest.approx(4)
    assert np.isnan(rate_ratio(0.0, np.inf, 10.0, 0.1).value)


def test_a_rate_that_cannot_be_worked_out_is_compared_with_nothing(tmp_path: Path) -> None:
    """Where no activity was expected there is no standardised rate, and so no comparison."""
    write_extract(tmp_path / "hes.parquet", 3_000, 1, "hes-op")
    table = ebi.audit(tmp_path / "hes.parquet", "2T", by=["ethnic_category"]).inequalities
    assert "standardised" in table["basis"].to_list()
    assert table.filter(basis="standardised")["figure"].null_count() > 0
