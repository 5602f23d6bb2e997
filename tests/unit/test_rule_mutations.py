"""Random edits of the meaning of shipped rules are revealed by lint, by `show --diff` or by the copy of the source."""

import pytest

from tests.unit.rule_mutations import EDITS_OF_A_RULE, edits, files


@pytest.mark.parametrize("number", [1, pytest.param(EDITS_OF_A_RULE, marks=pytest.mark.long)])
def test_every_edit_is_revealed(number: int) -> None:
    made = [(file.rule.key, edit) for file in files() for edit in edits(file, number)]
    assert len(made) > 0.8 * number * len(files())
    assert [(key, edit) for key, edit in made if edit.found_by == "nothing"] == []
    by_lint = sum(edit.found_by == "lint" for _, edit in made)
    assert by_lint > 0.6 * len(made)
