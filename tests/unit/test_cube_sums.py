"""Sums of a cube are those that adding up its columns gives."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from ebi_rules.cube import schema
from ebi_rules.provider_audit.cube_sums import CubeSums

_DIMENSIONS = ("provider", "month", "age_band", "sex")
_KEYS = (["rule"], ["provider", "sex"], ["rule", "measure", "item", "provider", "month"], [*_DIMENSIONS, "measure"])


def _cube(rows: int, texts: int) -> pl.DataFrame:
    choice = np.random.default_rng(texts)
    columns = {
        name: [None if number == 0 else f"{name} {number}" for number in choice.integers(texts, size=rows)]
        for name in schema(_DIMENSIONS)
        if name != "count"
    }
    return pl.DataFrame({**columns, "count": choice.integers(1, 2**40, size=rows)}, schema=schema(_DIMENSIONS))


@pytest.mark.parametrize("keys", _KEYS)
@pytest.mark.parametrize(("rows", "texts"), [(0, 3), (1, 1), (1000, 3), (2000, 700)])
@pytest.mark.parametrize("measures", [None, [], ["measure 1", "measure 2", "no measure"]])
def test_sums_are_those_of_the_columns(keys: Sequence[str], rows: int, texts: int, measures: list[str] | None) -> None:
    cube = _cube(rows, texts)
    used = cube if measures is None else cube.filter(pl.col("measure").cast(pl.String).is_in(measures))
    expected = used.group_by(keys).agg(pl.col("count").sum())
    sums = CubeSums(cube).by(keys, measures)
    assert sums.schema == expected.schema
    assert sums.sort(keys).equals(expected.sort(keys))


def test_more_keys_than_one_number_can_hold_are_added_up_too() -> None:
    keys = [*_DIMENSIONS, "rule", "measure", "item"]
    cube = pl.concat([_cube(800, 700)] * 2)
    wide = cube.with_columns(pl.col("provider").alias(f"unit {number}") for number in range(3))
    keys += [name for name in wide.columns if name.startswith("unit")]
    expected = wide.group_by(keys).agg(pl.col("count").sum())
    assert CubeSums(wide).by(keys).sort(keys).equals(expected.sort(keys))
