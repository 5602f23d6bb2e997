"""Random referrals, contacts and weekly lists, close together and with everything odd, as rows and as events."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ebi_rules.criteria.activity import Activity
from ebi_rules.pathways.measure import Event, Measure
from ebi_rules.pathways.wait_meaning import waits

BEGIN = date(2024, 1, 1)
DAYS = 120
LAST_LIST = date(2024, 4, 28)
Waits = Counter[tuple[object, ...]]
"""How many waits are alike: provider, known_from, until, ended, followed, outcome."""


@dataclass(frozen=True)
class Waiting:
    """Rows of three extracts, and the same as events."""

    referrals: pl.DataFrame
    contacts: pl.DataFrame
    lists: pl.DataFrame
    outpatients: pl.DataFrame
    events: list[Event]

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables by name."""
        return {
            "referrals": self.referrals,
            "contacts": self.contacts,
            "lists": self.lists,
            "outpatients": self.outpatients,
        }


def random_waiting(seed: int) -> Waiting:
    """Return referrals with and without contacts, pathways on lists, and outpatients, all of 30 people."""
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    referrals, contacts = _community(rng, events)
    lists = _lists(rng, events)
    outpatients = _outpatients(rng, events)
    return Waiting(referrals, contacts, lists, outpatients, events)


def by_meaning(measure: Measure, data: Waiting, first: date, last: date) -> Waits:
    """Return the waits by their definition."""
    found = waits(measure, data.events, first, last)
    return Counter(
        (wait.provider, wait.known_from, wait.until, wait.ended, int(wait.followed), int(wait.outcome))
        if wait.until is not None
        else (wait.provider, None, None, None, 0, 0)
        for wait in found
    )


def alike(totals: pl.DataFrame) -> Waits:
    """Return the waits that were counted."""
    columns = ["provider", "known_from", "until", "ended", "followed", "outcome"]
    found: Waits = Counter()
    for *key, count in totals.group_by(columns).agg(pl.col("count").sum()).iter_rows():
        found[tuple(key)] += count
    return found


def _day(rng: np.random.Generator, low: int = 0, high: int = DAYS) -> date:
    return BEGIN + timedelta(days=int(rng.integers(low, high)))


def _pick(rng: np.random.Generator, values: list[str | None]) -> str | None:
    return values[int(rng.integers(0, len(values)))]


def _community(rng: np.random.Generator, events: list[Event]) -> tuple[pl.DataFrame, pl.DataFrame]:
    referrals, contacts = [], []
    for number in range(160):
        key = f"R{number if rng.random() < 0.9 else number // 2}"
        start = None if rng.random() < 0.05 else _day(rng, -40, DAYS + 20)
        closed = _day(rng, -20, DAYS + 30) if rng.random() < 0.3 else None
        person = None if rng.random() < 0.1 else f"P{int(rng.integers(0, 30))}"
        team, provider = _pick(rng, ["20", "26", "12", None]), _pick(rng, ["ZZ1", "ZZ2"])
        if any(row[0] == key for row in referrals):
            continue
        some = [(_day(rng), _pick(rng, ["5", "6", "3", "2", "4", None])) for _ in range(int(rng.integers(0, 4)))]
        if some and rng.random() < 0.3:  # Many referrals are closed at their last contact.
            closed = some[-1][0]
        referrals.append((key, person, start, closed, team, provider))
        own = {"id": key, "patient": person, "referral_date": start, "closed_date": closed, "team_type": team}
        own["provider"] = provider
        for place, (day, status) in enumerate(some):
            contacts.append((key, str(place), day, status))
            events.append(Event(str(day), "community", Activity.of({**own, "attendance_status": status})))
        if not some:
            events.append(Event("", "community", Activity.of(own)))
    names = [
        "Unique_ServiceRequestID",
        "Der_Pseudo_NHS_Number",
        "ReferralRequest_ReceivedDate",
        "ReferralClosure_Date",
        "TeamType",
        "OrgID_Provider",
    ]
    kinds = [pl.String, pl.String, pl.Date, pl.Date, pl.String, pl.String]
    first = pl.DataFrame(referrals, schema=dict(zip(names, kinds, strict=True)), orient="row")
    others = {"Unique_ServiceRequestID": pl.String, "Unique_CareContactID": pl.String, "Contact_Date": pl.Date}
    return first, pl.DataFrame(contacts, schema={**others, "AttendOrDNACode": pl.String}, orient="row")


def _lists(rng: np.random.Generator, events: list[Event]) -> pl.DataFrame:
    weeks = [LAST_LIST - timedelta(days=7 * place) for place in range(16)][::-1]
    sent = {"ZZ1": weeks, "ZZ2": [week for place, week in enumerate(weeks) if place not in (5, 6, 14, 15)]}
    rows = []
    for number in range(150):
        provider = _pick(rng, ["ZZ1", "ZZ2"])
        key, person = f"W{number % 120}", None if rng.random() < 0.1 else f"P{int(rng.integers(0, 30))}"
        start = None if rng.random() < 0.05 else _day(rng, -60, DAYS)
        function = _pick(rng, ["110", "410", "300"])
        begin = max((start or BEGIN) + timedelta(days=int(rng.integers(0, 10))), BEGIN)
        stays = int(rng.integers(1, 60))
        seen = (start or BEGIN) + timedelta(days=int(rng.integers(-10, 70))) if rng.random() < 0.4 else None
        appointment = begin + timedelta(days=int(rng.integers(-5, 60))) if rng.random() < 0.3 else None
        outcome = _pick(rng, ["1", "2", None, "9"])
        for week in sent[str(provider)]:
            if begin <= week <= begin + timedelta(days=stays) and rng.random() < 0.95:
                rows.append((key, person, week, start, seen, appointment, outcome, function, provider))
    for provider, own_weeks in sent.items():
        rows += [("always", None, week, BEGIN, None, None, None, "300", provider) for week in own_weeks]
    names = (
        *("PATIENT_PATHWAY_IDENTIFIER", "Pseudo_NHS_NUMBER", "Week_Ending_Date", "REFERRAL_REQUEST_RECEIVED_DATE"),
        *("FIRST_ACTIVITY_DATE", "Outpatient_Appointment_Date", "OUTCOME_OF_ATTENDANCE_CODE"),
        *("ACTIVITY_TREATMENT_FUNCTION_CODE", "ORGANISATION_IDENTIFIER_CODE_OF_PROVIDER"),
    )
    fields = ("id", "patient", "", "referral_date", "first_seen_date", "appointment_date", "attendance_outcome")
    for row in rows:
        values = dict(zip((*fields, "treatment_function", "provider"), row, strict=True))
        week = values.pop("")
        events.append(Event(str(week), "waiting_list", Activity.of(values)))
    kinds = [pl.String, pl.String, *[pl.Date] * 4, *[pl.String] * 3]
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def _outpatients(rng: np.random.Generator, events: list[Event]) -> pl.DataFrame:
    rows = []
    for number in range(80):
        values = {
            "id": str(number),
            "patient": f"P{int(rng.integers(0, 30))}",
            "treatment_function": _pick(rng, ["110", "300"]),
            "first_attendance": _pick(rng, ["1", "2"]),
            "attendance_status": _pick(rng, ["5", "3"]),
            "provider": _pick(rng, ["ZZ1", "ZZ2"]),
        }
        day = _day(rng, 0, DAYS - 5)
        rows.append((number, *list(values.values())[1:], day))
        events.append(Event(str(day), "outpatient", Activity.of(values)))
    names = (
        *("OPA_Ident", "Der_Pseudo_NHS_Number", "Treatment_Function_Code", "First_Attendance", "Attendance_Status"),
        *("Der_Provider_Code", "Appointment_Date"),
    )
    kinds = [pl.Int64, *[pl.String] * 5, pl.Date]
    frame = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    return frame.with_columns(Der_Procedure_All=pl.lit(None, pl.String), Der_Diagnosis_All=pl.lit(None, pl.String))
