"""Codes of imaging: NICIP codes taken apart, SNOMED CT identifiers checked by their last digit."""

import pytest

from opcs_icd.imaging import ImagingCodeError, NicipCode, is_snomed, read_nicip, why_not_snomed


@pytest.mark.parametrize(
    ("code", "stem", "side", "contrast"),
    [
        ("MLUSP", "MLUSP", None, False),
        ("MLUSPC", "MLUSP", None, True),
        ("mkneb", "MKNE", "B", False),
        (" MKNELC ", "MKNE", "L", True),
        ("UHIPR", "UHIP", "R", False),
        ("XFANKL", "XFANK", "L", False),
        ("CSPN", "CSPN", None, False),
        ("MHIP", "MHIP", None, False),
    ],
)
def test_a_nicip_code_is_taken_apart(code: str, stem: str, side: str | None, contrast: bool) -> None:
    normal = code.strip().upper()
    assert read_nicip(code) == NicipCode(normal, normal[0], stem, side, contrast)


@pytest.mark.parametrize("code", ["", "M", "1KNEB", "MKNEBCX", "M-KNE", "241648005"])
def test_what_is_no_nicip_code_is_refused(code: str) -> None:
    with pytest.raises(ImagingCodeError, match="three to six letters and digits"):
        read_nicip(code)


@pytest.mark.parametrize("code", ["241648005", "433141005", "1052431000000109", "2471000087103", "762008"])
def test_a_snomed_identifier_is_checked_by_its_last_digit(code: str) -> None:
    assert is_snomed(code)
    for digit in "0123456789":
        assert is_snomed(code[:-1] + digit) == (digit == code[-1])


def test_two_digits_swapped_are_found() -> None:
    """Verhoeff's scheme finds every swap of neighbouring digits."""
    code = "1052431000000109"
    for place in range(1, len(code) - 1):
        swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        assert swapped == code or not is_snomed(swapped)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1.05243E+15", "exponent form"),
        ("1.052431e15", "exponent form"),
        ("241648006", "check digit"),
        ("24164", "not 6 to 18 digits"),
        ("MKNEB", "not 6 to 18 digits"),
        ("0241648005", "not 6 to 18 digits"),
    ],
)
def test_what_is_wrong_with_an_identifier_is_said(text: str, problem: str) -> None:
    assert problem in str(why_not_snomed(text))
    assert why_not_snomed("241648005") is None
