"""Rows are counted by key, and combinations of answers numbered, in batches from several threads: as by a loop."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ebi_rules.engines import key_counts, tuple_numbers
from ebi_rules.engines.key_counts import KeyCounts
from ebi_rules.engines.tuple_numbers import TupleNumbers

_BATCHES = 40


@pytest.mark.parametrize("words", [1, 2, 3])
@pytest.mark.parametrize("at_once", [50, 10_000_000])
def test_rows_are_counted_by_key(words: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_counts, "_ROWS_AT_ONCE", at_once)
    choice = np.random.default_rng(words)
    batches = [[choice.integers(0, 9, rows) << 50 for _ in range(words)] for rows in choice.integers(0, 60, _BATCHES)]
    counts = KeyCounts(words)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(counts.add, [[word.copy() for word in batch] for batch in batches]))
    keys, rows = counts.total()
    found = dict(zip(zip(*(word.tolist() for word in keys), strict=True), rows.tolist(), strict=True))
    expected = Counter(key for batch in batches for key in zip(*(word.tolist() for word in batch), strict=True))
    assert found == expected
    assert list(found) == sorted(found)


@pytest.mark.parametrize("words", [1, 2])
def test_no_rows_have_no_keys(words: int) -> None:
    keys, rows = KeyCounts(words).total()
    assert [len(word) for word in keys] == [0] * words
    assert not len(rows)


@pytest.mark.parametrize("words", [1, 2, 3, 4])
@pytest.mark.parametrize("highest", [2, 400])
def test_a_combination_has_one_number(words: int, highest: int) -> None:
    choice = np.random.default_rng(highest)
    batches = [[choice.integers(0, highest, 500) << 40 for _ in range(words)] for _ in range(_BATCHES)]
    numbers = TupleNumbers(words)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(numbers.of, batches))
    combinations = numbers.combinations()
    assert len(combinations) == words
    for batch, number in zip(batches, found, strict=True):
        for word, of_number in zip(batch, combinations, strict=True):
            assert (of_number[number] == word).all()
    as_tuples = list(zip(*(word.tolist() for word in combinations), strict=True))
    assert len(set(as_tuples)) == len(as_tuples)


@pytest.mark.parametrize("most_pairs", [1, 64, 2**22])
def test_low_and_high_numbers_are_numbered_together(most_pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuple_numbers, "_MOST_PAIRS", most_pairs)
    choice = np.random.default_rng(7)
    highest = [3, 9, 60, 2, 2**40, 5, 1]
    batches = [[choice.integers(0, each, 300, endpoint=True) for _ in range(3)] for each in highest for _ in range(4)]
    numbers = TupleNumbers(3)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(numbers.of, batches))
    for batch, number in zip(batches, found, strict=True):
        for word, of_number in zip(batch, numbers.combinations(), strict=True):
            assert (of_number[number] == word).all()
