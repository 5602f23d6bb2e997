"""Keys packed into words unpack to the same values: 0, the largest values, several words."""

import numpy as np
import pytest

from ebi_rules.engines.packed_keys import Packed, Part
from ebi_rules.translate.placed import Placed


@pytest.mark.parametrize("highest", [1, 2, 7, 8, 2**20, 2**31, 2**62])
def test_parts_unpack_to_the_same_values(highest: int) -> None:
    values = np.array([0, highest, 1, highest // 2])
    truth = np.array([1, 0, 1, 1])
    numbers = {"a": values, "b": values[::-1], "c": truth, "late": values, "never": np.zeros(4, np.int64)}
    parts = {name: Placed(value) for name, value in numbers.items()}
    packed = Packed([Part(name, 1 if name in ("c", "never") else highest) for name in parts])
    assert packed.has_room(parts)
    words = packed.pack(parts, 4)
    for name, value in numbers.items():
        assert packed.value(name, words).tolist() == value.tolist()
    assert (packed.words > 1) == (highest >= 2**20)


def test_a_part_without_values_takes_no_room() -> None:
    packed = Packed([Part("nothing", 0), Part("a", 2)])
    values = {"nothing": Placed(np.zeros(1, np.int64), np.zeros(2, np.int64)), "a": Placed(np.array([0, 1]))}
    words = packed.pack(values, 2)
    assert packed.value("nothing", words).tolist() == [0, 0]
    assert packed.value("a", words).tolist() == [0, 1]


def test_a_value_above_the_highest_has_no_room() -> None:
    packed = Packed([Part("a", 3)])
    assert packed.has_room({"a": Placed(np.array([3]))})
    assert not packed.has_room({"a": Placed(np.array([0, 4]))})
    assert not packed.has_room({"a": Placed(np.array([-1, 2]))})


def test_keys_apart_have_words_of_their_own() -> None:
    parts = [Part("a", 3), Part("b", 7), Part("alone", 5), Part("also_alone", 2), Part("c", 1)]
    packed = Packed(parts, apart=["alone", "also_alone"])
    values = {part.name: Placed(np.array([0, part.highest])) for part in parts}
    words = packed.pack(values, 2)
    assert packed.words == len(words) == 4
    assert words[1].tolist() == [0, 5]
    assert words[2].tolist() == [0, 2]
    for name, value in values.items():
        assert packed.value(name, words).tolist() == value.values.tolist()
