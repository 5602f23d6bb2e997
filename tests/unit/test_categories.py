"""Columns of categories are changed, and sorted, as their texts are."""

import numpy as np
import polars as pl
import pytest

from ebi_rules.translate.categories import changed, different_texts, in_text_order

_TEXTS = ("b", "a", "", "é", "a a", None)


def _frame(rows: int, columns: int) -> pl.DataFrame:
    choice = np.random.default_rng(rows + columns)
    texts = {str(column): [_TEXTS[number] for number in choice.integers(6, size=rows)] for column in range(columns)}
    return pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.Categorical()))


@pytest.mark.parametrize("rows", [0, 1, 7, 500])
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_rows_are_in_the_order_of_their_texts(rows: int, columns: int) -> None:
    frame = _frame(rows, columns)
    ordered, is_new = in_text_order(frame, frame.columns)
    as_texts = frame.cast(pl.String).sort(frame.columns, nulls_last=True)
    assert ordered.cast(pl.String).equals(as_texts)
    assert is_new.to_list() == [
        place == 0 or row != as_texts.row(place - 1) for place, row in enumerate(as_texts.rows())
    ]
    again, is_new_again = in_text_order(ordered, frame.columns)
    assert again.equals(ordered)
    assert is_new_again.equals(is_new)


def test_more_texts_than_one_number_can_hold_are_in_order_too() -> None:
    choice = np.random.default_rng(1)
    frame = pl.DataFrame({str(column): choice.permutation(200) for column in range(9)}).cast(pl.String)
    frame = pl.concat([frame, frame.head(3)]).cast(pl.Categorical())
    ordered, is_new = in_text_order(frame, frame.columns)
    assert ordered.cast(pl.String).equals(frame.cast(pl.String).sort(frame.columns))
    assert is_new.sum() == 200


def test_rows_that_are_alike_keep_their_counts() -> None:
    frame = pl.DataFrame(
        {"sex": ["2", None, "2", "1"], "count": [1, 2, 3, 4]}, schema_overrides={"sex": pl.Categorical()}
    )
    ordered, is_new = in_text_order(frame, ["sex"])
    assert sorted(ordered.rows(), key=str) == sorted(frame.rows(), key=str)
    assert is_new.to_list() == [True, True, False, True]


@pytest.mark.parametrize("values", [[], [None], [None, None], ["a"], ["b", None, "a", "b"]])
@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.String(), pl.Enum(["a", "b", "not there"])])
def test_texts_are_changed_one_by_one(values: list[str | None], dtype: pl.DataType) -> None:
    column = pl.Series("letter", values, dtype=dtype)
    seen: list[str] = []

    def doubled(texts: pl.Series) -> pl.Series:
        assert texts.name == "letter"
        seen.extend(texts)
        return texts.str.replace("b", "", literal=True) + texts

    new = changed(column, doubled)
    assert (new.name, new.dtype) == ("letter", pl.Categorical())
    assert new.to_list() == [value and value.replace("b", "") + value for value in values]
    assert sorted(seen) == sorted({value for value in values if value})
    assert changed(column, lambda texts: texts).to_list() == values


def test_a_change_may_leave_no_text() -> None:
    assert changed(pl.Series(["a", "b"]), lambda texts: texts.set(texts == "a", None)).to_list() == [None, "b"]


def test_texts_of_other_columns_are_not_among_those_of_one() -> None:
    pl.Series(["only elsewhere"], dtype=pl.Categorical())
    assert different_texts(pl.Series(["z", "a"], dtype=pl.Categorical())).sort().to_list() == ["a", "z"]
