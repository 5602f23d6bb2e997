"""What a measure of waits means: slow and obvious, over the activities of any number of people.

It checks the examples in measure files, and in tests it judges the fast way, `wait_counts`, and the SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ebi_rules.pathways.measure import Event
from ebi_rules.pathways.measure_meaning import INCOMPLETE, is_a
from ebi_rules.rule_model.measure_logic import LISTED_WITHIN, OWN_DAY, MeasureLogic, Wait
from ebi_rules.statistics.seen_by_day import REMOVED as LEFT
from ebi_rules.statistics.seen_by_day import SEEN, WAITING

REMOVED, STILL_WAITING = "removed", "waiting"


@dataclass(frozen=True)
class KnownWait:
    """A wait, with days counted from the start of the clock.

    Attributes:
        key: The key of the referral or the pathway.
        provider: Its provider.
        start: The day on which the clock starts; None if it is not known.
        known_from: The day from which the data would have shown the end.
        until: The day on which the wait ended, or until which it is known of; None if it is not known.
        ended: How it ended: `SEEN`, `REMOVED` or `WAITING`.
        followed: Whether the data reach beyond the standard, so that it is known whether the wait was longer.
        outcome: Whether it is followed and was longer than the standard.
    """

    key: str | None
    provider: str | None
    start: date | None
    known_from: int = 0
    until: int | None = None
    ended: int = WAITING
    followed: bool = False
    outcome: bool = False


def wait_answers(
    measure: MeasureLogic, events: Sequence[Event], first_day: str, last_day: str
) -> tuple[str | int, ...]:
    """Return how each wait ended, in order of its start: a number of days, `removed`, `waiting` or `incomplete`."""
    known = waits(measure, events, date.fromisoformat(first_day), date.fromisoformat(last_day))
    return tuple(map(_answer, sorted(known, key=lambda wait: (wait.start or date.max, str(wait.key)))))


def _answer(wait: KnownWait) -> str | int:
    if wait.until is None:
        return INCOMPLETE
    if wait.ended == SEEN:
        return wait.until
    return REMOVED if wait.ended == LEFT else STILL_WAITING


def waits(measure: MeasureLogic, events: Sequence[Event], first: date, last: date) -> list[KnownWait]:
    """Return every wait: one for each key, provider and day on which the clock starts.

    Args:
        measure: The measure.
        events: The activities. A referral without a contact has an empty day.
        first: The first day of the dataset of the index.
        last: The last day that all datasets which can end a wait cover.
    """
    assert measure.wait and measure.start, "only measures of waits have waits"
    groups: dict[tuple[object, object, date | None], list[Event]] = {}
    for event in events:
        if is_a(measure.index, event) and not (measure.wait.snapshots and _later(event.day, last)):
            start = _day(event, measure.start)
            values = event.activity.fields
            key = (values.get("id"), values.get("provider"), None if start is None or start > last else start)
            groups.setdefault(key, []).append(event)
    return [
        _wait(measure, measure.wait, _Pathway(group, key, provider, start), events, first, last)
        for (key, provider, start), group in groups.items()
    ]


@dataclass(frozen=True)
class _Pathway:
    """The rows of one key, provider and start."""

    rows: Sequence[Event]
    key: object
    provider: object
    start: date | None

    @property
    def days(self) -> list[date]:
        return sorted(date.fromisoformat(row.day) for row in self.rows if row.day)

    @property
    def people(self) -> set[object]:
        return {value for row in self.rows if (value := row.activity.fields.get("patient")) is not None}


def _wait(
    measure: MeasureLogic, wait: Wait, pathway: _Pathway, events: Sequence[Event], first: date, last: date
) -> KnownWait:
    start = pathway.start
    unknown = KnownWait(_text(pathway.key), _text(pathway.provider), start)
    if start is None or (not wait.snapshots and start < first):
        return unknown
    seen = _first_seen(wait, pathway, events, start, last)
    known_from, known_until = 0, last
    if wait.snapshots:
        listed = pathway.days
        of_provider = [_day(event, OWN_DAY) for event in events if _same_list(event, measure, pathway)]
        later = [day for day in of_provider if day and listed[-1] < day <= last]
        removed, known_until = min(later, default=None), listed[-1]
        known_from = max((listed[0] - start).days, 0)
        end_of_data = max(day for day in of_provider if day and day <= last)
    else:
        closed = [_day(row, wait.removed_on) for row in pathway.rows] if wait.removed_on else []
        removed, end_of_data = min((day for day in closed if day and start <= day <= last), default=None), last
    if seen and (removed is None or seen <= removed):
        ended, end = SEEN, seen
    elif removed:
        ended, end = LEFT, removed
    else:
        ended, end = WAITING, known_until
    until = (end - start).days
    if until < known_from:
        return unknown
    standard = measure.standard_days or 0
    followed = (
        known_from <= LISTED_WITHIN
        and (end_of_data - start).days > standard
        and not (ended == LEFT and until <= standard)
    )
    outcome = followed and until > standard
    return KnownWait(unknown.key, unknown.provider, start, known_from, until, ended, followed, outcome)


def _first_seen(wait: Wait, pathway: _Pathway, events: Sequence[Event], start: date, last: date) -> date | None:
    """Return the earliest day from the start of the clock on, on which something ends the wait."""
    days: list[date] = []
    for end in wait.seen:
        of_list = end.event.dataset == pathway.rows[0].dataset
        among = pathway.rows if of_list else [event for event in events if _same_person(event, pathway)]
        found = [(event, _day(event, end.on)) for event in among if is_a(end.event, event)]
        # A list may have a day that is yet to come when it is read.
        days += [day for event, day in found if day and not (of_list and wait.snapshots and str(day) > event.day)]
    return min((day for day in days if start <= day <= last), default=None)


def _same_person(event: Event, pathway: _Pathway) -> bool:
    values = event.activity.fields
    return values.get("patient") in pathway.people and values.get("provider") == pathway.provider


def _same_list(event: Event, measure: MeasureLogic, pathway: _Pathway) -> bool:
    in_dataset = event.dataset == measure.index.dataset
    return in_dataset and event.activity.fields.get("provider") == pathway.provider


def _later(day: str, last: date) -> bool:
    return not day or date.fromisoformat(day) > last


def _day(event: Event, field: str | None) -> date | None:
    value = event.day if field == OWN_DAY else event.activity.fields.get(field or "")
    return date.fromisoformat(str(value)) if value else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
