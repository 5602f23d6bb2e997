"""Columns of categories: few different texts in many rows. Each text is looked at once, and rows by its number."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import polars as pl


def changed(values: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return texts after a change, as categories; it is made once for each different text.

    Args:
        values: Categories, or values that become texts.
        change: The change of a column of texts that has the name of `values`.

    Example:
        >>> changed(pl.Series(["a", None, "a"]), lambda texts: texts.str.to_uppercase()).to_list()
        ['A', None, 'A']
    """
    categories = values if values.dtype == pl.Categorical() else values.cast(pl.String).cast(pl.Categorical())
    texts = different_texts(categories)
    new = change(texts)
    return categories if new.equals(texts, check_names=False) else _given(categories, texts, new.cast(pl.Categorical()))


def different_texts(categories: pl.Series) -> pl.Series:
    """Return the different texts of a column of categories, in no certain order.

    Example:
        >>> different_texts(pl.Series("sex", ["2", None, "2"], dtype=pl.Categorical())).to_list()
        ['2']
    """
    numbers = categories.to_physical()
    highest: int = numbers.max() or 0  # type: ignore[assignment]
    is_there = np.zeros(highest + 2, np.bool_)
    is_there[numbers.fill_null(highest + 1).to_numpy()] = True
    found = pl.Series(categories.name, np.flatnonzero(is_there[:-1]), dtype=pl.UInt32)
    return found.cat.to(pl.Categorical()).cast(pl.String)


def in_text_order(frame: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """Return rows sorted by some columns of categories, by their texts; missing ones come last.

    Sorting categories compares texts row by row. It is faster to sort by one number, made of each text's place.

    Args:
        frame: The rows.
        names: The columns, the first of which counts most.

    Returns:
        The sorted rows, and which of them has other texts than the one before it.

    Example:
        >>> frame = pl.DataFrame({"sex": ["2", "1", "2"]}, schema={"sex": pl.Categorical()})
        >>> ordered, is_new = in_text_order(frame, ["sex"])
        >>> ordered["sex"].to_list(), is_new.to_list()
        (['1', '2', '2'], [True, True, False])
    """
    ranks, sizes = [], []
    for name in names:
        texts = different_texts(frame[name]).sort()
        rank = _given(frame[name], texts, pl.Series(np.arange(texts.len()), dtype=pl.UInt32))
        ranks.append(rank.fill_null(texts.len()).alias(name))
        sizes.append(texts.len() + 1)
    by = pl.DataFrame(ranks)
    if prod(sizes) < 2**64:
        weights = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
        by = by.select(
            number=pl.sum_horizontal(
                pl.col(name).cast(pl.UInt64) * pl.lit(weight, pl.UInt64)
                for name, weight in zip(names, weights, strict=True)
            )
        )
    if by.width > 1 or not by.to_series().is_sorted():
        order = by.select(pl.arg_sort_by(by.columns)).to_series()
        frame, by = frame[order], by[order]
    is_new = by.select(pl.any_horizontal(pl.all() != pl.all().shift()).fill_null(True)).to_series()
    return frame, is_new.alias("is_new")


def _given(categories: pl.Series, texts: pl.Series, given: pl.Series) -> pl.Series:
    """Return for each row what is given for its text; null where it has none."""
    numbers = texts.cast(pl.Categorical()).to_physical().to_numpy()
    places = np.full(int(numbers.max(initial=0)) + 1, numbers.size, np.uint32)
    places[numbers] = np.arange(numbers.size)
    by_number = given.extend_constant(None, 1).gather(pl.Series(places))
    return by_number.gather(categories.to_physical()).alias(categories.name)
