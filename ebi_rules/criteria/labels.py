"""One recoding: its codes by label, read from TOML; and the recoding of sources of referral that is in force."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder
from ebi_rules.criteria.fields import FIELDS, Kind, normal_code
from ebi_rules.criteria.nodes import Criterion, CriterionError, In, Not

REFERRAL_SETTING = "referral_setting"
VARIABLE = "EBI_REFERRAL_SETTINGS"
"""The environment variable that names a file of one's own in the place of the package's."""

_REQUIRED = {"name", "field", "otherwise", "groups"}
_ENTRIES = {*_REQUIRED, "source", "limits"}


@dataclass(frozen=True)
class Recoding:
    """A field's codes under labels.

    `name` is the field that it gives, `field` the one whose codes it reads, `labels` the label of each code in normal
    form, `otherwise` the label of any other code and of none; None where these have no label. `limits` say what the
    labels cannot show.
    """

    name: str
    field: str
    labels: Mapping[str, str]
    otherwise: str | None = None
    source: str = ""
    limits: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Every label, in the order of the file."""
        return tuple(dict.fromkeys([*self.labels.values(), *([self.otherwise] if self.otherwise else [])]))

    def label(self, value: object) -> str | None:
        """Give the label of a raw value."""
        code = normal_code(FIELDS[self.field], value)
        return self.otherwise if code is None else self.labels.get(code, self.otherwise)

    def among(self, labels: Iterable[object]) -> Criterion:
        """Give the criterion that an activity's label is one of some, as one about its code.

        Raises `CriterionError` for a label that is none, or when there is no other.
        """
        asked = list(labels)
        for label in asked:
            if label not in self.known:
                raise CriterionError(unknown(self.name.replace("_", " "), str(label), self.known))
        if set(asked) == set(self.known):
            raise CriterionError(f"every {self.name.replace('_', ' ')} is named, so this always holds.")
        if self.otherwise in asked:
            return Not(In(self.field, tuple(code for code, label in self.labels.items() if label not in asked)))
        return In(self.field, tuple(code for code, label in self.labels.items() if label in asked))


def referral_settings() -> Recoding:
    """Give the settings of sources of referral: the package's, or those of the file that EBI_REFERRAL_SETTINGS names.

    Raises `UsageError` for a file that is wrong.
    """
    return _referral_settings(os.environ.get(VARIABLE) or None)


@cache
def _referral_settings(path: str | None) -> Recoding:
    if path is None:
        own = data_folder("recodings") / f"{REFERRAL_SETTING}.toml"
        return read_recoding(own.read_text(encoding="utf-8"), own.name)
    try:
        content = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the referral settings {path} cannot be read: {reason}.") from None
    found = read_recoding(content, path)
    if (found.name, found.field) != (REFERRAL_SETTING, "referral_source"):
        raise UsageError(f"{path}: its name is {REFERRAL_SETTING!r} and its field 'referral_source'.")
    return found


def read_recoding(content: str, file: str) -> Recoding:
    """Read a recoding from TOML. Raises `UsageError` that names the file and the entry."""
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: {error}.") from None
    for entry in table:
        if entry not in _ENTRIES:
            raise UsageError(f"{file}: " + unknown("entry", entry, sorted(_ENTRIES)))
    for entry in sorted(_REQUIRED - set(table)):
        raise UsageError(f"{file}: the entry {entry} is missing.")
    for entry, kind in (("name", str), ("field", str), ("otherwise", str), ("groups", dict), ("limits", list)):
        if not isinstance(table.get(entry, kind()), kind):
            raise UsageError(f"{file}: {entry} is not of the kind that it must be.")
    if table["field"] not in FIELDS or FIELDS[table["field"]].kind is not Kind.CODE:
        coded = [name for name, each in FIELDS.items() if each.kind is Kind.CODE]
        raise UsageError(f"{file}: " + unknown("coded field", table["field"], coded))
    labels = _labels(table, file)
    return Recoding(
        table["name"],
        table["field"],
        labels,
        table["otherwise"],
        table.get("source", ""),
        tuple(table.get("limits", ())),
    )


def _labels(table: Mapping[str, Any], file: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, codes in table["groups"].items():
        if label == table["otherwise"]:
            raise UsageError(f"{file}: {label!r} is what all other codes are called: it names none itself.")
        if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
            raise UsageError(f"{file}: {label!r} is a list of codes in quotation marks, at least one.")
        for written in codes:
            code = normal_code(FIELDS[table["field"]], written)
            if code is None:
                raise UsageError(f"{file}: {label!r} holds an empty code.")
            if code in labels:
                raise UsageError(f"{file}: the code {code} stands twice.")
            labels[code] = label
    if not labels:
        raise UsageError(f"{file}: it names no group of codes.")
    return labels
