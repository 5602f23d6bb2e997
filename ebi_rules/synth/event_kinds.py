"""The kinds of events that made-up people have, each with the values that record it. This module is data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ELSEWHERE = "elsewhere, not attended"
"""A kind of event that no measure counts."""
OTHERS = (ELSEWHERE, "admitted elsewhere", "contact with another team", "x-ray", "planned emergency attendance")
"""All kinds of events that no measure counts."""
SEEN_ON_LIST, GONE, STAYS = "seen on the list", "gone", "stays"
"""What the entry of a waiting list shows: when somebody was seen, that they are gone, or that they stay."""


@dataclass(frozen=True)
class Kind:
    """The values of one kind of event.

    Attributes:
        procedures: OPCS-4 codes as delimited text; None for no procedure.
        treatment_function: The treatment function code.
        first: First attendance code.
        status: Attendance status code.
        outcome: Outcome of attendance code.
        waited: Days from the referral; None for no referral.
        dataset: The dataset that records it.
        diagnoses: ICD-10 codes as delimited text, in admitted care; None for no diagnosis.
        contacts: In community care, the days of contacts, counted from the event, and their attendance status.
        closed: Whether a community referral was closed on the day of the event.
        team: In community care, the type of team.
        nicip: In imaging, the NICIP code.
        category: In emergency care, the category of the attendance.
        listed: On a waiting list, what its entry shows: `SEEN_ON_LIST`, `GONE` or `STAYS`.
    """

    procedures: str | None = None
    treatment_function: str = "812"
    first: str | None = None
    status: str = "5"
    outcome: str | None = None
    waited: int | None = None
    dataset: str = "outpatient"
    diagnoses: str | None = None
    contacts: Sequence[tuple[int, str | None]] = ()
    closed: bool = False
    team: str = "20"
    nicip: str | None = None
    category: str = "1"
    listed: str = ""


KINDS: Mapping[str, Kind] = {
    "scan": Kind("||U055"),
    "operation": Kind("||V331,Z665", "108", dataset="admitted"),
    "specialist, seen first": Kind(None, "110", "1", outcome="2", waited=40),
    "specialist, seen first, discharged": Kind(None, "110", "1", outcome="1", waited=30),
    "specialist again": Kind(None, "110", "2", outcome="2"),
    "specialist again, discharged": Kind(None, "410", "2", outcome="1"),
    "fracture clinic, seen first": Kind(None, "115", "1", outcome="2", waited=3),
    "pain management, seen first": Kind(None, "191", "1", outcome="2", waited=60),
    "facet joint denervation": Kind("||V485,Z676", "191", dataset="admitted", diagnoses="||M545"),
    "physiotherapy, seen first": Kind(None, "650", "1", outcome="2", waited=14),
    "physiotherapy, not attended": Kind(None, "650", "1", "3"),
    "community contact": Kind(waited=21, dataset="community", contacts=[(0, "5")]),
    "community contact at last": Kind(waited=35, dataset="community", contacts=[(-7, "3"), (0, "6")]),
    "community contact without status": Kind(waited=10, dataset="community", contacts=[(0, None)]),
    "community referral": Kind(waited=0, dataset="community"),
    "community referral closed": Kind(waited=30, dataset="community", closed=True),
    "scan in imaging": Kind(waited=20, dataset="imaging", nicip="MKNEL"),
    "emergency attendance": Kind(dataset="emergency"),
    "on the list until seen": Kind(None, "110", waited=50, dataset="waiting_list", listed=SEEN_ON_LIST),
    "on the list until gone": Kind(None, "110", waited=50, dataset="waiting_list", listed=GONE),
    "on the list": Kind(None, "410", waited=0, dataset="waiting_list", listed=STAYS),
    "specialist, seen from the list": Kind(None, "110", "1", outcome="2", waited=50),
    ELSEWHERE: Kind(None, "300", "2", "3"),
    "admitted elsewhere": Kind(None, "300", dataset="admitted"),
    "contact with another team": Kind(waited=7, dataset="community", contacts=[(0, "5")], team="12"),
    "x-ray": Kind(waited=0, dataset="imaging", nicip="XKNEL"),
    "planned emergency attendance": Kind(dataset="emergency", category="4"),
}
"""The kinds of events, by name."""
