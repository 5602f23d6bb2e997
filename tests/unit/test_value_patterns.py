"""Patterns of values: the types of referrers, as regular expressions and as the shapes that SQL asks for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebi_rules._support.errors import DataFileError
from ebi_rules.criteria.labels import read_recoding, referrer_types
from ebi_rules.criteria.value_patterns import DIGIT, OTHER, ValuePattern

_PATTERNS = [pattern for pattern, _ in referrer_types().patterns]
_CODES = st.text(alphabet="CGPHSLDZENX0123456789", max_size=9)


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("C1234567", "consultant"),
        ("c1", "consultant"),
        ("C12345678", "not known"),
        ("CH12", "chiropodist or podiatrist"),
        ("CD12", "dentist"),
        ("G1234567", "general practitioner"),
        ("G9999998", "general practitioner"),
        ("ZE123", "general practitioner"),
        ("ZX123", "not known"),
        ("S12", "general practitioner"),
        ("SL12", "speech and language therapist"),
        ("PH123456", "physiotherapist"),
        ("PH1234567", "not known"),
        ("12A3456B", "nurse"),
        ("N9999998", "nurse"),
        ("N1234567", "not known"),
        ("H9999998", "other professional"),
        ("R9999981", "other professional"),
        ("X9999998", "not known"),
        ("C", "not known"),
        (None, "not known"),
        ("", "not known"),
    ],
)
def test_types_of_referrers(code: str | None, label: str) -> None:
    assert referrer_types().label(code) == label


@given(st.sampled_from(_PATTERNS), _CODES)
def test_shapes_say_the_same_as_the_pattern(pattern: ValuePattern, code: str) -> None:
    shape = re.sub("[0-9]", DIGIT, code)
    by_shape = any(
        len(each) == len(shape)
        and all(mine == theirs or theirs == OTHER for mine, theirs in zip(shape, each, strict=True))
        and all((mine == DIGIT) == (theirs == DIGIT) for mine, theirs in zip(shape, each, strict=True))
        for each in pattern.shapes()
    )
    if not pattern.is_literal:
        assert pattern.fits(code) == by_shape


@pytest.mark.parametrize("text", ["", "C.*", "C\\d{1,", "N999\\d", "c1", "C|G", "(C)", "C\\d{1,2}$", "[a]"])
def test_other_expressions_are_refused(text: str) -> None:
    with pytest.raises(DataFileError, match=r"is not a pattern|mixes digits"):
        ValuePattern(text)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("", "either the table groups or the table patterns"),
        ('[groups]\n"a" = ["1"]\n[patterns]\n"b" = ["C\\\\d"]', "either the table groups or the table patterns"),
        ('[patterns]\n"b" = ["C.*"]', "patterns.b"),
        ('[groups]\n"a" = ["1"]\n[split]\ncode = "6"\nby = "site"\nlisted = "a"', "split: the entry others is missing"),
        ('[groups]\n"a" = ["1"]\n[split]\ncode = "6"\nby = "x"\nlisted = "a"\nothers = "a"', "split.by"),
        ('[groups]\n"a" = ["1"]\n[split]\ncode = "6"\nby = "site"\nlisted = "z"\nothers = "a"', "split.listed"),
    ],
)
def test_a_recoding_with_a_mistake_is_refused(more: str, problem: str) -> None:
    content = f'name = "kind"\nfield = "referrer"\notherwise = "other"\n{more}'
    with pytest.raises(DataFileError, match=problem):
        read_recoding(content, "kind.toml")
