"""Figures of a reviewed sample: known values, and how often intervals hold the truth."""

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.review_figures import Stratum, cohen_kappa, corrected_count, gwet_ac1, stratified_share

SIZES, SHARES = (400, 250, 60, 3_000), (0.7, 0.9, 0.5, 0.8)
SETS = 600


def _reviewed(
    rng: np.random.Generator, sizes: tuple[int, ...], shares: tuple[float, ...], part: float
) -> list[Stratum]:
    counts = [
        (size, max(round(part * size), 2), round(size * share)) for size, share in zip(sizes, shares, strict=True)
    ]
    return [Stratum(size, seen, int(rng.hypergeometric(yes, size - yes, seen))) for size, seen, yes in counts]


def test_the_interval_of_a_share_holds_the_truth() -> None:
    rng = np.random.default_rng(5)
    truth = sum(round(size * share) for size, share in zip(SIZES, SHARES, strict=True)) / sum(SIZES)
    found = [stratified_share(_reviewed(rng, SIZES, SHARES, 0.03)) for _ in range(SETS)]
    assert np.mean([share.lower <= truth <= share.upper for share in found]) > 0.935
    assert np.mean([share.value for share in found]) == pytest.approx(truth, abs=0.01)


def test_strata_that_are_reviewed_unequally_widen_the_interval() -> None:
    """The large stratum has few cases: all together are worth little more than those."""
    rng = np.random.default_rng(8)
    sizes, seen, yes = (10_000, 500), (40, 400), (4_000, 450)
    found = [
        stratified_share(
            [Stratum(n, k, int(rng.hypergeometric(y, n - y, k))) for n, k, y in zip(sizes, seen, yes, strict=True)]
        )
        for _ in range(SETS)
    ]
    truth = sum(yes) / sum(sizes)
    assert 0.93 < np.mean([share.lower <= truth <= share.upper for share in found]) < 0.99
    error = sizes[0] / sum(sizes) * (0.4 * 0.6 / 40) ** 0.5
    assert np.mean([share.upper - share.lower for share in found]) == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_the_interval_of_a_corrected_count_holds_the_truth() -> None:
    rng = np.random.default_rng(6)
    others, missed = (20_000, 9_000), (0.01, 0.03)
    truth = sum(round(s * p) for s, p in zip((*SIZES, *others), (*SHARES, *missed), strict=True))
    inside = 0
    for _ in range(SETS):
        _, low, high = corrected_count(_reviewed(rng, SIZES, SHARES, 0.03), _reviewed(rng, others, missed, 0.01))
        inside += low <= truth <= high
    assert inside / SETS > 0.935


def test_a_sample_without_a_yes_has_a_width_and_one_of_everybody_has_none() -> None:
    none = stratified_share([Stratum(1_000, 10, 0), Stratum(500, 10, 0)])
    assert none.value == 0 and 0.1 < none.upper < 0.25
    assert stratified_share([Stratum(8, 8, 2), Stratum(2, 2, 2)]) == stratified_share([Stratum(10, 10, 4)])


def test_agreement_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        table = rng.integers(1, 20, (3, 3))
        pairs = [("abc"[i], "abc"[j]) for i in range(3) for j in range(3) for _ in range(table[i, j])]
        one, other = zip(*pairs, strict=True)
        assert cohen_kappa(one, other) == pytest.approx(cohens_kappa(table).kappa)
        by_hand = (table + table.T).sum(axis=0) / (2 * table.sum())
        chance = (by_hand * (1 - by_hand)).sum() / 2
        assert gwet_ac1(one, other) == pytest.approx((np.trace(table) / table.sum() - chance) / (1 - chance))


@pytest.mark.parametrize("numbers", [(10, 0, 0), (10, 11, 2), (10, 5, 6)])
def test_an_impossible_stratum_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInputError, match="a stratum needs"):
        Stratum(*numbers)
