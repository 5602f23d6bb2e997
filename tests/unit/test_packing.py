"""Keys packed into words come out as they went in: nulls, the largest values, more words than one, late parts."""

import polars as pl
import pytest

from ebi_rules.engines.packed_keys import Packed, Part


@pytest.mark.parametrize("size", [1, 2, 7, 8, 2**20, 2**31])
def test_parts_come_out_as_they_went_in(size: int) -> None:
    values = [0, size - 1, None, size // 2]
    rows = pl.LazyFrame({"a": values, "b": values[::-1], "c": [True, False, True, True], "late": values})
    parts = [Part("a", pl.col("a"), size), Part("b", pl.col("b"), size), Part.of_truth("c", pl.col("c"))]
    packed = Packed(parts, [Part("late", pl.col("late"), size), Part.of_truth("never", pl.lit(False))])
    early = rows.select(*packed.early_keys(), "late")
    words = early.select(packed.keys())
    found = words.select(
        *(packed.value(name).cast(pl.Int64).alias(name) for name in ("a", "b", "late")),
        packed.truth("c").alias("c"),
        packed.truth("never").alias("never"),
    ).collect(engine="streaming")
    assert found["a"].to_list() == found["late"].to_list() == values
    assert found["b"].to_list() == values[::-1]
    assert found["c"].to_list() == [True, False, True, True]
    assert not found["never"].any()
    assert (len(packed.words) > 1) == (size > 2**10)


def test_a_part_without_values_is_null() -> None:
    packed = Packed([Part("nothing", pl.lit(None), 0), Part("a", pl.col("a"), 2)], [])
    words = pl.LazyFrame({"a": [0, 1]}).select(packed.early_keys())
    found = words.select(packed.keys()).select(packed.value("nothing"), packed.value("a").alias("a")).collect()
    assert found.rows() == [(None, 0), (None, 1)]
