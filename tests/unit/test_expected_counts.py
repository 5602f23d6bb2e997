"""Expected counts, and the constants of disclosure control and case mix, on cases worked out by hand."""

import numpy as np
import polars as pl
import pytest

from ebi_rules.provider_audit.case_mix import is_thin
from ebi_rules.provider_audit.likely_counts import likely_count
from tests.report.made_up import audited, cube_of, made_up_audit, trend_audit

ALL = "all providers"


def test_suppressed_strata_share_what_others_leave() -> None:
    frame = pl.DataFrame({"unit": ["a"] * 4 + ["b"] * 2, "count": [22, 3, 1, 0, 2, 5], "all": [30] * 4 + [None] * 2})
    shares = frame.select(n=likely_count(pl.col("count"), pl.col("all"), ["unit"], "hes"))["n"].to_list()
    assert shares == [20.0, 5.0, 5.0, 0.0, 4.0, 4.0]
    assert frame.select(n=likely_count(pl.col("count"), pl.col("all"), ["unit"], "none"))["n"].to_list() == [
        22,
        3,
        1,
        0,
        2,
        5,
    ]


def test_expected_counts_add_up_to_what_is_shown_in_scope() -> None:
    audit = trend_audit([[30] * 4, [50] * 4, [22] * 4], "hes")
    total = audit.totals()["flagged"].item()
    assert audit.providers["expected"].sum() == pytest.approx(total, abs=0.2)


def test_three_providers_of_500_497_and_3() -> None:
    """The exact denominators of the large ones and the total gave the small one away."""

    def providers(sizes: list[int]) -> pl.DataFrame:
        codes = [f"Z{place}" for place in range(3)]
        cells = {"provider": codes, "month": ["2024-01"] * 3, "age_band": ["45-49"] * 3, "sex": ["1"] * 3}
        entries = audited(1)
        eligible = np.array([sizes])
        return made_up_audit(cube_of(entries, cells, eligible, eligible // 2), entries).providers

    tables = [
        providers(sizes).select("expected", "standardised_ratio", "upper_998")
        for sizes in ([500, 497, 3], [500, 496, 4])
    ]
    assert tables[0].equals(tables[1])
    assert tables[0]["expected"].null_count() == 1


@pytest.mark.parametrize(("providers", "is_shown"), [(10, True), (11, False)])
def test_a_suppressed_count_keeps_three_possible_values(providers: int, is_shown: bool) -> None:
    """One in scope each and a total shown as 10, which is 8 to 12: 10 providers have 1 to 3 each, 11 only 1 or 2."""
    total = trend_audit([[1]] * providers, "hes").totals()["flagged"].item()
    assert (total == 10) == is_shown
    assert (total is None) != is_shown


@pytest.mark.parametrize(("eligible", "expected"), [([900, 100], False), ([890, 110], True)])
def test_strata_are_thin_above_a_tenth(eligible: list[int], expected: bool) -> None:
    assert is_thin(pl.DataFrame({"eligible": eligible, "flagged": [40, 7]})) == expected
    assert not is_thin(pl.DataFrame({"eligible": eligible, "flagged": [40, 8]}))
