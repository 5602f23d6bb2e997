"""The canonical fields of an activity: what each contains, how long its codes are and what they mean.

Meanings follow the NHS Data Dictionary (PERSON STATED GENDER CODE, ADMINISTRATIVE CATEGORY CODE, ATTENDANCE STATUS,
SOURCE OF REFERRAL FOR OUT-PATIENTS, FIRST ATTENDANCE CODE, OUTCOME OF ATTENDANCE CODE, PRIORITY TYPE CODE, ADMISSION
METHOD CODE, PATIENT CLASSIFICATION CODE, ETHNIC CATEGORY), with the codes that HES adds for "not known" and "not
applicable" (HES data dictionary). Which columns of an extract contain a field is for its layout to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """How the values of a field are compared."""

    CODE = "code"
    LABEL = "label"
    NUMBER = "whole number"
    DATE = "date"


@dataclass(frozen=True)
class Field:
    """One canonical field.

    Attributes:
        name: The name in rule files and layouts.
        kind: How its values are compared.
        label: The name in English, without an article.
        width: The length of its codes: shorter ones are filled with leading zeros (2 is read as 02). None where codes
            have no fixed length.
        meanings: The meaning of each code that a reader should not have to look up.
        beginnings: The meaning that all codes with the same beginning share.
        has_local_character: Whether a provider may add a second character of its own to a code.
        testable: Whether a criterion may use the field; any field can be kept in outputs.
    """

    name: str
    kind: Kind
    label: str
    width: int | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    beginnings: Mapping[str, str] = field(default_factory=dict)
    has_local_character: bool = False
    testable: bool = True

    @property
    def is_closed(self) -> bool:
        """Whether `meanings` has every value of the field: any other is unknown."""
        return self.kind is Kind.CODE and bool(self.meanings)

    def is_known(self, code: str) -> bool:
        """Return whether a code in normal form is one of the dictionary's; only for a closed field.

        Example:
            >>> FIELDS["administrative_category"].is_known("02"), FIELDS["administrative_category"].is_known("20")
            (True, False)
        """
        return code in self.meanings or (self.has_local_character and len(code) == 2 and code[0] in self.meanings)


_DEFINITIONS = (
    Field("id", Kind.CODE, "activity key", testable=False),
    Field("patient", Kind.CODE, "patient pseudonym", testable=False),
    Field("activity_date", Kind.DATE, "activity date", testable=False),
    Field("age", Kind.NUMBER, "age"),
    Field(
        "sex",
        Kind.CODE,
        "sex",
        1,
        {"0": "not known", "1": "male", "2": "female", "9": "not specified", "X": "not known"},
    ),
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
            "9": "not known",
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
            "99": "not known",
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
            "9": "not known",
        },
    ),
    Field(
        "attendance_outcome",
        Kind.CODE,
        "outcome of attendance",
        1,
        {
            "1": "discharged",
            "2": "another appointment given",
            "3": "another appointment to be given later",
            "8": "not applicable",
            "9": "not known",
        },
    ),
    Field("nicip", Kind.CODE, "NICIP code"),
    Field("snomed", Kind.CODE, "SNOMED CT code"),
    Field(
        "source_setting",
        Kind.CODE,
        "setting of the request",
        2,
        {
            "01": "inpatient of this provider",
            "02": "day case of this provider",
            "03": "outpatient of this provider",
            "04": "direct access by a general practitioner",
            "05": "emergency department of this provider",
            "06": "another health care provider",
            "07": "other",
            "99": "not known",
        },
    ),
    Field("referring_organisation", Kind.CODE, "referring organisation"),
    Field(
        "cancer_pathway",
        Kind.CODE,
        "cancer pathway flag",
        1,
        {"Y": "on a cancer pathway", "N": "not on one", "1": "on a cancer pathway", "0": "not on one"},
    ),
    Field("birth_date", Kind.DATE, "date of birth", testable=False),
    Field("request_date", Kind.DATE, "day of the request", testable=False),
    Field("received_date", Kind.DATE, "day on which the request was received", testable=False),
    Field("report_date", Kind.DATE, "day of the report", testable=False),
    Field("referral_date", Kind.DATE, "day of the referral", testable=False),
    Field("triage_date", Kind.DATE, "day of the triage", testable=False),
    Field("closed_date", Kind.DATE, "day on which the referral was closed", testable=False),
    Field("first_seen_date", Kind.DATE, "day of the first activity", testable=False),
    Field("appointment_date", Kind.DATE, "day of the appointment", testable=False),
    Field("clock_start", Kind.DATE, "start of the referral-to-treatment period", testable=False),
    Field("clock_stop", Kind.DATE, "end of the referral-to-treatment period", testable=False),
    Field("contact", Kind.CODE, "contact key", testable=False),
    Field("team_type", Kind.CODE, "type of team", 2),
    Field("referral_reason", Kind.CODE, "reason for the referral"),
    Field("waiting_list_type", Kind.CODE, "type of waiting list"),
    Field("department_type", Kind.CODE, "type of emergency department", 2),
    Field("attendance_category", Kind.CODE, "category of emergency attendance", 1),
    Field(
        "priority",
        Kind.CODE,
        "priority type",
        1,
        {"1": "routine", "2": "urgent", "3": "two week wait", "9": "not known"},
    ),
    Field(
        "admission_method",
        Kind.CODE,
        "admission method",
        2,
        {
            "11": "waiting list",
            "12": "booked",
            "13": "planned",
            "21": "emergency department",
            "22": "emergency, from a general practitioner",
            "23": "emergency, from a bed bureau",
            "24": "emergency, from a consultant's clinic",
            "25": "emergency, from a mental health crisis team",
            "28": "emergency, other",
            "2A": "emergency department of another provider",
            "2B": "emergency transfer from another provider",
            "2C": "baby born at home as intended",
            "2D": "emergency, other means",
            "31": "before delivery",
            "32": "after delivery",
            "81": "transfer",
            "82": "born here",
            "83": "born elsewhere",
            "84": "high security hospital, by its admissions panel",
            "89": "high security hospital, from its waiting list",
            "98": "not applicable",
            "99": "not known",
        },
        {"1": "elective", "2": "emergency", "3": "maternity", "8": "other"},
    ),
    Field(
        "patient_classification",
        Kind.CODE,
        "patient classification",
        1,
        {
            "1": "ordinary admission",
            "2": "day case",
            "3": "regular day",
            "4": "regular night",
            "5": "mother and baby",
            "8": "not applicable",
            "9": "not known",
        },
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
            "X": "not known",
            "Z": "not stated",
            "99": "not known",
        },
        has_local_character=True,
    ),
    Field("imd_decile", Kind.NUMBER, "deprivation decile"),
    Field("referral_setting", Kind.LABEL, "referral setting", testable=False),
    Field("request_setting", Kind.LABEL, "setting of the request", testable=False),
    Field("referrer_type", Kind.LABEL, "type of referrer", testable=False),
    Field("modality", Kind.LABEL, "modality", testable=False),
    Field("region", Kind.LABEL, "region of the body", testable=False),
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
    "source_setting",
    "request_setting",
    "referrer_type",
    "referring_organisation",
    "modality",
    "region",
    "team_type",
    "referral_reason",
    "waiting_list_type",
    "department_type",
    "priority",
    "administrative_category",
    "attendance_status",
    "admission_method",
    "patient_classification",
    "ethnic_category",
    "imd_decile",
    "sex",
    "pcn",
    "borough",
    "icb",
)
"""The fields that an audit may group by."""

PRACTITIONERS = ("consultant", "referrer")
"""Fields that identify a person who treats or refers patients."""

ORGANISATIONS = ("provider", "site", "commissioner", "gp_practice", "referring_organisation")
"""Fields that identify an organisation."""

AREAS = ("pcn", "borough", "icb")
"""The areas around a GP practice or an LSOA, smallest first: columns that the file for `--areas` may have."""

TEXTS = (Kind.CODE, Kind.LABEL)
"""The kinds of field whose values are texts with few distinct values."""
