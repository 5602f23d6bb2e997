"""What was found in the values of an extract, and what must be said about it.

Every engine counts the same things, by Polars or by SQL, as `Finding`s. Here it is decided which of them are errors and
which are warnings, so that the same extract gives the same answer wherever it is. No value of an extract is shown.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ebi_rules._support.errors import ExtractError
from ebi_rules._support.notices import Notice, braced, rows_have
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELDS, IMAGING_FIELD

CHECKS: Mapping[str, str] = {
    "missing": "rows without a value",
    "unknown": "rows with a value that the NHS Data Dictionary does not have for the field",
    "implausible": "rows with a number that the field cannot have, such as an age over 150",
    "short": "rows with a code without its leading zeros, such as 2 for 02",
    "malformed": "rows with a value that cannot be read; for codes, rows whose first code is malformed",
    "disagree": "rows whose NICIP and SNOMED CT codes stand for different examinations",
    "decimal": "rows with a SNOMED CT code that was turned into a decimal number and may have lost digits",
    "unlisted": "rows with an imaging code that the crosswalk lacks: of another part of the body, local, or a mistake",
    "three_characters": "rows whose first code has only three characters",
    "not_codable": "rows with OPCS-4 X99.8: a procedure was carried out that has no code",
    "filler": "rows with only codes that stand for no code, such as R69X in HES outpatients",
    "booked": "rows of an appointment that is booked for a later day than today (attendance status 0)",
    "ambiguous": "rows whose date can be read as day and month or as month and day, where no date decides it",
    "late_evening": "rows with the time 23:00 in summer where all other times are midnight: it may be midnight in UTC",
    "repeated": "rows with the same key as another row",
}
"""What can be found, with a description."""

NUMBER = "a whole number"
CODE_ADVICE = "Write codes with commas between them, such as U054,Z665."

LEAST_SHARE = 0.001
"""Unknown values in more than this share of the rows with a value are a warning."""

LEAST_MALFORMED = 0.05
"""Malformed codes in more than this share of the rows with codes are a warning."""

MOST_SHARE = 0.5
"""Unknown values or malformed codes in more than this share are an error."""

LEAST_ROWS = 20
"""Of fewer rows with a value a share says nothing: what would be an error is a warning."""


@dataclass(frozen=True)
class Finding:
    """How many rows have something in one field.

    Attributes:
        field: The canonical field.
        column: The column, or the columns, in which it was found.
        check: What was found, a key of `CHECKS`.
        rows: How many rows have it.
        of: Among how many: those with a value; for missing values and keys all rows.
        advice: What to do about it, if that depends on the field or its values.
        detail: What part of the rows it is, if a check is counted in parts: "5 characters".
        is_needed: Whether a criterion needs the field: shares of others are never an error.
    """

    field: str
    column: str
    check: str
    rows: int
    of: int
    advice: str = ""
    detail: str = ""
    is_needed: bool = True

    @property
    def share(self) -> float:
        """The share of the rows that have it."""
        return self.rows / self.of if self.of else 0.0

    @property
    def is_most(self) -> bool:
        """Whether most of the rows have it, a criterion needs the field, and there are enough rows to say so."""
        return self.is_needed and self.share > MOST_SHARE and self.of >= LEAST_ROWS


def notices_of(findings: Iterable[Finding], needed: Iterable[str] | None = None) -> list[Notice]:
    """Return the warnings about what was found.

    Args:
        findings: What was found.
        needed: The fields that criteria need; None for all. Of others, unknown values do not matter, and malformed
            codes are a warning.

    Raises:
        ExtractError: Something was found that would make answers wrong.
    """
    fields = None if needed is None else set(needed)
    notices = []
    for found in findings:
        finding = replace(found, is_needed=fields is None or found.field in fields)
        if finding.check == "unknown" and not finding.is_needed:
            continue
        if finding.rows and finding.check in _JUDGES:
            notice = _JUDGES[finding.check](finding)
            if notice:
                notices.append(notice)
    return notices


def _malformed(finding: Finding) -> Notice | None:
    if finding.field in CODE_FIELDS:
        return _malformed_codes(finding)
    if finding.field in IMAGING_FIELD.values():
        return _malformed_imaging_codes(finding)
    advice = " Give ages in completed years." if finding.field == "age" else ""
    raise ExtractError(
        f"{finding.field}: {rows_have(finding.rows)} a value that is not {finding.advice} in the column "
        f"{finding.column}.{advice}"
    )


def _malformed_codes(finding: Finding) -> Notice | None:
    text = f"a malformed first code in {finding.column}"
    share = f"{finding.share:.1%} of those with codes"
    if finding.is_most:
        raise ExtractError(f"{finding.field}: {rows_have(finding.rows)} {text} ({share}). {finding.advice}")
    if finding.share <= LEAST_MALFORMED:
        return None
    return Notice(f"{finding.field}: {{rows_have}} {braced(text)}. Rules do not see these codes.", finding.rows)


def _malformed_imaging_codes(finding: Finding) -> Notice | None:
    kind = FIELDS[finding.field].label
    text = f"a value that is not a {kind} in the column {finding.column}"
    if finding.is_most:
        raise ExtractError(
            f"{finding.field}: {rows_have(finding.rows)} {text}, more than half of those with a value. Name the right "
            f"column with --column {finding.field}=COLUMN."
        )
    return _unless_rare(finding, f"{text}; rules do not see it.")


def _decimal(finding: Finding) -> Notice:
    raise ExtractError(
        f"{finding.field}: {rows_have(finding.rows)} a decimal number in the column {finding.column}, such as 2.4E+08. "
        "SNOMED CT codes have up to 18 digits, of which a number loses the last. Read the column as text from the "
        "source; formatting it as text in a spreadsheet does not bring the digits back."
    )


def _disagree(finding: Finding) -> Notice:
    text = f"codes that stand for different examinations ({braced(finding.column)}); either is enough for a rule."
    return Notice(f"{{rows_have}} {text}", finding.rows)


def _repeated(finding: Finding) -> Notice:
    text = f"the same key ({braced(finding.column)}) as another row; every row is counted. "
    return Notice(f"{{rows_have}} {text}Check for a join that repeats rows.", finding.rows)


def _missing(finding: Finding) -> Notice | None:
    if finding.field != "id":
        return None
    return Notice(f"{{rows_have}} no key ({braced(finding.column)}).", finding.rows)


def _short(finding: Finding) -> Notice:
    text = f"a short code in the column {braced(finding.column)}, such as '2' for '02'; "
    return Notice(f"{finding.field}: {{rows_have}} {text}it was read with its leading zeros.", finding.rows)


def _unknown(finding: Finding) -> Notice | None:
    text = f"a value that the NHS Data Dictionary does not have for it in the column {finding.column}"
    if finding.is_most:
        raise ExtractError(
            f"{finding.field}: {rows_have(finding.rows)} {text}, more than half of those with a value. Name the right "
            f"column with --column {finding.field}=COLUMN, or recode the values."
        )
    return _unless_rare(finding, f"{text}; criteria do not recognise it.")


def _implausible(finding: Finding) -> Notice | None:
    return _unless_rare(finding, f"a number that it cannot have in the column {finding.column}.")


def _unless_rare(finding: Finding, text: str) -> Notice | None:
    if finding.share <= LEAST_SHARE:
        return None
    return Notice(f"{finding.field}: {{rows_have}} {braced(text)}", finding.rows)


def _three_characters(finding: Finding) -> Notice | None:
    if not finding.is_most:
        return None
    raise ExtractError(
        f"{finding.field}: {rows_have(finding.rows)} only three characters in the first code ({finding.column}): they "
        "cannot tell U05.4 from U05.1. Ask for the column with four characters."
    )


def _not_codable(finding: Finding) -> Notice:
    text = "the code X998 (a procedure was carried out that has no code), which is read as no code"
    return Notice(f"{finding.field}: {{rows_have}} {text}.", finding.rows)


def _booked(finding: Finding) -> Notice:
    text = "an appointment that is booked for a later day than today; a later month than this one is read as missing."
    return Notice(f"{finding.field}: {{rows_have}} {text}", finding.rows)


def _ambiguous(finding: Finding) -> Notice:
    text = (
        f"a date in the column {braced(finding.column)} whose day and month cannot be told apart; it was read with the"
    )
    advice = "day first. Write dates as 2024-03-28 if the month comes first."
    return Notice(f"{finding.field}: {{rows_have}} {text} {advice}", finding.rows)


def _late_evening(finding: Finding) -> Notice:
    return Notice(f"{finding.field}: {{rows_have}} {finding.advice}", finding.rows)


_JUDGES: Mapping[str, Callable[[Finding], Notice | None]] = {
    "ambiguous": _ambiguous,
    "booked": _booked,
    "decimal": _decimal,
    "disagree": _disagree,
    "implausible": _implausible,
    "malformed": _malformed,
    "missing": _missing,
    "not_codable": _not_codable,
    "repeated": _repeated,
    "short": _short,
    "three_characters": _three_characters,
    "unknown": _unknown,
    "late_evening": _late_evening,
}
"""What each check means for a run; a check without an entry is only for the profile of an extract."""
