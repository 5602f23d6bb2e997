"""Strata of a sample, and how its cases are shared out, on generated sizes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ebi_rules.statistics.stratified_draw import OTHERS, allotted, strata_of

CELLS = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.none() | st.sampled_from([f"P{number}" for number in range(30)])),
    st.integers(1, 10_000),
    min_size=1,
    max_size=60,
)


@given(CELLS, st.data())
def test_every_sample_can_be_drawn(cells: dict[tuple[str, str | None], int], data: st.DataObject) -> None:
    whole = sum(cells.values())
    cases = data.draw(st.integers(min(2, whole), min(whole, 500)))
    named = strata_of(cells, cases)
    assert named.keys() == cells.keys()
    sizes = Counter[str]()
    for cell, size in cells.items():
        sizes[named[cell].name] += size
        assert named[cell].provider in (None, cell[1])
    if whole < 2:
        return
    assert min(sizes.values()) >= 2
    counts = allotted(list(sizes.values()), cases)
    assert sum(counts) == cases
    assert all(2 <= count <= size for count, size in zip(counts, sizes.values(), strict=True))
    spare = [count - cases * size / whole for count, size in zip(counts, sizes.values(), strict=True) if count > 2]
    assert all(each < 1 for each in spare), "nothing beyond the minimum is more than its part, rounded up"


def test_small_providers_are_one_stratum_and_alternatives_give_way_last() -> None:
    cells = {(way, f"P{size}"): size for way in "ab" for size in (1, 1_000, 500)}
    names = {each.name for each in strata_of(cells, 1_000).values()}
    assert names == {f"{way}, {whom}" for way in "ab" for whom in ("P1000", OTHERS)}, "P1 alone would be one case"
    many = {(f"way {number}", provider): 50 for number in range(9) for provider in ("P1", "P2")}
    assert {each.name for each in strata_of(many, 8).values()} == {"P1", "P2"}
    assert {each.name for each in strata_of(many, 2).values()} == {OTHERS}
