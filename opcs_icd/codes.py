"""Codes of the two classifications: their normal form, their shape, and splitting text into codes.

The normal form changes only case, white space, quotation marks and dots. It keeps a trailing `X`, `-`, `A` or `D`,
which makes no difference because patterns are prefixes. Nothing here knows which codes exist.
"""

import re
from enum import Enum

WHITE_SPACE = " \t\n\r\u00a0\u202f\u200b\ufeff"
"""The white space of files as people have them: blank, tab, line ends, two that do not break, two without width."""

_MARKS = ",|;"
_QUOTES = "\"'"
SEPARATORS = _MARKS + WHITE_SPACE + _QUOTES
"""The characters that separate codes in hospital data; a run of them is one boundary."""

MISSING_TEXTS = ("", "NULL", "NA", "NAN", "NONE", "N/A")
"""What databases, R, pandas and spreadsheets write for a missing value, in capitals."""

_FILLERS = ("-", "&")
"""What HES writes in positions that are not used."""

_MARKS_TO_STROKES = str.maketrans(dict.fromkeys(_MARKS, "/"))
_NOTHING = str.maketrans(dict.fromkeys(WHITE_SPACE + _QUOTES + "."))
_SPLIT = re.compile(f"[{re.escape(SEPARATORS)}]+")


class CodeError(ValueError):
    """The base of every error that this package raises on purpose."""


class CodeSystem(Enum):
    """A classification of codes. Codes of different systems are never compared: Z99.3 is in both."""

    OPCS4 = "OPCS-4"
    ICD10 = "ICD-10"

    @property
    def letters(self) -> str:
        """The chapter letters of the classification: OPCS-4 has no chapter I."""
        return "ABCDEFGHJKLMNOPQRSTUVWXYZ" if self is CodeSystem.OPCS4 else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    @property
    def grammar(self) -> re.Pattern[str]:
        """The shape of one code in normal form.

        Source:
            NHS Data Dictionary, OPCS-4 CODE and ICD-10 CODE.
        """
        return _GRAMMAR[self]

    @property
    def not_codes(self) -> tuple[str, ...]:
        """The texts, in normal form, that stand for no code: a missing value, a filler, `NOT_CODABLE`.

        X99.7 says that it is not known whether there was a procedure, X99.9 that there was none.
        """
        others = ("X997", NOT_CODABLE, "X999") if self is CodeSystem.OPCS4 else ()
        return (*MISSING_TEXTS, *_FILLERS, *others)


NOT_CODABLE = "X998"
"""OPCS-4 X99.8: a procedure was carried out that has no code."""

OPCS4 = CodeSystem.OPCS4
ICD10 = CodeSystem.ICD10

_GRAMMAR = {
    # A locally added fifth character is removed before submission, so only local data has it.
    CodeSystem.OPCS4: re.compile(r"[A-HJ-Z][0-9]{2}[0-9]{0,2}"),
    CodeSystem.ICD10: re.compile(r"[A-Z][0-9]{2}([0-9X][0-9-]?)?-?[AD]?"),
}


def normal_form(code: str) -> str:
    """Return a code in upper case, without white space, quotation marks and dots.

    Args:
        code: A code in any spelling.

    Returns:
        The normal form; nothing else is changed or checked.

    Example:
        >>> normal_form(" u05.4")
        'U054'
    """
    return code.translate(_NOTHING).upper()


def is_valid(system: CodeSystem, code: str) -> bool:
    """Return whether a code has the shape of a code of a classification. It need not exist.

    Args:
        system: The classification.
        code: A code in any spelling.

    Returns:
        True if the normal form of the code has the right shape.

    Source:
        NHS Data Dictionary, OPCS-4 CODE and ICD-10 CODE.

    Example:
        >>> is_valid(OPCS4, "U05.4"), is_valid(OPCS4, "I10"), is_valid(ICD10, "I10X")
        (True, False, True)
    """
    return system.grammar.fullmatch(normal_form(code)) is not None


def single_code(cell: str | None) -> str:
    """Return the code in a cell that contains only one code, such as a cell of a numbered column.

    Args:
        cell: The text of the cell, or None for a missing value.

    Returns:
        The normal form, with `/` for each comma, bar and semicolon, so that several codes in the cell make one
        malformed code. Empty for a missing value.

    Example:
        >>> single_code("U13 2"), single_code("U132,Z665"), single_code(None)
        ('U132', 'U132/Z665', '')
    """
    code = normal_form(cell or "")
    return code.translate(_MARKS_TO_STROKES)


def split_codes(text: str | None, system: CodeSystem) -> tuple[str, ...]:
    """Return the codes in a cell that contains several.

    Args:
        text: The text of the cell, or None for a missing value. Any run of commas, bars, semicolons, white space and
            quotation marks separates codes.
        system: The classification.

    Returns:
        Codes in normal form, in the order of the text, without those that stand for no code
        (`CodeSystem.not_codes`).

    Example:
        >>> split_codes("||E11.9 ,E780||NULL", ICD10)
        ('E119', 'E780')
    """
    if text is None:
        return ()
    tokens = (normal_form(token) for token in _SPLIT.split(text))
    return tuple(token for token in tokens if token not in system.not_codes)
