"""The criterion language accepts what the design names. It refuses everything else, and says what to write instead."""

import pytest

from ebi_rules.criteria.nodes import And, Compare, CriterionError, HasCode, In, IsNull, NamedCodes, Not, Or, StartsWith
from ebi_rules.criteria.parser import parse
from opcs_icd import CodeList

SPINE = NamedCodes("spine", CodeList.opcs(["U05[45]"]))
CANCER = NamedCodes("cancer", CodeList.icd(["C00-C99"]))
LISTS = {"spine": SPINE, "cancer": CANCER}


def test_precedence_is_sqls() -> None:
    assert parse("sex = '1' OR sex = '2' AND NOT procedure(spine)", LISTS) == Or(
        (Compare("sex", "=", "1"), And((Compare("sex", "=", "2"), Not(HasCode(SPINE)))))
    )


def test_chains_are_flat() -> None:
    parsed = parse("sex = '1' AND age > 3 AND diagnosis(cancer) AND (age < 9 AND age > 4)", LISTS)
    assert isinstance(parsed, And)
    assert len(parsed.operands) == 4


def test_unequal_and_is_not_null_are_denials() -> None:
    assert parse("sex <> '1'", {}) == Not(Compare("sex", "=", "1"))
    assert parse("sex IS NOT NULL", {}) == Not(IsNull("sex"))
    assert parse("sex NOT IN ('1')", {}) == Not(In("sex", ("1",)))
    assert parse("starts_with(admission_method, '2')", {}) == StartsWith("admission_method", "2")


def test_shared_criteria_are_used_by_name() -> None:
    adult = parse("age >= 19", {})
    assert parse("adult AND sex = '1'", {}, {"adult": adult}) == And((adult, Compare("sex", "=", "1")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("age", "age alone is not true or false"),
        ("age = (SELECT 1)", "a code in quotation marks or a number instead of"),
        ("age = 1; DROP TABLE x", "not one criterion"),
        ("age = 1 x", "not part of the criterion language"),
        ("age LIKE '1%'", "not part of the criterion language"),
        ("1 = 1", "the name of a field instead of"),
        ("CASE WHEN age > 3 THEN TRUE END", "not part of the criterion language"),
        ("sex IN (SELECT 1)", "not part of the criterion language"),
        ("EXISTS(SELECT 1)", "not part of the criterion language"),
        ("age = 1 -- why", "a code in quotation marks or a number instead of"),
        ("age IS TRUE", "IS must be followed by NULL"),
        ("a.age = 1", "the name of a field instead of"),
        ('"age" = 1', "the name of a field instead of"),
        ("age = -1", "a code in quotation marks or a number instead of"),
        ("age >= 1.5", "a whole number instead of"),
        ("age BETWEEN 1", "something is missing"),
        ("procedure(", "cannot be parsed"),
        ("", "not one criterion"),
        ("procedure('U05')", "the name of a field instead of"),
        ("procedure(DISTINCT spine)", "the name of a field instead of"),
        ("procedure(spine, spine)", "requires 1 code list, not 2"),
        ("procedure(cancer)", "requires OPCS-4 codes, but cancer is a list of ICD-10 codes"),
        ("procedure_followed_by(spine, cancer)", "but cancer is a list of ICD-10 codes"),
        ("procedure(spin)", "did you mean spine"),
        ("prcedure(spine)", "did you mean procedure"),
        ("aeg > 3", "did you mean age"),
        ("procedure_recordd", "did you mean procedure_recorded"),
        ("age > '3'", "write 3 without quotation marks"),
        ("sex = 1", "write '1' in quotation marks"),
        ("sex < '1'", "codes, which have no order"),
        ("administrative_category = '2'", "write '02' for '2'"),
        ("sex = 'a'", "capital letters and digits"),
        ("sex = ''", "capital letters and digits"),
        ("sex = 'NULL'", "capital letters and digits"),
        ("sex = '%'", "capital letters and digits"),
        ("age BETWEEN 9 AND 1", "write BETWEEN 1 AND 9"),
        ("starts_with(age, '1')", "starts_with requires a code"),
        ("id = '1'", "a criterion cannot use the field id"),
        ("patient IS NULL", "a criterion cannot use the field patient"),
        ("activity_date IS NULL", "a criterion cannot use the field activity_date"),
    ],
)
def test_everything_else_is_refused(text: str, problem: str) -> None:
    with pytest.raises(CriterionError) as error:
        parse(text, LISTS)
    assert problem in str(error.value)
    assert "sqlglot" not in str(error.value)
