"""One activity as criteria see it: codes in order and fields in normal form, whatever the layout of the extract.

The worked examples in rule files, `explain` and the reference evaluator build activities. Engines do not: they work on
whole columns.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ebi_rules._support.errors import InvalidInputError, unknown
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.criteria.normal_values import normal_age, normal_code
from opcs_icd import MISSING_TEXTS, WHITE_SPACE, CodeSystem, split_codes

_WHOLE_NUMBER = re.compile(r"([+-]?[0-9]+)(?:\.0+)?")


@dataclass(frozen=True)
class Activity:
    """One row of care.

    Attributes:
        codes: The code fields, such as `procedures`, with their codes in normal form and in order.
        fields: The other canonical fields with their values in normal form; a field that is absent or None is missing.
    """

    codes: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, str | int | None]

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Activity":
        """Return the activity with these values.

        Args:
            values: Canonical field names with raw values. A code field takes a list of codes or one text of them; age
                is in completed years.

        Raises:
            InvalidInputError: A name is not a canonical field, a field is derived from the codes of another, or a
                number is not whole.

        Example:
            >>> activity = Activity.of({"procedures": ["U05.5", "Z665"], "age": 45, "administrative_category": "1"})
            >>> activity.codes["procedures"]
            ('U055', 'Z665')
            >>> activity.fields["administrative_category"]
            '01'
        """
        known = [*CODE_FIELDS, *FIELDS]
        for name in values:
            if name not in known:
                raise InvalidInputError(unknown("field", name, known))
            if name in FIELDS and FIELDS[name].kind is Kind.LABEL:
                raise InvalidInputError(f"{name} is derived from the codes of another field: use that field.")
        return cls(
            codes=MappingProxyType({name: _codes(values.get(name), system) for name, system in CODE_FIELDS.items()}),
            fields=MappingProxyType({name: _normal(name, values[name]) for name in FIELDS if name in values}),
        )


def _codes(value: object, system: CodeSystem) -> tuple[str, ...]:
    if value is None or isinstance(value, str):
        return split_codes(value, system)
    if isinstance(value, Iterable):
        return tuple(code for cell in value for code in _codes(cell, system))
    raise InvalidInputError("codes must be text or a list of texts.")


def _normal(name: str, value: object) -> str | int | None:
    definition = FIELDS[name]
    if definition.kind is Kind.CODE:
        return normal_code(definition, value)
    if definition.kind is Kind.DATE:
        return None if value is None else str(value)
    number = _whole_number(name, value)
    return normal_age(number) if name == "age" else number


def _whole_number(name: str, value: object) -> int | None:
    """Read a number that may be text or, from a column with gaps, a float."""
    text = "" if value is None else str(value).strip(WHITE_SPACE)
    if text.upper() in MISSING_TEXTS:
        return None
    match = _WHOLE_NUMBER.fullmatch(text)
    if not match:
        raise InvalidInputError(f"{name} is not a whole number.")
    return int(match[1])
