"""Recodings: labels for groups of a field's codes, read from TOML, and the referral settings in force.

A recoding turns codes into labels, and a criterion about labels into one about codes. It does not touch an extract.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from ebi_rules._support.errors import DataFileError, unknown
from ebi_rules._support.package_data import data_folder
from ebi_rules._support.toml_file import TomlFile, read_text_file
from ebi_rules.criteria.fields import FIELDS, Kind, normal_code
from ebi_rules.criteria.nodes import Criterion, CriterionError, In, Not

REFERRAL_SETTING = "referral_setting"
VARIABLE = "EBI_REFERRAL_SETTINGS"
"""The environment variable that names a user's file of referral settings, used instead of the package's own."""

_REQUIRED = {"name", "field", "otherwise", "groups"}
_OPTIONAL = {"source", "limits"}


@dataclass(frozen=True)
class Recoding:
    """Labels for the codes of a field.

    Attributes:
        name: The field of labels that results.
        field: The field whose codes have labels.
        labels: The label of each code in normal form.
        otherwise: The label of all other codes and of missing values; None where these have no label.
        source: Where the labels come from.
        limits: What the labels cannot show, one sentence each.
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
        """Return the label of a raw value, None where it has none."""
        code = normal_code(FIELDS[self.field], value)
        return self.otherwise if code is None else self.labels.get(code, self.otherwise)

    def among(self, labels: Iterable[object]) -> Criterion:
        """Return the criterion that the label of an activity is one of these, in terms of its codes.

        Raises:
            CriterionError: A label is unknown, or every label is listed.
        """
        chosen = list(labels)
        title = self.name.replace("_", " ")
        for label in chosen:
            if label not in self.known:
                raise CriterionError(unknown(title, str(label), self.known))
        if set(chosen) == set(self.known):
            raise CriterionError(f"every {title} is listed, so this is always true: take it out.")
        if self.otherwise in chosen:
            return Not(In(self.field, tuple(code for code, label in self.labels.items() if label not in chosen)))
        return In(self.field, tuple(code for code, label in self.labels.items() if label in chosen))


def referral_settings() -> Recoding:
    """Return the settings of sources of referral: the package's, or those in the file that EBI_REFERRAL_SETTINGS names.

    Raises:
        DataFileError: The file cannot be read, or is wrong.

    Example:
        >>> referral_settings().label("3")
        'primary care'
    """
    return _referral_settings(os.environ.get(VARIABLE) or None)


@cache
def _referral_settings(path: str | None) -> Recoding:
    if path is None:
        file = data_folder("recodings") / f"{REFERRAL_SETTING}.toml"
        return read_recoding(file.read_text(encoding="utf-8"), file.name)
    recoding = read_recoding(read_text_file(path, "the referral settings"), path)
    if (recoding.name, recoding.field) != (REFERRAL_SETTING, "referral_source"):
        raise DataFileError(f"{path}: the name must be {REFERRAL_SETTING!r} and the field 'referral_source'.")
    return recoding


def read_recoding(content: str, file: str) -> Recoding:
    """Read a recoding from the text of its file.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.

    Raises:
        DataFileError: The file is wrong; the message names the file, the line and the entry.
    """
    source = TomlFile(content, file)
    table = source.table
    source.require_keys((), table, _REQUIRED, _OPTIONAL)
    coded = [name for name, field in FIELDS.items() if field.kind is Kind.CODE]
    if table["field"] not in coded:
        source.fail(("field",), unknown("coded field", str(table["field"]), coded))
    if not isinstance(table["groups"], dict) or not table["groups"]:
        source.fail(("groups",), "this must be a table with at least one group of codes.")
    return Recoding(
        name=source.text(("name",), table["name"]),
        field=table["field"],
        labels=_labels(source),
        otherwise=source.text(("otherwise",), table["otherwise"]),
        source=table.get("source", ""),
        limits=source.texts(("limits",), table["limits"]) if "limits" in table else (),
    )


def _labels(source: TomlFile) -> dict[str, str]:
    field = FIELDS[source.table["field"]]
    labels: dict[str, str] = {}
    for label, codes in source.table["groups"].items():
        place = ("groups", label)
        if label == source.table["otherwise"]:
            source.fail(place, "this is the label of all other codes, so it cannot have codes of its own.")
        if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
            source.fail(place, "this must be a list of codes in quotation marks, at least one.")
        for text in codes:
            code = normal_code(field, text)
            if code is None:
                source.fail(place, "one of its codes is empty.")
            if code in labels:
                source.fail(place, f"the code {code} appears more than once.")
            labels[code] = label
    return labels
