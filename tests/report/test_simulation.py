"""An audit finds true outliers and few others among made-up providers; `make bench` prints more figures."""

import pytest

from tests.report.simulation import simulate


@pytest.mark.parametrize("sets", [1, pytest.param(5, marks=pytest.mark.long)])
def test_overdispersion_and_standardisation_keep_false_outliers_few(sets: int) -> None:
    counts = simulate(sets, spread=0.2, case_mix=True)
    share = {name: (count.true / count.apart, count.false / count.others) for name, count in counts.items()}
    assert share["winsorised"][0] > 0.9
    assert share["winsorised"][1] < 0.01
    assert share["shmi"][0] > 0.9
    assert share["cqc"][0] > 0.9
    assert share["shmi"][1] < 0.06
    assert share["cqc"][1] < 0.03
    assert share["none"][1] > 0.15, "without overdispersion, normal differences look like outliers"
    assert share["winsorised, crude rates"][0] < 0.8, "in crude rates, case mix hides true outliers"
    assert share["none, crude rates"][1] > 0.5, "in crude rates, case mix makes false outliers"
