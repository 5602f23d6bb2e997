"""Secondary suppression, on counts small enough to work out by hand."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from ebi_rules.disclosure.rounding import intervals
from ebi_rules.disclosure.secondary_suppression import Tables, withheld

Cell = tuple[str, str | None, str, str | None, str | None, int]

SCHEMA = {
    "measure": pl.String,
    "item": pl.String,
    "table": pl.String,
    "provider": pl.String,
    "month": pl.String,
    "count": pl.Int64,
}


def _frame(cells: Sequence[Cell]) -> pl.DataFrame:
    return pl.DataFrame(cells, schema=SCHEMA, orient="row").with_columns(
        rule=pl.lit("r"),
        step=pl.lit(None, pl.Int64),
        published=pl.lit(True),
        value=pl.lit(None, pl.String),
        unit=pl.lit(None, pl.String),
    )


def withheld_cells(cells: Sequence[Cell], method: str = "hes") -> list[bool]:
    return withheld(_frame(cells), method, Tables()).to_list()


def months_of_one(counts: Sequence[int]) -> list[Cell]:
    """Return a provider's months, followed by the provider's total."""
    parts: list[Cell] = [
        ("flagged", None, "provider_month", "A", f"2024-{place:02d}", count)
        for place, count in enumerate(counts, start=1)
    ]
    return [*parts, ("flagged", None, "provider", "A", None, sum(counts))]


@pytest.mark.parametrize("method", ["hes", "midpoint6"])
def test_all_months_that_their_total_reveals_are_withheld(method: str) -> None:
    """Twelve suppressed months with a total shown as 10: each can only be 1."""
    assert withheld_cells(months_of_one([1] * 12), method) == [True] * 12 + [False]


def test_months_that_could_have_many_values_are_shown() -> None:
    assert not any(withheld_cells(months_of_one([3, 4, 2, 30, 0])))
    assert not any(withheld_cells(months_of_one([1] * 12), "none"))


def test_a_variant_that_reveals_the_rest_is_withheld() -> None:
    """The rule flags 24 and the variant 23: the one that differs could be worked out."""
    providers: list[Cell] = [("flagged", None, "provider", name, None, 8) for name in "ABC"]
    total: Cell = ("flagged", None, "total", None, None, 24)
    others: list[Cell] = [("variant", "v", "total", None, None, 23), ("differs", "v", "total", None, None, 1)]
    by_sex: list[Cell] = [("flagged", None, "sex", None, None, 12)] * 2
    assert withheld_cells([total, *others, *providers, *by_sex])[1:3] == [True, True]


def test_a_variant_that_adds_and_removes_is_not_part_of_a_sum() -> None:
    """It flags 10 where the rule flags 12, and differs for 20: 11 removed, 9 added."""
    cells: list[Cell] = [
        ("flagged", None, "total", None, None, 12),
        ("variant", "v", "total", None, None, 10),
        ("differs", "v", "total", None, None, 20),
        ("flagged", None, "provider", "A", None, 5),
        ("flagged", None, "provider", "B", None, 7),
    ]
    assert not any(withheld_cells(cells))


@pytest.mark.parametrize(
    ("method", "count", "ends"),
    [
        ("hes", 0, (0, 0)),
        ("hes", 5, (1, 7)),
        ("hes", 8, (8, 12)),
        ("hes", 14, (13, 17)),
        ("midpoint6", 1, (1, 6)),
        ("midpoint6", 12, (7, 12)),
        ("none", 5, (5, 5)),
    ],
)
def test_the_exact_counts_that_are_shown_in_the_same_way(method: str, count: int, ends: tuple[int, int]) -> None:
    lower, upper = intervals(pl.lit(count), method)
    assert pl.select(lower.alias("lower"), upper.alias("upper")).row(0) == ends


def _withheld_of_tables(
    rows: Sequence[tuple[str, str | None, str | None, str | None, int]], tables: Tables
) -> list[bool]:
    """Return which cells (table, provider, value, unit, count) are withheld."""
    kinds = {"table": pl.String, "provider": pl.String, "value": pl.String, "unit": pl.String, "count": pl.Int64}
    frame = pl.DataFrame(rows, schema=kinds, orient="row").with_columns(
        rule=pl.lit("r"),
        measure=pl.lit("flagged"),
        item=pl.lit(None, pl.String),
        month=pl.lit(None, pl.String),
        step=pl.lit(None, pl.Int64),
        published=pl.lit(True),
    )
    return withheld(frame, "hes", tables).to_list()


def test_areas_that_the_area_around_them_reveals_are_withheld() -> None:
    """Twelve suppressed networks in a borough shown as 10; those of another borough could have many values."""
    networks = [("pcn", None, f"N{place}", "One", 1) for place in range(12)]
    others = [("pcn", None, f"M{place}", "Two", count) for place, count in enumerate([3, 40])]
    boroughs = [("borough", None, "One", None, 12), ("borough", None, "Two", None, 43)]
    marks = _withheld_of_tables([*networks, *others, *boroughs], Tables(nested={"pcn": "borough"}))
    assert marks == [True] * 12 + [False] * 4
    assert not any(_withheld_of_tables([*networks, *others, *boroughs], Tables()))


def test_settings_that_their_provider_reveals_are_withheld() -> None:
    """Twelve suppressed settings of a provider shown as 10: each can only be 1."""
    parts = [("provider_referral_setting", None, f"setting {place}", "A", 1) for place in range(12)]
    whole = [("provider", "A", None, None, 12)]
    crossed = Tables(crossed={"provider_referral_setting": ("provider", "referral_setting")})
    assert _withheld_of_tables([*parts, *whole], crossed) == [True] * 12 + [False]


def test_each_rule_is_protected_as_if_it_were_alone_wherever_its_counts_stand() -> None:
    counts: dict[str | None, list[int]] = {None: [1] * 12, "b": [3, 4, 2, 30, 0], "a": [1, 0] * 6, "c": [1] * 12}
    of_rules = [_frame(months_of_one(of_rule)).with_columns(rule=pl.lit(rule)) for rule, of_rule in counts.items()]
    alone = [withheld(frame, "hes", Tables()).to_list() for frame in of_rules]
    assert list(map(any, alone)) == [True, False, True, True]
    together = pl.concat(of_rules, how="vertical_relaxed")
    order = np.random.default_rng(3).permutation(together.height)
    hidden = withheld(together[order], "hes", Tables()).to_numpy()
    in_their_order = np.empty_like(hidden)
    in_their_order[order] = hidden
    assert in_their_order.tolist() == [mark for marks in alone for mark in marks]


def _grid(counts: Sequence[Sequence[int]]) -> list[Cell]:
    """Return the counts of providers by month, followed by the sums of providers, of months, and of all."""
    months = [f"2024-{place:02d}" for place, _ in enumerate(counts[0], start=1)]
    cells: list[Cell] = []
    for provider, of_provider in zip("ABC", counts, strict=False):
        cells += [
            ("flagged", None, "provider_month", provider, month, count)
            for month, count in zip(months, of_provider, strict=True)
        ]
    sums = [("provider", provider, None, sum(row)) for provider, row in zip("ABC", counts, strict=False)]
    sums += [("month", None, month, sum(row)) for month, row in zip(months, zip(*counts, strict=True), strict=True)]
    cells += [("flagged", None, *each) for each in (*sums, ("total", None, None, sum(map(sum, counts))))]  # type: ignore[misc]
    return cells


def test_what_only_several_steps_of_arithmetic_reveal_is_withheld() -> None:
    """B has 9 or more, as one of its months has 8 or more; all have 12 or fewer; so that A has 2 or 3."""
    assert withheld_cells(_grid([[1, 2], [8, 1]])) == [True] * 4 + [False, False, False, True, False]


def test_a_sum_is_looked_at_again_when_its_whole_or_one_of_its_parts_is_known_better() -> None:
    hidden = withheld_cells(_grid([[0, 9, 1, 1], [8, 1, 1, 1]]))
    assert hidden == [True] * 8 + [False, False, False, False, True, True, False]
