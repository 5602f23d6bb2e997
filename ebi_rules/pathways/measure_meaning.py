"""What a measure means: slow and obvious, over the activities of one person.

It checks the examples in measure files, and in tests it judges the fast way, `measure_counts`, and the SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ebi_rules.criteria.evaluate import holds
from ebi_rules.pathways.measure import Event, Measure
from ebi_rules.pathways.working_days import working_days
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, FIRST, OWN_DAY, WITHOUT, EventDefinition, Pairing

INCOMPLETE = "incomplete"
Answer = str | int


@dataclass(frozen=True)
class Index:
    """An index activity with its answer.

    Attributes:
        event: The index activity.
        answer: `yes`, `no`, a number, or `incomplete`.
        gap: The days to the nearest outcome; None if there is none.
    """

    event: Event
    answer: Answer
    gap: int | None


def answers(measure: Measure, events: Sequence[Event], first_day: str, last_day: str) -> list[Index]:
    """Return the index activities of one person, in order of days, each with its answer.

    Args:
        measure: The measure.
        events: The person's activity. Events on one day keep the order of this list: that of the extracts, and within
            an extract that of its keys.
        first_day: The first day of the data: `2024-04-01`.
        last_day: The last day of the data.
    """
    ordered = sorted((event for event in events if event.day), key=lambda event: event.day)
    if measure.pairing:
        return _missed(measure.pairing, ordered, date.fromisoformat(first_day), date.fromisoformat(last_day))
    indexes = [event for event in ordered if is_a(measure.index, event)]
    if measure.of == FIRST:
        indexes = indexes[:1]
    first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    return [_answered(measure, event, ordered, first, last) for event in indexes]


def _answered(measure: Measure, index: Event, events: Sequence[Event], first: date, last: date) -> Index:
    day = date.fromisoformat(index.day)
    if measure.gives == DAYS:
        started = index.day if measure.start == OWN_DAY else index.activity.fields.get(measure.start or "")
        ended = index.activity.fields.get(measure.end) if measure.end else index.day
        days = None if started is None or ended is None else _wait(measure, str(started), str(ended))
        return Index(index, INCOMPLETE if days is None or days < 0 else days, None)
    assert measure.outcome, "only a measure of days has no outcome"
    if measure.window is None:
        is_outcome = is_a(measure.outcome, index)
        return Index(index, _answer(measure, int(is_outcome)), 0 if is_outcome else None)
    window = measure.window
    outcomes = [event for event in events if event is not index and is_a(measure.outcome, event)]
    distances = [_days_apart(day, event, window.after) for event in outcomes]
    gaps = [days for days in distances if window.first <= days <= window.days]
    end = day + timedelta(days=window.days if window.after else -window.days)
    answer = _answer(measure, len(gaps)) if first <= end <= last else INCOMPLETE
    return Index(index, answer, min(gaps, default=None))


def _missed(pairing: Pairing, events: Sequence[Event], first: date, last: date) -> list[Index]:
    """Return every event of two datasets once, with whether only the first has it.

    In order of days, each event of the first dataset is paired with the earliest of its kind in the second that is near
    enough and not paired yet.
    """
    found: list[tuple[int, Index]] = []
    for in_first, in_second in pairing.kinds:
        seconds = [place for place, event in enumerate(events) if is_a(in_second, event)]
        for place, event in enumerate(events):
            if is_a(in_first, event):
                near = [other for other in seconds if abs(_days_between(event, events[other])) <= pairing.days]
                if near:
                    seconds.remove(near[0])
                gap = abs(_days_between(event, events[near[0]])) if near else None
                found.append((place, Index(event, "no" if near else "yes", gap)))
        found += [(place, Index(events[place], "no", None)) for place in seconds]
    in_order = [index for _, index in sorted(found, key=lambda each: each[0])]
    return [
        index
        if first <= _day(index.event) - timedelta(pairing.days) and _day(index.event) + timedelta(pairing.days) <= last
        else Index(index.event, INCOMPLETE, index.gap)
        for index in in_order
    ]


def _day(event: Event) -> date:
    return date.fromisoformat(event.day)


def _days_between(one: Event, other: Event) -> int:
    return (_day(other) - _day(one)).days


def _wait(measure: Measure, started: str, ended: str) -> int:
    start, end = date.fromisoformat(started), date.fromisoformat(ended)
    return working_days(start, end) if measure.working_days else (end - start).days


def _days_apart(day: date, event: Event, after: bool) -> int:
    """Return how many days an event is after the index, or before it: on the same day it is after it."""
    days = (date.fromisoformat(event.day) - day).days
    return days if after else -days if days else -1


def _answer(measure: Measure, outcomes: int) -> Answer:
    if measure.gives == COUNT:
        return outcomes
    return "yes" if bool(outcomes) != (measure.gives == WITHOUT) else "no"


def is_a(definition: EventDefinition, event: Event) -> bool:
    """Return whether an activity is an event of a definition."""
    is_in_dataset = definition.dataset in (None, event.dataset)
    return is_in_dataset and all(holds(criterion, event.activity) for criterion in definition.criteria)
