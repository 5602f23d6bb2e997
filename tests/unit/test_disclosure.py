"""Disclosure control: the published examples of both methods."""

import pytest

from ebi_rules._support.errors import InvalidInputError, UsageError
from ebi_rules.disclosure.rounding import control


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, 0),
        (1, None),
        (2, None),
        (5, None),
        (7, None),
        (8, 10),
        (12, 10),
        (13, 15),
        (16, 15),
        (57, 55),
        (10_023, 10_025),
    ],
)
def test_hes(count: int, shown: int | None) -> None:
    """The test points of NHS Digital's codonPython, and the bounds."""
    assert control(count, "hes") == shown


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 3), (6, 3), (7, 9), (12, 9), (13, 15), (18, 15)])
def test_midpoint6(count: int, shown: int) -> None:
    """OpenSAFELY's own table."""
    assert control(count, "midpoint6") == shown


def test_none_and_nonsense() -> None:
    assert control(3, "none") == 3
    with pytest.raises(UsageError, match="the nearest is midpoint6"):
        control(3, "midpoint")
    with pytest.raises(InvalidInputError, match="cannot be negative"):
        control(-1, "hes")
