"""Groups as a sparse table: rows are numbered in their order, and counts are those that a loop over groups finds."""

import numpy as np
import polars as pl
import pytest

from ebi_rules.engines.distinct_numbers import distinct, number_rows
from ebi_rules.engines.grouped_rows import GroupedRows, table_of_rows

_FAR = 2**40
_FARTHEST = 2**62


@pytest.mark.parametrize("highest", [1, 3, _FAR, _FARTHEST])
@pytest.mark.parametrize("columns", [0, 1, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 200])
def test_rows_are_numbered_in_their_order(highest: int, columns: int, rows: int) -> None:
    choice = np.random.default_rng(4)
    few = choice.integers(0, highest, 7, endpoint=True)
    table = [choice.choice(few, rows) for _ in range(columns)]
    place, number = number_rows(table, rows)
    as_rows = [tuple(int(column[row]) for column in table) for row in range(rows)]
    in_order = sorted(set(as_rows))
    assert [in_order[each] for each in number] == as_rows
    assert [as_rows[each] for each in place] == in_order


def test_rows_of_many_different_numbers_are_numbered_in_their_order() -> None:
    choice = np.random.default_rng(6)
    # 300 different numbers in each of ten columns: more combinations than a whole number can count.
    table = [choice.permutation(300) for _ in range(10)]
    place, number = number_rows(table, 300)
    as_rows = list(zip(*(column.tolist() for column in table), strict=True))
    assert [as_rows[each] for each in place] == sorted(as_rows)
    assert [sorted(as_rows)[each] for each in number] == as_rows


@pytest.mark.parametrize(
    "column",
    [
        [],
        [0],
        [3, 0, 3],
        [_FARTHEST, 1, _FARTHEST, 0],
        [_FARTHEST - 3 * place % 11 * _FAR for place in range(11)] * 200,
    ],
)
def test_different_numbers_are_in_order(column: list[int]) -> None:
    values, places = distinct(np.array(column, np.int64))
    assert values.tolist() == sorted(set(column))
    assert [values.tolist()[place] for place in places] == column


def test_counts_are_those_of_a_loop_over_groups() -> None:
    choice = np.random.default_rng(5)
    groups = 300
    cells, combinations = choice.integers(0, 20, groups), choice.integers(0, 9, groups)
    cells[0], combinations[0] = 19, 8
    rows = choice.integers(1, 2**40, groups)
    answers = pl.DataFrame({"a": choice.random(9) < 0.5, "b": choice.random(9) < 0.5})
    table = GroupedRows(pl.DataFrame({"provider": range(20)}), answers, table_of_rows(cells, combinations, rows, 9))
    truths = {"a": pl.col("a"), "both": pl.col("a") & pl.col("b"), "always": pl.lit(True), "never": pl.lit(False)}
    truth_of = answers.with_columns(**truths)
    expected = {
        name: [
            sum(
                int(rows[group])
                for group in range(groups)
                if cells[group] == cell and truth_of[name][int(combinations[group])]
            )
            for cell in range(20)
        ]
        for name in truths
    }
    assert table.activity().tolist() == expected["always"]
    for name, truth in truths.items():
        assert table.where(truth).tolist() == expected[name]
    lists = [list(truths), [], ["never"], ["both", "a", "both"], ["always"]]
    counted = list(table.counts([[truths[name] for name in names] for names in lists]))
    assert len(counted) == len(lists)
    for names, found in zip(lists, counted, strict=True):
        assert list(zip(*(each.tolist() for each in found), strict=True)) == [
            (cell, place, expected[name][cell])
            for cell in range(20)
            for place, name in enumerate(names)
            if expected[name][cell]
        ]
    assert list(table.counts([])) == []
