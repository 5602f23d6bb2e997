"""Numbers that stand for rows: ranges and places in them, words of several keys, counts; each row has its own back."""

from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from ebi_rules.engines.code_shapes import code_findings
from ebi_rules.engines.distinct_numbers import rows_of_each, starts_of_runs
from ebi_rules.engines.packed_keys import Packed, Part
from ebi_rules.engines.placed_numbers import KnownAnswers, PlacedNumbers
from ebi_rules.translate.date_formats import in_calendar
from ebi_rules.translate.filled_numbers import filled
from ebi_rules.translate.placed import Placed

COLUMNS = {
    "ages": pl.Series([45, None, 0, 120, 45, 7001]),
    "one": pl.Series([3]),
    "below 0": pl.Series([-5, -1, None, -5, -3, -4, -2]),
    "sixteen bits": pl.Series([255, 0, None, 254, *range(300, 400)], dtype=pl.UInt16),
    "lowest of 32 bits": pl.Series([-(2**31), None, -(2**31) + 1], dtype=pl.Int32),
    "highest of 32 bits": pl.Series([2**32 - 1, None, 2**32 - 2], dtype=pl.UInt32),
    "far apart": pl.Series([0, 2**61, None]),
    "farthest": pl.Series([-(2**63), 2**63 - 1]),
    "beyond 63 bits": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
    "nothing": pl.Series([], dtype=pl.Int64),
    "only nulls": pl.Series([None, None], dtype=pl.Int64),
    "decimals": pl.Series([0.5, None, 2.0]),
    "days": pl.Series([date(2024, 2, 29), None, date(2024, 3, 1), date(1969, 12, 31)]),
    "few days": pl.Series([date(2024, 2, 29), None, date(2024, 3, 1)]),
}


@pytest.mark.parametrize("name", list(COLUMNS))
def test_every_row_has_its_value(name: str) -> None:
    values = COLUMNS[name].alias("number")
    placed = PlacedNumbers.of(values)
    found = placed.values if placed.places is None else placed.values.gather(placed.places)
    assert found.dtype == values.dtype
    assert found.to_list() == values.to_list()
    counted = placed.counted()
    expected = {value: values.to_list().count(value) for value in values.drop_nulls()}
    assert dict(counted.rows()) == expected


@pytest.mark.parametrize("first", [-719_163, -719_528, 2_932_896, 2**31 - 40])
def test_days_that_python_has_no_date_for(first: int) -> None:
    """The year 0, where London's clocks put the start of the year 1, and years beyond 9999."""
    numbers = list(range(first, min(first + 30, 2**31 - 1)))
    days = pl.Series("day", [*numbers, None, *numbers], dtype=pl.Int32).cast(pl.Date)
    placed, known = PlacedNumbers.of(days), KnownAnswers()
    assert placed.places is not None
    assert placed.values.gather(placed.places).equals(days)
    found = known.of("number", placed, lambda: pl.col("day").to_physical().cast(pl.Int64).fill_null(0))
    assert found.of_rows().tolist() == [*numbers, 0, *numbers]
    assert placed.counted()["rows"].to_list() == [2] * len(numbers)


def test_near_numbers_are_a_range_and_far_ones_are_not() -> None:
    are_ranges = {name for name, values in COLUMNS.items() if PlacedNumbers.of(values).places is not None}
    assert are_ranges == {"one", "below 0", "lowest of 32 bits", "highest of 32 bits", "few days"}


def test_answers_are_those_of_each_batch() -> None:
    """Batches with the same range share what was worked out; others do not, even of as many numbers."""
    known, asked = KnownAnswers(), []

    def doubled() -> pl.Expr:
        asked.append(1)
        return (pl.col("number") * 2).fill_null(-1)

    for batch in ([1, None, 3], [3, 1, 2, 1], [2, 3, 4], [4, None, 4], [1, 2, 3], [0, 2**40]):
        numbers = PlacedNumbers.of(pl.Series("number", batch))
        found = known.of("doubled", numbers, doubled).of_rows().tolist()
        assert found == [-1 if value is None else 2 * value for value in batch]
        assert known.of("thrice", numbers, lambda: (pl.col("number") * 3).fill_null(0)).of_rows().tolist() == [
            3 * (value or 0) for value in batch
        ]
    assert len(asked) == 5


@pytest.mark.parametrize("missing", [-1, 0, 2**31, -(2**31) - 1, 2**40])
@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt8, pl.Int32, pl.UInt32, pl.Int64])
def test_nulls_are_filled_with_any_number(dtype: type[pl.DataType], missing: int) -> None:
    assert filled(pl.Series([7, None, 0], dtype=dtype), missing).tolist() == [7, missing, 0]
    assert filled(pl.Series([7, 0], dtype=dtype), missing).tolist() == [7, 0]
    assert filled(pa.array([None, 1], pa.int8()), missing).tolist() == [missing, 1]


def test_days_are_filled_as_numbers() -> None:
    assert filled(pl.Series([date(1970, 1, 2), None]), -9).tolist() == [1, -9]


@pytest.mark.parametrize("numbers", [1, 3, 4096, 4097, 30_000])
def test_rows_of_each_number_are_counted(numbers: int) -> None:
    places = np.random.default_rng(1).integers(0, max(1, numbers - 1), 5_000)
    assert rows_of_each(places, numbers).tolist() == np.bincount(places, minlength=numbers).tolist()
    assert rows_of_each(places[:0], numbers).tolist() == [0] * numbers


def test_runs_start_where_any_column_changes() -> None:
    assert starts_of_runs([np.array([1, 1, 1, 2]), np.array([5, 5, 6, 6])], 4).tolist() == [0, 2, 3]
    assert starts_of_runs([], 3).tolist() == [0]
    assert starts_of_runs([np.zeros(0, np.int64)], 0).tolist() == []


@pytest.mark.parametrize("highest", [3, 2**31, 2**62])
@pytest.mark.parametrize("rows", [1, 3, 7, 200])
def test_words_sort_as_their_keys_do(highest: int, rows: int) -> None:
    """Runs of like keys among the first are runs of like words, in one word or in several."""
    for seed in range(10):
        choice = np.random.default_rng(seed)
        keys = {name: choice.choice([0, 1, highest], rows) for name in ("a", "b", "c")}
        packed = Packed([Part(name, highest) for name in keys])
        words = packed.pack({name: Placed(values) for name, values in keys.items()}, rows)
        order = np.lexsort(words[::-1])
        in_order = [word[order] for word in words]
        table = sorted(zip(*(values.tolist() for values in keys.values()), strict=True))
        assert list(zip(*(packed.value(name, in_order).tolist() for name in keys), strict=True)) == table
        for names in (["a"], ["a", "b"], ["a", "b", "c"], []):
            few = [row[: len(names)] for row in table]
            starts = [place for place in range(rows) if place == 0 or few[place] != few[place - 1]]
            assert packed.runs(names, in_order).tolist() == starts


@pytest.mark.parametrize(
    ("cells", "shape"),
    [
        (["A1^B2", "C3^D4", "E5/F6"], "..^.."),
        (["E5/F6", "A1^B2", "C3^D4"], "..^.."),
        (["A1^B2", "E5/F6"], "../.."),
        (["E5/F6", "A1^B2"], "../.."),
    ],
)
def test_an_error_shows_the_commonest_shape_and_of_several_the_first(cells: list[str], shape: str) -> None:
    flags = np.zeros(32, np.int64)
    flags[0b11] = len(cells)  # They have codes, and the first is malformed.
    advice = [
        found.advice for found in code_findings("procedures", "codes", flags, cells) if found.check == "malformed"
    ]
    assert f"A cell such as {shape} " in advice[0]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_at_the_ends_of_64_bits_are_in_the_calendar_or_not(unit: str) -> None:
    ends = pl.Series([-(2**63) + 1, 0, 2**63 - 1, None]).cast(pl.Datetime(unit))  # type: ignore[arg-type]
    found = pl.select(in_calendar(pl.lit(ends), ends.dtype).is_not_null()).to_series().to_list()
    assert found == ([True, True, True, False] if unit == "ns" else [False, True, False, False])
