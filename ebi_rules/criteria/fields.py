"""The canonical fields of an activity: what each holds, how wide its codes are, what the codes mean.

Meanings follow the NHS Data Dictionary (element named beside each field). Everything that compares a field
asks here for its normal form and for the raw spellings of a value, so that all translators agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """How a field's values compare."""

    CODE = "code"
    LABEL = "label"
    NUMBER = "whole number"
    DATE = "date"


@dataclass(frozen=True)
class Field:
    """One canonical field.

    `width` is the length to which a short code is filled with zeros (2 read for 02), None where codes have no fixed
    length; a label stands as it is written. `meanings` are the values a reader should not have to look up, or in
    `beginnings` what all codes that begin so have in common. A field that is not `testable` can be grouped by or
    carried, but no criterion may ask for it.
    """

    name: str
    kind: Kind
    label: str
    width: int | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    beginnings: Mapping[str, str] = field(default_factory=dict)
    testable: bool = True


_DEFINITIONS = (
    Field("id", Kind.CODE, "activity key", testable=False),
    Field("patient", Kind.CODE, "patient pseudonym", testable=False),
    Field("activity_date", Kind.DATE, "activity date", testable=False),
    Field("age", Kind.NUMBER, "age"),
    Field("sex", Kind.CODE, "sex", 1, {"0": "not known", "1": "male", "2": "female", "9": "not specified"}),
    Field(
        "administrative_category",
        Kind.CODE,
        "administrative category",
        2,
        {
            "01": "NHS patient",
            "02": "private patient",
            "03": "amenity patient",
            "04": "category II patient",
            "98": "not applicable",
            "99": "not known",
        },
    ),
    Field(
        "attendance_status",
        Kind.CODE,
        "attendance status",
        1,
        {
            "0": "appointment in the future",
            "2": "cancelled by the patient",
            "3": "did not attend",
            "4": "cancelled by the provider",
            "5": "attended on time",
            "6": "arrived late but was seen",
            "7": "arrived late and was not seen",
        },
    ),
    Field(
        "referral_source",
        Kind.CODE,
        "source of referral",
        2,
        {
            "01": "consultant, after an emergency admission",
            "02": "consultant, after a domiciliary visit",
            "03": "general practitioner",
            "04": "emergency department",
            "05": "another consultant",
            "06": "self-referral",
            "07": "prosthetist",
            "10": "consultant, after an emergency attendance",
            "11": "the same consultant, otherwise",
            "12": "general practitioner with an extended role",
            "13": "specialist nurse",
            "14": "allied health professional",
            "15": "optometrist",
            "16": "orthoptist",
            "17": "screening programme",
            "92": "dental practitioner",
            "93": "community dental service",
            "97": "other",
        },
    ),
    Field(
        "first_attendance",
        Kind.CODE,
        "first attendance",
        1,
        {
            "1": "first attendance",
            "2": "follow-up attendance",
            "3": "first by telephone or video",
            "4": "follow-up by telephone or video",
            "5": "administrative event",
        },
    ),
    Field(
        "attendance_outcome",
        Kind.CODE,
        "outcome of attendance",
        1,
        {"1": "discharged", "2": "another appointment given", "3": "another appointment to be given later"},
    ),
    Field("referral_date", Kind.DATE, "day of the referral", testable=False),
    Field("priority", Kind.CODE, "priority type", 1, {"1": "routine", "2": "urgent", "3": "two week wait"}),
    Field(
        "admission_method",
        Kind.CODE,
        "admission method",
        2,
        {"81": "transfer", "82": "born here", "83": "born elsewhere"},
        {"1": "elective", "2": "emergency", "3": "maternity", "8": "other"},
    ),
    Field(
        "patient_classification",
        Kind.CODE,
        "patient classification",
        1,
        {"1": "ordinary admission", "2": "day case", "3": "regular day", "4": "regular night", "5": "mother and baby"},
    ),
    Field("treatment_function", Kind.CODE, "treatment function", 3),
    Field("provider", Kind.CODE, "provider"),
    Field("site", Kind.CODE, "site of treatment"),
    Field("commissioner", Kind.CODE, "commissioner"),
    Field("gp_practice", Kind.CODE, "GP practice"),
    Field("consultant", Kind.CODE, "consultant"),
    Field("referrer", Kind.CODE, "referrer"),
    Field("lsoa", Kind.CODE, "lower layer super output area"),
    Field(
        "ethnic_category",
        Kind.CODE,
        "ethnic category",
        meanings={
            "A": "White: British",
            "B": "White: Irish",
            "C": "White: any other",
            "D": "Mixed: White and Black Caribbean",
            "E": "Mixed: White and Black African",
            "F": "Mixed: White and Asian",
            "G": "Mixed: any other",
            "H": "Asian: Indian",
            "J": "Asian: Pakistani",
            "K": "Asian: Bangladeshi",
            "L": "Asian: any other",
            "M": "Black: Caribbean",
            "N": "Black: African",
            "P": "Black: any other",
            "R": "Chinese",
            "S": "any other",
            "Z": "not stated",
            "99": "not known",
        },
    ),
    Field("imd_decile", Kind.NUMBER, "deprivation decile"),
    Field("referral_setting", Kind.LABEL, "referral setting", testable=False),
    Field("pcn", Kind.LABEL, "primary care network", testable=False),
    Field("borough", Kind.LABEL, "borough", testable=False),
    Field("icb", Kind.LABEL, "integrated care board", testable=False),
)

FIELDS: Mapping[str, Field] = {definition.name: definition for definition in _DEFINITIONS}

GROUPABLE = (
    "provider",
    "site",
    "commissioner",
    "gp_practice",
    "consultant",
    "referrer",
    "treatment_function",
    "referral_source",
    "referral_setting",
    "priority",
    "ethnic_category",
    "imd_decile",
    "sex",
    "pcn",
    "borough",
    "icb",
)
"""The fields that an audit may group by."""

PRACTITIONERS = ("consultant", "referrer")
"""Fields that name a person who treats patients or refers them."""

AREAS = ("pcn", "borough", "icb")
"""Areas that a GP practice, or an LSOA, is in: what `--areas` may say, the smallest first."""

TEXTS = (Kind.CODE, Kind.LABEL)
"""The kinds of field whose values are texts, of which there are few different ones."""

MISSING_TEXTS = ("", "NULL")
"""What a coded cell holds, blanks removed, when it holds nothing."""

BABY_AGES = range(7001, 7008)
"""HES writes the age of a child under one year as 7001 to 7007 (HES data dictionary, APPTAGE, STARTAGE)."""


def normal_code(definition: Field, value: object) -> str | None:
    """Give a coded value as the data dictionary writes it, or None when there is none.

    Blanks go, letters become capitals, a short code is filled with zeros: ` 2` is `02` where codes have two
    characters. A label loses the blanks at its ends alone. Empty text and the text NULL are no value.
    """
    if value is None:
        return None
    if definition.kind is Kind.LABEL:
        label = str(value).strip(" ")
        return None if label.upper() in MISSING_TEXTS else label
    text = str(value).replace(" ", "").upper()
    if text in MISSING_TEXTS:
        return None
    return text.rjust(definition.width, "0") if definition.width else text


def normal_age(value: int | None) -> int | None:
    """Give an age in completed years: HES's codes for babies are 0."""
    return 0 if value in BABY_AGES else value


def raw_spellings(definition: Field, value: str) -> tuple[str, ...]:
    """Give the texts, blanks removed and in capitals, that a field may hold for the code `value`.

    The code itself comes first, then the code without its leading zeros, one fewer at a time: 02 and 2.
    """
    spellings = [value]
    if definition.width:
        while spellings[-1].startswith("0") and len(spellings[-1]) > 1:
            spellings.append(spellings[-1][1:])
    return tuple(spellings)
