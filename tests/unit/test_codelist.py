"""Code lists: reading patterns, matching, algebra and the compact form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opcs_icd import (
    ICD10,
    OPCS4,
    CodeError,
    CodeList,
    CodeSystem,
    CodeSystemError,
    PatternError,
    is_valid,
    normal_form,
    split_codes,
)
from opcs_icd.reference import ReferenceFolderError


@pytest.mark.parametrize(
    ("pattern", "prefixes"),
    [
        ("U05[45]", ("U054", "U055")),
        ("U13[2356]", ("U132", "U133", "U135", "U136")),
        ("Z665", ("Z665",)),
        ("u05.4", ("U054",)),
        (" U05 ", ("U05",)),
        ("V38.2-V38.6", ("V382", "V383", "V384", "V385", "V386")),
        ("[VW]01", ("V01", "W01")),
        ("H51[1-38]", ("H511", "H512", "H513", "H518")),
    ],
)
def test_opcs_patterns_as_published(pattern: str, prefixes: tuple[str, ...]) -> None:
    assert CodeList.opcs([pattern]).prefixes == prefixes


@pytest.mark.parametrize(
    ("pattern", "count", "first", "last"),
    [
        ("C[0-9][0-9]", 100, "C00", "C99"),
        ("C00-C99", 100, "C00", "C99"),
        ("C", 100, "C00", "C99"),
        ("D0", 10, "D00", "D09"),
        ("D4[0-8]", 9, "D40", "D48"),
        ("D37-D48", 12, "D37", "D48"),
        ("V98-W01", 4, "V98", "W01"),
        ("C61X", 1, "C61", "C61"),
        ("M45X9", 1, "M45X9", "M45X9"),
    ],
)
def test_icd_patterns_as_published(pattern: str, count: int, first: str, last: str) -> None:
    prefixes = CodeList.icd([pattern]).prefixes
    assert (len(prefixes), prefixes[0], prefixes[-1]) == (count, first, last)


@pytest.mark.parametrize(
    ("system", "pattern", "problem", "suggestion"),
    [
        (OPCS4, "H51(12389)", "parentheses where a class needs square brackets", "H51[12389]"),
        (OPCS4, "A690)", "a stray parenthesis", "A690"),
        (OPCS4, "U05[45", "opens a class with [ and does not close it", "U05[45]"),
        (OPCS4, "U0545]", "closes a class with ] that was not opened", "U05[45]"),
        (OPCS4, "I101", "in chapter I, which OPCS-4 does not have", "the ICD-10 code I101"),
        (OPCS4, "I10-I15", "in chapter I, which OPCS-4 does not have", "the ICD-10 code I10-I15"),
        (ICD10, "C99-C00", "a range whose end comes before its start", "C00-C99"),
        (OPCS4, "U059-U051", "a range whose end comes before its start", "U051-U059"),
        (OPCS4, "U054-U061", "a range of subdivisions across categories", "U05-U06"),
        (OPCS4, "U054-U13", "a range whose ends have different lengths", None),
        (OPCS4, "UO54", "the letter O where a digit belongs", "U054"),
        (OPCS4, "%U05[45]%", "the wildcard %", "U05[45]"),
        (OPCS4, "U05[45]\u2019", "a quotation mark", "U05[45]"),
        (OPCS4, "U05[^45]", "a negated class", None),
        (OPCS4, "U05[9-1]", "whose range runs backwards", None),
        (OPCS4, "U05[]", "an empty class", None),
        (OPCS4, "U05[4,5]", "contains several patterns", None),
        (OPCS4, "U054,U055", "contains several patterns", None),
        (OPCS4, "U05455", "longer than a code", None),
        (OPCS4, "054", "does not begin with a chapter letter", None),
        (OPCS4, "U05?", "where a digit belongs", None),
        (OPCS4, "", "is empty", None),
        (OPCS4, "[", "opens a class", None),
    ],
)
def test_a_malformed_pattern_is_an_error(
    system: CodeSystem, pattern: str, problem: str, suggestion: str | None
) -> None:
    with pytest.raises(PatternError) as caught:
        CodeList(system, [pattern])
    assert repr(pattern) in str(caught.value)
    assert problem in str(caught.value)
    assert caught.value.suggestion == suggestion


def test_chapter_i_is_an_icd_chapter() -> None:
    assert "I10X" in CodeList.icd(["I10"])


@pytest.mark.parametrize("code", ["U054", "U0541", "u05.4", " U054 ", "U054-"])
def test_matching_is_by_prefix_of_the_normal_form(code: str) -> None:
    assert code in CodeList.opcs(["U05[45]"])
    assert CodeList.opcs(["U05[45]"]).match(code) == "U054"


@pytest.mark.parametrize("code", ["XU054", "U05", "U05[45]", "U056", ""])
def test_what_does_not_match(code: str) -> None:
    assert code not in CodeList.opcs(["U05[45]"])


def test_lists_are_equal_when_they_match_the_same() -> None:
    published = CodeList.icd(["C[0-9][0-9]", "D0", "D3[789]", "D4[012345678]"])
    assert published == CodeList.icd(["C00-C99", "D00-D09", "D37-D48"])
    assert hash(published) == hash(CodeList.icd(["D37-D48", "C00-C99", "D0"]))
    assert CodeList.opcs(["U05", "U054"]) == CodeList.opcs(["U05"])
    assert CodeList.opcs(["U05[0-9]"]) != CodeList.opcs(["U05"])
    assert CodeList.opcs(["Z993"]) != CodeList.icd(["Z993"])


def test_types_never_mix() -> None:
    with pytest.raises(CodeSystemError, match=r"a list of OPCS-4 codes cannot be combined with a list of ICD-10 codes"):
        CodeList.opcs(["Z993"]) | CodeList.icd(["Z993"])
    with pytest.raises(CodeSystemError):
        CodeList.opcs(["Z993"]) - CodeList.icd(["Z993"])


def test_errors_share_one_base() -> None:
    assert issubclass(CodeError, ValueError)
    for error in (PatternError, CodeSystemError, ReferenceFolderError):
        assert issubclass(error, CodeError)


def test_union_and_difference() -> None:
    assert CodeList.opcs(["U054"]) | CodeList.opcs(["U055"]) == CodeList.opcs(["U05[45]"])
    assert CodeList.opcs(["U05[45]"]) - CodeList.opcs(["U054"]) == CodeList.opcs(["U055"])
    assert CodeList.opcs(["V38"]) - CodeList.opcs(["V381"]) == CodeList.opcs(["V38[02-9]"])
    assert CodeList.opcs(["V381"]) - CodeList.opcs(["V38"]) == CodeList.opcs([])


@pytest.mark.parametrize(
    ("patterns", "printed"),
    [
        (["U055", "U054"], "U05[45]"),
        (["C00-C99", "D00-D09", "D37-D48"], "C00-C99, D00-D09, D37-D48"),
        (["Z665", "O162"], "O162, Z665"),
        (["M50", "M51"], "M50, M51"),
        (["V380", "V381", "V382", "V385"], "V38[0-25]"),
        (["V01-Y98"], "V01-V99, W00-W99, X00-X99, Y00-Y98"),
    ],
)
def test_the_compact_form(patterns: list[str], printed: str) -> None:
    system = ICD10 if patterns[0][0] in "CMV" and "-" in patterns[0] else OPCS4
    assert str(CodeList(system, patterns)) == printed


_prefixes = st.from_regex(r"[ABCU][0-2][0-3][0-3]?[01]?", fullmatch=True)


@given(st.lists(_prefixes, min_size=1, max_size=12))
def test_the_compact_form_reads_back(prefixes: list[str]) -> None:
    codes = CodeList.opcs(prefixes)
    assert CodeList.opcs(codes.compact) == codes


@given(st.lists(_prefixes, max_size=6), st.lists(_prefixes, max_size=6), _prefixes)
def test_union_and_difference_by_membership(left: list[str], right: list[str], code: str) -> None:
    a, b = CodeList.opcs(left), CodeList.opcs(right)
    assert (code in a | b) == (code in a or code in b)
    if code in a - b:
        assert code in a
        assert code not in b


def test_normal_form_and_grammar() -> None:
    assert normal_form(" u05.4") == "U054"
    for code in ("U054", "U05", "U0541", "u05.4"):
        assert is_valid(OPCS4, code)
    for code in ("M545", "M54.5", "M545-", "M545-D", "G632-A", "E1030D", "M45X", "M45X-", "M45", "C61X", "M45X9"):
        assert is_valid(ICD10, code)
    for code in ("I101", "U5", "5U0", "", "U054567"):
        assert not is_valid(OPCS4, code)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("||E119 ,E780 ,J849 ||I801 ,I802 ,N179", ("E119", "E780", "J849", "I801", "I802", "N179")),
        ("||E851,T124,X403||Y532,Z921", ("E851", "T124", "X403", "Y532", "Z921")),
        ("U054", ("U054",)),
        ("NULL", ()),
        (None, ()),
        (" || , ", ()),
        ("-,&,M545", ("M545",)),
    ],
)
def test_splitting_codes(text: str | None, codes: tuple[str, ...]) -> None:
    assert split_codes(text, ICD10) == codes
