"""An activity as rules see it: codes in order and fields in normal form, free of any layout.

Engines never build these row by row; the reference, the examples in rule files and `explain` do.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ebi_rules._support.errors import InvalidInputError, unknown
from ebi_rules.criteria.fields import FIELDS, MISSING_TEXTS, Kind, normal_age, normal_code
from ebi_rules.criteria.nodes import CODE_FIELDS
from opcs_icd import split_codes

_WHOLE_NUMBER = re.compile(r"([+-]?[0-9]+)(?:\.0+)?")


@dataclass(frozen=True)
class Activity:
    """One row of care.

    `codes` maps the fields that hold codes to codes in normal form, in the activity's order. `fields` maps the
    other canonical names to values in normal form; a field that is absent or None is missing.
    """

    codes: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, str | int | None]

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Activity":
        """Make an activity from canonical names and raw values.

        A field of codes, such as `procedures`, takes a list of codes or one string of them. Raises `InvalidInputError` for a
        name that is no canonical field, or an age that is not a whole number.
        """
        known = [*CODE_FIELDS, *FIELDS]
        for name in values:
            if name not in known:
                raise InvalidInputError(unknown("field", name, known))
            if name in FIELDS and FIELDS[name].kind is Kind.LABEL:
                raise InvalidInputError(f"{name} comes from the codes of another field: give those.")
        return cls(
            codes=MappingProxyType({name: _codes(values.get(name)) for name in CODE_FIELDS}),
            fields=MappingProxyType({name: _normal(name, values[name]) for name in FIELDS if name in values}),
        )


def _codes(value: object) -> tuple[str, ...]:
    if value is None or isinstance(value, str):
        return split_codes(value)
    if isinstance(value, Iterable):
        return tuple(code for cell in value for code in _codes(cell))
    raise InvalidInputError("codes are a list of texts or one text.")


def _normal(name: str, value: object) -> str | int | None:
    definition = FIELDS[name]
    if definition.kind is Kind.CODE:
        return normal_code(definition, value)
    if definition.kind is Kind.DATE:
        return None if value is None else str(value)
    number = _whole_number(name, value)
    return normal_age(number) if name == "age" else number


def _whole_number(name: str, value: object) -> int | None:
    """Read a number that may come as text or, from a column with gaps, as a float."""
    text = "" if value is None else str(value).strip(" ")
    if text.upper() in MISSING_TEXTS:
        return None
    found = _WHOLE_NUMBER.fullmatch(text)
    if not found:
        raise InvalidInputError(f"{name} is not a whole number.")
    return int(found[1])
