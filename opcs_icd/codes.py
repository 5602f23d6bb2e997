"""What a code is: the two classifications, the normal form of a code, and how a string of codes is split.

The normal form is deliberately weak: it settles case and dots and leaves the rest, because patterns are
prefixes and a trailing `X`, `-`, `A` or `D` can then never matter.
"""

import re
from enum import Enum

SEPARATORS = ",|; "
"""The characters that stand between codes in hospital data; every run of them is one boundary."""

_NOT_CODES = frozenset({"", "NULL", "-", "&"})
_STROKES = str.maketrans(dict.fromkeys(SEPARATORS, "/"))
_SPLIT = re.compile(f"[{re.escape(SEPARATORS)}]+")


class CodeSystem(Enum):
    """A classification of codes. Codes of different systems never compare: Z99.3 is in both."""

    OPCS4 = "OPCS-4"
    ICD10 = "ICD-10"

    @property
    def letters(self) -> str:
        """The chapter letters in use: OPCS-4 has no chapter I."""
        return "ABCDEFGHJKLMNOPQRSTUVWXYZ" if self is CodeSystem.OPCS4 else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    @property
    def grammar(self) -> re.Pattern[str]:
        """The shape of one code in normal form (NHS Data Dictionary, OPCS-4 CODE and ICD-10 CODE)."""
        return _GRAMMAR[self]


OPCS4 = CodeSystem.OPCS4
ICD10 = CodeSystem.ICD10

_GRAMMAR = {
    # A locally added fifth character is removed before submission, so it exists in local data.
    CodeSystem.OPCS4: re.compile(r"[A-HJ-Z][0-9]{2}[0-9]{0,2}"),
    CodeSystem.ICD10: re.compile(r"[A-Z][0-9]{2}([0-9X][0-9-]?)?-?[AD]?"),
}


def normal_form(code: str) -> str:
    """Give a code without blanks and dots, in upper case: ` u05.4` becomes `U054`."""
    return code.replace(" ", "").replace(".", "").upper()


def is_valid(system: CodeSystem, code: str) -> bool:
    """Say whether `code`, in any spelling, has the shape of a code of `system` (not whether it exists)."""
    return system.grammar.fullmatch(normal_form(code)) is not None


def single_code(cell: str | None) -> str:
    """Read a cell that holds one code, give its normal form; what would separate codes becomes a stroke.

    `U13 2` is U132, and `U132,Z665` is one malformed code that begins as U132 does.
    """
    code = normal_form(cell or "")
    return code.translate(_STROKES)


def split_codes(text: str | None) -> tuple[str, ...]:
    """Split one cell of hospital data into codes in normal form, in their order.

    Any run of commas, bars, semicolons and blanks is a boundary: `||E119 ,E780||I801` holds three codes.
    Empty tokens, the text NULL and HES's fillers `-` and `&` are no codes.
    """
    if text is None:
        return ()
    tokens = (normal_form(token) for token in _SPLIT.split(text))
    return tuple(token for token in tokens if token not in _NOT_CODES)
