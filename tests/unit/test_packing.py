"""Keys packed into words unpack to the same values: nulls, the largest values, several words, late parts."""

import polars as pl
import pytest

from ebi_rules.engines.packed_keys import Packed, Part


@pytest.mark.parametrize("size", [1, 2, 7, 8, 2**20, 2**31])
def test_parts_unpack_to_the_same_values(size: int) -> None:
    values = [0, size - 1, None, size // 2]
    rows = pl.LazyFrame({"a": values, "b": values[::-1], "c": [True, False, True, True], "late": values})
    parts = [Part("a", pl.col("a"), size), Part("b", pl.col("b"), size), Part.of_truth("c", pl.col("c"))]
    packed = Packed(parts, [Part("late", pl.col("late"), size), Part.of_truth("never", pl.lit(False))])
    early = rows.select(*packed.early_keys(), "late")
    words = early.select(packed.keys())
    unpacked = words.select(
        *(packed.value(name).cast(pl.Int64).alias(name) for name in ("a", "b", "late")),
        packed.truth("c").alias("c"),
        packed.truth("never").alias("never"),
    ).collect(engine="streaming")
    assert unpacked["a"].to_list() == unpacked["late"].to_list() == values
    assert unpacked["b"].to_list() == values[::-1]
    assert unpacked["c"].to_list() == [True, False, True, True]
    assert not unpacked["never"].any()
    assert (len(packed.words) > 1) == (size > 2**10)


def test_a_part_without_values_is_null() -> None:
    packed = Packed([Part("nothing", pl.lit(None), 0), Part("a", pl.col("a"), 2)], [])
    words = pl.LazyFrame({"a": [0, 1]}).select(packed.early_keys())
    unpacked = words.select(packed.keys()).select(packed.value("nothing"), packed.value("a").alias("a")).collect()
    assert unpacked.rows() == [(None, 0), (None, 1)]
