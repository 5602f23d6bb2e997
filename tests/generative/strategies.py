"""Hypothesis strategies for rules and extracts, over tiny domains so that values collide."""

from collections.abc import Mapping

from hypothesis import strategies as st

from ebi_rules.criteria import (
    And,
    Between,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    NamedCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from opcs_icd import ICD10, OPCS4, CodeList, CodeSystem
from tests.engines.making import Row

_LISTS: Mapping[CodeSystem, list[NamedCodes]] = {
    OPCS4: [
        NamedCodes("spine", CodeList.opcs(["U05[45]"])),
        NamedCodes("category", CodeList.opcs(["U05"])),
        NamedCodes("site", CodeList.opcs(["Z665", "O162"])),
        NamedCodes("many", CodeList.opcs(["U05-U08", "Z66[0-9]", "A01"])),
    ],
    ICD10: [
        NamedCodes("cancers", CodeList.icd(["C50-C61", "D0[3-6]", "D48"])),
        NamedCodes("back", CodeList.icd(["M54[45]", "M51"])),
    ],
}
_TOKENS: Mapping[CodeSystem, list[str]] = {
    OPCS4: ["U054", "u05.5", "U05", "U0541", "U061", "Z665", "O162", "A01", "XU054", "", "NULL", "-", "&", "U_54", "%"],
    ICD10: ["C509", "c7a", "C61X", "D0", "D05X", "D480", "M545", "m54.4-", "M51", "", "null", "-", "M%"],
}
_SEPARATORS = st.sampled_from(["||", ",", " ,", "|", ";", " ", ",,", "|| "])

_FIELD_VALUES: Mapping[str, list[str]] = {
    "administrative_category": ["01", "02", "20"],
    "attendance_status": ["5", "6"],
    "treatment_function": ["010", "100", "001"],
    "ethnic_category": ["A", "N1", "9"],
}
_RAW_VALUES: Mapping[str, list[str | None]] = {
    "administrative_category": [None, "", " ", "NULL", "01", "1", "02", "2", " 2", "20", "0 2", "A"],
    "attendance_status": [None, "", "null", "5", "6 ", "05"],
    "treatment_function": [None, "", "010", "10", "1", "01", "100", "1000", "A"],
    "ethnic_category": [None, " ", "NULL", "a", "A", "N1", "NUL", "9"],
}
_AGES = [None, -1, 0, 1, 18, 19, 7000, 7001, 7007, 7008]
_BOUNDS = st.sampled_from([-1, 0, 1, 18, 19, 7000, 7001, 7005, 7010])


def named(system: CodeSystem) -> st.SearchStrategy[NamedCodes]:
    return st.sampled_from(_LISTS[system])


_SYSTEMS = st.sampled_from([OPCS4, ICD10])

has_code = _SYSTEMS.flatmap(lambda system: st.builds(HasCode, named(system), st.sampled_from(Position)))
followed_by = _SYSTEMS.flatmap(lambda system: st.builds(FollowedBy, named(system), named(system)))
recorded = st.builds(Recorded, _SYSTEMS)
between = st.tuples(_BOUNDS, _BOUNDS).map(lambda pair: Between("age", min(pair), max(pair)))
compare_number = st.builds(Compare, st.just("age"), st.sampled_from(["=", "<", "<=", ">", ">="]), _BOUNDS)
_fields = st.sampled_from(sorted(_FIELD_VALUES))
compare_code = _fields.flatmap(
    lambda name: st.builds(Compare, st.just(name), st.just("="), st.sampled_from(_FIELD_VALUES[name]))
)
in_codes = _fields.flatmap(
    lambda name: st.builds(
        In,
        st.just(name),
        st.lists(st.sampled_from(_FIELD_VALUES[name]), min_size=1, max_size=3, unique=True).map(tuple),
    )
)
in_numbers = st.builds(In, st.just("age"), st.lists(_BOUNDS, min_size=1, max_size=3, unique=True).map(tuple))
is_null = st.builds(IsNull, st.sampled_from(["age", *sorted(_FIELD_VALUES)]))
starts_with = _fields.flatmap(
    lambda name: st.builds(
        StartsWith, st.just(name), st.sampled_from(["0", "00", "01", "1", "2", "5", "A", "N", "NU", "9"])
    )
)

atoms = st.one_of(
    has_code, followed_by, recorded, between, compare_number, compare_code, in_codes, in_numbers, is_null, starts_with
)

criteria: st.SearchStrategy[Criterion] = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@st.composite
def _text(draw: st.DrawFn, system: CodeSystem) -> str | None:
    """Give codes as one text with any separators, or none."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([None, "", "NULL", "||", "  ", "."]))
    text = draw(st.sampled_from(["", "||", " "]))
    for token in draw(st.lists(st.sampled_from(_TOKENS[system]), max_size=4)):
        text += token + draw(_SEPARATORS)
    return text


def _cells(system: CodeSystem) -> st.SearchStrategy[list[str | None]]:
    return st.lists(st.sampled_from([None, *_TOKENS[system]]), max_size=4)


def rows(delimited: bool) -> st.SearchStrategy[list[Row]]:
    """Give rows of canonical values: codes as one text, or in cells of their own."""
    codes = _text if delimited else _cells
    row = st.fixed_dictionaries(
        {
            "procedures": codes(OPCS4),
            "diagnoses": codes(ICD10),
            "age": st.sampled_from(_AGES),
            **{name: st.sampled_from(values) for name, values in _RAW_VALUES.items()},
        }
    )
    return st.lists(row, min_size=1, max_size=20)
