"""Codes of imaging: NICIP short codes and SNOMED CT concepts, which have nothing in common with OPCS-4 and ICD-10.

A NICIP code begins with its modality and may end with a side and with C for contrast. A SNOMED CT identifier is digits,
the last of which checks the others; it is text, because it exceeds what a decimal number can hold exactly. Codes are
compared whole: there are no prefixes. Nothing here knows which codes exist.
"""

import re
from dataclasses import dataclass
from enum import Enum

from opcs_icd.codes import CodeError, normal_form

MODALITIES = {
    "C": "computed tomography",
    "F": "fluoroscopy",
    "M": "magnetic resonance imaging",
    "N": "nuclear medicine",
    "U": "ultrasound",
    "X": "plain x-ray",
}
"""The modality that the first letter of a NICIP code stands for, as far as it is known."""

SIDES = {"B": "both", "L": "left", "R": "right"}

_NICIP = re.compile(r"[A-Z][A-Z0-9]{2,5}")
_SIDE_AND_CONTRAST = re.compile(
    r"(?P<stem>[A-Z][A-Z0-9]{3,4})(?P<side>[BLR])(?P<contrast>C?)|(?P<other>[A-Z][A-Z0-9]{4})C"
)
_SNOMED = re.compile(r"[1-9][0-9]{5,17}")
_EXPONENT = re.compile(r"[0-9.]+E\+?[0-9]+", re.IGNORECASE)


class ImagingCodeError(CodeError):
    """A code of imaging is malformed."""


class ImagingSystem(Enum):
    """A kind of imaging code. Codes of different kinds are never compared."""

    NICIP = "NICIP"
    SNOMED = "SNOMED CT"


@dataclass(frozen=True)
class NicipCode:
    """A NICIP code, taken apart.

    Attributes:
        code: The code in normal form.
        modality: A key of `MODALITIES`; another letter if the modality is not known.
        stem: The code without side and contrast.
        side: A key of `SIDES`; None without a side.
        contrast: Whether it is with contrast.
    """

    code: str
    modality: str
    stem: str
    side: str | None
    contrast: bool


def read_nicip(code: str) -> NicipCode:
    """Return a NICIP code, taken apart by its letters.

    B, L or R behind four or five letters is a side; C behind a side, or behind five letters, is contrast.

    Args:
        code: A code in any spelling.

    Raises:
        ImagingCodeError: It has not the shape of a NICIP code.

    Example:
        >>> read_nicip("mknebc")
        NicipCode(code='MKNEBC', modality='M', stem='MKNE', side='B', contrast=True)
        >>> read_nicip("MLUSP").side is None
        True
    """
    normal = normal_form(code)
    if not _NICIP.fullmatch(normal):
        raise ImagingCodeError("a NICIP code has three to six letters and digits, the first a letter.")
    match = _SIDE_AND_CONTRAST.fullmatch(normal)
    if match is None:
        return NicipCode(normal, normal[0], normal, None, contrast=False)
    stem = match["stem"] or match["other"]
    return NicipCode(normal, normal[0], stem, match["side"], contrast=normal != stem + (match["side"] or ""))


def is_nicip(code: str) -> bool:
    """Return whether a text has the shape of a NICIP code: three to six letters and digits, the first a letter.

    Example:
        >>> is_nicip("MLUSP"), is_nicip("241648005")
        (True, False)
    """
    return bool(_NICIP.fullmatch(normal_form(code)))


def is_snomed(code: str) -> bool:
    """Return whether a text is a SNOMED CT identifier: 6 to 18 digits, whose last digit checks the others (Verhoeff).

    Source:
        SNOMED International, Release File Specification, appendix on check digits.

    Example:
        >>> is_snomed("241648005"), is_snomed("241648006"), is_snomed("1052431000000109")
        (True, False, True)
    """
    return bool(_SNOMED.fullmatch(code)) and _verhoeff(code) == 0


def why_not_snomed(text: str) -> str | None:
    """Return what is wrong with a text that should be a SNOMED CT identifier; None if nothing is.

    Example:
        >>> why_not_snomed("1.05243E+15")
        'a number in exponent form, which has lost its last digits'
    """
    if _EXPONENT.fullmatch(text):
        return "a number in exponent form, which has lost its last digits"
    if not _SNOMED.fullmatch(text):
        return "not 6 to 18 digits"
    return None if _verhoeff(text) == 0 else "a wrong check digit"


def _verhoeff(digits: str) -> int:
    """Return the check value of digits by Verhoeff's scheme: 0 if the last digit is right."""
    value = 0
    for place, digit in enumerate(reversed(digits)):
        value = _MULTIPLIED[value][_PERMUTED[place % 8][int(digit)]]
    return value


def _dihedral(one: int, two: int) -> int:
    """Multiply in the dihedral group of order 10, on which Verhoeff's scheme rests."""
    if one < 5:
        return (one + two) % 5 if two < 5 else 5 + (one + two) % 5
    return 5 + (one - two) % 5 if two < 5 else (one - two) % 5


_MULTIPLIED = [[_dihedral(one, two) for two in range(10)] for one in range(10)]
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_PERMUTED = [list(range(10))]
for _ in range(7):
    _PERMUTED.append([_PERMUTATION[digit] for digit in _PERMUTED[-1]])
