"""Each mistake of `mistakes` is found by the check that is meant for it, and the good files have no finding."""

import pytest

from tests.unit.mistakes import IMAGING, MISTAKES, OPERATION, Mistake, checks_that_find, planted


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.about for mistake in MISTAKES])
def test_a_mistake_is_found(mistake: Mistake) -> None:
    assert set(mistake.checks) & checks_that_find(planted(mistake))


@pytest.mark.parametrize("good", [IMAGING, OPERATION])
def test_a_good_file_has_no_finding(good: str) -> None:
    assert checks_that_find(good) == set()
