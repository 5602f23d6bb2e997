"""The parts of criteria about codes that a warehouse answers: the largest, none of which holds without any code."""

import pytest

from ebi_rules.criteria.nodes import NamedCodes
from ebi_rules.criteria.parser import parse
from ebi_rules.statements.answered_criteria import parts_about_codes
from ebi_rules.statements.group_statements import in_words
from opcs_icd import CodeList

LISTS = {
    "hips": NamedCodes("hips", CodeList.opcs(["W37"])),
    "knees": NamedCodes("knees", CodeList.opcs(["W40"])),
    "left": NamedCodes("left", CodeList.opcs(["Z943"])),
    "cancer": NamedCodes("cancer", CodeList.icd(["C00-C99"])),
}
_HIP_OR_LEFT_KNEE = "procedure(hips) OR (procedure(knees) AND procedure(left))"


@pytest.mark.parametrize(
    ("criterion", "parts"),
    [
        ("procedure(hips)", ["procedure(hips)"]),
        (_HIP_OR_LEFT_KNEE, [_HIP_OR_LEFT_KNEE]),
        (f"NOT ({_HIP_OR_LEFT_KNEE})", [_HIP_OR_LEFT_KNEE]),
        ("procedure(hips) OR NOT procedure(knees)", ["procedure(hips)", "procedure(knees)"]),
        ("procedure(hips) AND diagnosis(cancer)", ["procedure(hips)"]),
        (f"age > 18 AND ({_HIP_OR_LEFT_KNEE})", [_HIP_OR_LEFT_KNEE]),
        (
            "(procedure(hips) OR procedure(knees)) AND NOT procedure(left)",
            ["procedure(hips) OR procedure(knees)", "procedure(left)"],
        ),
        ("age > 18 OR diagnosis(cancer)", []),
    ],
)
def test_the_largest_parts_are_answered(criterion: str, parts: list[str]) -> None:
    found = parts_about_codes(parse(criterion, LISTS), "procedures")
    assert list(found) == [parse(part, LISTS) for part in parts]


def test_numbers_that_do_not_fit_have_another_word() -> None:
    assert in_words({"a": 62, "b": 1}) == {"word_1": {"a": 62}, "word_2": {"b": 1}}
    assert in_words({"a": 40, "b": 22, "c": 18}) == {"word_1": {"a": 40, "b": 22}, "word_2": {"c": 18}}
    assert in_words({}) == {}
