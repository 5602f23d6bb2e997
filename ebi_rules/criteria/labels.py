"""Recodings: labels for a field's codes, read from TOML, and the settings of referrals and requests in force.

A recoding turns codes into labels, and a criterion about labels into one about codes. It does not touch an extract.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ebi_rules._support.errors import DataFileError, unknown
from ebi_rules._support.package_data import data_folder
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules._support.toml_file import TomlFile, read_text_file
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import And, Compare, Criterion, CriterionError, In, IsNull, Not, Or
from ebi_rules.criteria.normal_values import normal_code
from ebi_rules.criteria.value_patterns import ValuePattern

REFERRAL_SETTING = "referral_setting"
VARIABLE = "EBI_REFERRAL_SETTINGS"
"""The environment variable that names a user's file of referral settings, used instead of the package's own."""

REQUEST_SETTING = "request_setting"
SPECIALIST_VARIABLE = "EBI_SPECIALIST_SETTINGS"
"""The environment variable that names a CSV of the referring organisations that are specialist settings."""

ASKED_BY = {REFERRAL_SETTING: "referral_source", REQUEST_SETTING: "source_setting"}
"""The fields that say from what setting activity was asked for, each with the field that rules ask about."""

REFERRER_TYPE = "referrer_type"

_REQUIRED = {"name", "field", "otherwise"}
_OPTIONAL = {"groups", "patterns", "split", "source", "limits"}
_SPLIT = ("code", "by", "listed", "others")


@dataclass(frozen=True)
class Split:
    """A code whose label depends on the code of another field, once a list of codes of that field is given.

    Attributes:
        code: The code.
        by: The other field.
        listed: The label where the other field's code is in the list.
        others: The label where it is another code.
        codes: The list; None as long as there is none, and the label is then that of unknown values.
    """

    code: str
    by: str
    listed: str
    others: str
    codes: tuple[str, ...] | None = None


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
        patterns: Patterns of codes with their labels; the first that fits counts. For counting, not for criteria.
        split: A code whose label depends on another field.
    """

    name: str
    field: str
    labels: Mapping[str, str]
    otherwise: str | None = None
    source: str = ""
    limits: tuple[str, ...] = ()
    patterns: tuple[tuple[ValuePattern, str], ...] = ()
    split: Split | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """Every label, in the order of the file."""
        labels = [*self.labels.values(), *(label for _, label in self.patterns)]
        return tuple(dict.fromkeys([*labels, *([self.otherwise] if self.otherwise else [])]))

    @property
    def is_split(self) -> bool:
        """Whether a label depends on two fields."""
        return self.split is not None and self.split.codes is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields on which the labels depend."""
        return (self.field, self.split.by) if self.split and self.is_split else (self.field,)

    def label(self, value: object) -> str | None:
        """Return the label of a raw value, None where it has none. Of a split code, that without the other field."""
        code = normal_code(FIELDS[self.field], value)
        if code is None:
            return self.otherwise
        by_pattern = (label for pattern, label in self.patterns if pattern.fits(code))
        return next(by_pattern, self.labels.get(code, self.otherwise))

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
            return Not(self._any_of([label for label in self.known if label not in chosen]))
        return self._any_of(chosen)

    def _any_of(self, labels: Iterable[object]) -> Criterion:
        """Return the criterion that the label is one of these, none of which is `otherwise`."""
        chosen = set(labels)
        criterion: Criterion = In(self.field, tuple(code for code, label in self.labels.items() if label in chosen))
        split = self.split
        if split is None or split.codes is None or not {split.listed, split.others} & chosen:
            return criterion
        is_listed = In(split.by, split.codes)
        of_other: list[Criterion] = [Compare(self.field, "=", split.code)]
        if {split.listed, split.others} <= chosen:
            of_other.append(Not(IsNull(split.by)))
        elif split.listed in chosen:
            of_other.append(is_listed)
        else:
            of_other += [Not(IsNull(split.by)), Not(is_listed)]
        return Or((criterion, And(tuple(of_other))))


def recodings_in_force() -> tuple[Recoding, ...]:
    """Return the recodings of the package, with the user's files in the place of theirs.

    Raises:
        DataFileError: A file cannot be read, or is wrong.
    """
    of_referrals = _of_package("referral_request_setting")
    return (referral_settings(), request_settings(), referrer_types(), of_referrals, _of_package("modality"))


def settings_files() -> dict[str, str]:
    """Return the user's files of settings that are in force, by what they say."""
    variables = {REFERRAL_SETTING: VARIABLE, REQUEST_SETTING: SPECIALIST_VARIABLE}
    return {name: path for name, variable in variables.items() if (path := os.environ.get(variable))}


def settings_of(name: str) -> Recoding | None:
    """Return the recoding of a field of labels about which criteria can ask; None for other fields."""
    return {REFERRAL_SETTING: referral_settings, REQUEST_SETTING: request_settings}.get(name, lambda: None)()


def referral_settings() -> Recoding:
    """Return the settings of sources of referral: the package's, or those in the file that EBI_REFERRAL_SETTINGS names.

    Raises:
        DataFileError: The file cannot be read, or is wrong.

    Example:
        >>> referral_settings().label("3")
        'primary care'
    """
    path = os.environ.get(VARIABLE) or None
    return _referral_settings(path, _state(path))


def request_settings() -> Recoding:
    """Return the settings of requests for imaging, with the list that EBI_SPECIALIST_SETTINGS names.

    Without a list it is not known what setting another provider (06) is.

    Raises:
        DataFileError: The list cannot be read, or has no column of codes.

    Example:
        >>> request_settings().label("4"), request_settings().label("06")
        ('outside specialist settings', 'unknown')
    """
    path = os.environ.get(SPECIALIST_VARIABLE) or None
    return _request_settings(path, _state(path))


def referrer_types() -> Recoding:
    """Return the types of referrers, by the pattern of their codes.

    Example:
        >>> referrer_types().label("G1234567"), referrer_types().label("X9999998")
        ('general practitioner', 'not known')
    """
    return _of_package(REFERRER_TYPE)


def _state(path: str | None) -> object:
    """Return what shows whether a file is another, or was changed, since it was read."""
    if path is None or not Path(path).is_file():
        return None
    status = Path(path).stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@cache
def _of_package(name: str) -> Recoding:
    file = data_folder("recodings") / f"{name}.toml"
    return read_recoding(file.read_text(encoding="utf-8"), file.name)


@cache
def _referral_settings(path: str | None, state: object) -> Recoding:
    if path is None:
        return _of_package(REFERRAL_SETTING)
    recoding = read_recoding(read_text_file(path, "the referral settings"), path)
    if (recoding.name, recoding.field) != (REFERRAL_SETTING, "referral_source"):
        raise DataFileError(f"{path}: the name must be {REFERRAL_SETTING!r} and the field 'referral_source'.")
    return recoding


@cache
def _request_settings(path: str | None, state: object) -> Recoding:
    recoding = _of_package(REQUEST_SETTING)
    if path is None:
        return recoding
    split = recoding.split
    assert split, "the package's file says on which field a request from another provider depends"
    table = read_small_csv(path, "the specialist settings", DataFileError)
    if "code" not in table.columns:
        raise DataFileError(f"{path} has no column code: its columns are {', '.join(table.columns)}.")
    codes = {code for value in table["code"] if (code := normal_code(FIELDS[split.by], value))}
    if not codes:
        raise DataFileError(f"{path} has no codes of organisations.")
    try:
        In(split.by, tuple(sorted(codes)))
    except CriterionError as error:
        raise DataFileError(f"{path}: {error}") from None
    return replace(recoding, split=replace(split, codes=tuple(sorted(codes))))


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
    if ("groups" in table) == ("patterns" in table):
        source.fail((), "there must be either the table groups or the table patterns.")
    for entry in ("groups", "patterns"):
        if entry in table and (not isinstance(table[entry], dict) or not table[entry]):
            source.fail((entry,), "this must be a table with at least one group of codes.")
    return Recoding(
        name=source.text(("name",), table["name"]),
        field=table["field"],
        labels=_labels(source) if "groups" in table else {},
        otherwise=source.text(("otherwise",), table["otherwise"]),
        source=table.get("source", ""),
        limits=source.texts(("limits",), table["limits"]) if "limits" in table else (),
        patterns=tuple(_patterns(source)) if "patterns" in table else (),
        split=_split(source, coded) if "split" in table else None,
    )


def _patterns(source: TomlFile) -> Iterable[tuple[ValuePattern, str]]:
    for label, patterns in source.table["patterns"].items():
        place = ("patterns", label)
        for text in source.texts(place, patterns):
            try:
                yield ValuePattern(text), label
            except DataFileError as error:
                source.fail(place, str(error))


def _split(source: TomlFile, coded: Iterable[str]) -> Split:
    entry = source.table["split"]
    source.require_keys(("split",), entry, _SPLIT, ())
    code, by, listed, others = (source.text(("split", key), entry[key]) for key in _SPLIT)
    if by not in coded:
        source.fail(("split", "by"), unknown("coded field", by, coded))
    groups = source.table.get("groups", {})
    for key, label in (("listed", listed), ("others", others)):
        if label not in groups:
            source.fail(("split", key), unknown("group", label, groups))
    return Split(code, by, listed, others)


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
