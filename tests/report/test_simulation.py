"""An audit finds true outliers and few others among made-up providers; `make bench` prints more figures."""

from tests.report.simulation import simulate


def test_overdispersion_and_standardising_spare_those_who_are_not_apart() -> None:
    found = simulate(5, spread=0.2, case_mix=True)
    share = {name: (each.true / each.apart, each.false / each.others) for name, each in found.items()}
    assert share["shmi"][0] > 0.9
    assert share["cqc"][0] > 0.9
    assert share["shmi"][1] < 0.06
    assert share["cqc"][1] < 0.03
    assert share["none"][1] > 0.15, "without overdispersion usual differences look like outliers"
    assert share["shmi, crude rates"][0] < 0.8, "crude rates hide true outliers behind case mix"
    assert share["none, crude rates"][1] > 0.5, "crude rates make outliers of case mix"
