"""The normal form of a value and its raw spellings: every translator takes them from here, so that all agree."""

import re

from ebi_rules.criteria.fields import Field, Kind
from opcs_icd import MISSING_TEXTS, WHITE_SPACE

DECIMAL = ".0"
"""What tools that read a code as a number write behind it."""

_DECIMAL_CODE = re.compile(r"[0-9]+\.0")
_NO_WHITE_SPACE = str.maketrans(dict.fromkeys(WHITE_SPACE))

BABY_AGES = range(7001, 7008)
"""HES writes the age of a child under 1 year as 7001 to 7007 (HES data dictionary, APPTAGE, STARTAGE)."""


def normal_code(definition: Field, value: object) -> str | None:
    """Return a coded value as the NHS Data Dictionary writes it.

    Args:
        definition: The field, of kind CODE or LABEL.
        value: The raw value. White space is removed, letters become capitals, a whole number loses its `.0`, and a
            short code is filled with leading zeros. A label only loses the white space at its ends.

    Returns:
        The normal form; None where the value is None, empty or one of `MISSING_TEXTS`.

    Example:
        >>> from ebi_rules.criteria.fields import FIELDS
        >>> normal_code(FIELDS["administrative_category"], " 2"), normal_code(FIELDS["sex"], "1.0")
        ('02', '1')
    """
    if value is None:
        return None
    if definition.kind is Kind.LABEL:
        label = str(value).strip(WHITE_SPACE)
        return None if label.upper() in MISSING_TEXTS else label
    text = str(value).translate(_NO_WHITE_SPACE).upper()
    if text in MISSING_TEXTS:
        return None
    text = text.removesuffix(DECIMAL) if _DECIMAL_CODE.fullmatch(text) else text
    return text.rjust(definition.width, "0") if definition.width else text


def normal_age(value: int | None) -> int | None:
    """Return an age in completed years, with 0 for each of HES's codes for babies.

    Example:
        >>> normal_age(7003)
        0
    """
    return 0 if value in BABY_AGES else value


def raw_spellings(definition: Field, value: str) -> tuple[str, ...]:
    """Return the texts that mean one code in raw data, in capitals and without blanks.

    Args:
        definition: The field.
        value: The code in normal form.

    Returns:
        The code itself, then with one leading zero fewer at a time, and all of these as a number with a decimal.

    Example:
        >>> from ebi_rules.criteria.fields import FIELDS
        >>> raw_spellings(FIELDS["administrative_category"], "02")
        ('02', '2', '02.0', '2.0')
    """
    spellings = [value]
    if definition.width:
        while spellings[-1].startswith("0") and len(spellings[-1]) > 1:
            spellings.append(spellings[-1][1:])
    decimals = [spelling + DECIMAL for spelling in spellings] if value.isdigit() else []
    return (*spellings, *decimals)
