"""What a measure means: slow and obvious, over the activities of one person. It judges what works measures out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ebi_rules.criteria.evaluate import holds
from ebi_rules.pathways.measure import Event, Measure
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, FIRST, WITHOUT, EventDefinition

INCOMPLETE = "incomplete"
Answer = str | int


@dataclass(frozen=True)
class Index:
    """An index activity with its answer: yes, no, a number, or incomplete; `gap` is the days to the nearest outcome."""

    event: Event
    answer: Answer
    gap: int | None


def answers(measure: Measure, events: Sequence[Event], first_day: str, last_day: str) -> list[Index]:
    """Give the index activities of one person, in order of days, each with its answer.

    `first_day` and `last_day` are those of the data. Events of one day keep the order in
    which they are given: that of the extracts, and in each of its keys.
    """
    ordered = sorted(events, key=lambda event: event.day)
    indexes = [event for event in ordered if is_a(measure.index, event)]
    if measure.of == FIRST:
        indexes = indexes[:1]
    return [
        _answered(measure, event, ordered, date.fromisoformat(first_day), date.fromisoformat(last_day))
        for event in indexes
    ]


def _answered(measure: Measure, index: Event, events: Sequence[Event], first: date, last: date) -> Index:
    day = date.fromisoformat(index.day)
    if measure.gives == DAYS:
        started = index.activity.fields.get(measure.start or "")
        days = None if started is None else (day - date.fromisoformat(str(started))).days
        return Index(index, INCOMPLETE if days is None or days < 0 else days, None)
    assert measure.outcome, "only days have no outcome"
    if measure.window is None:
        held = is_a(measure.outcome, index)
        return Index(index, _told(measure, int(held)), 0 if held else None)
    window = measure.window
    away = [
        _days_apart(day, event, window.after) for event in events if event is not index and is_a(measure.outcome, event)
    ]
    gaps = [days for days in away if window.first <= days <= window.days]
    end = day + timedelta(days=window.days if window.after else -window.days)
    if not first <= end <= last:
        return Index(index, INCOMPLETE, min(gaps, default=None))
    return Index(index, _told(measure, len(gaps)), min(gaps, default=None))


def _days_apart(day: date, event: Event, after: bool) -> int:
    """Give how many days an event is after the index, or before it: one of the same day is not before it."""
    days = (date.fromisoformat(event.day) - day).days
    return days if after else -days if days else -1


def _told(measure: Measure, outcomes: int) -> Answer:
    if measure.gives == COUNT:
        return outcomes
    return "yes" if bool(outcomes) != (measure.gives == WITHOUT) else "no"


def is_a(asked: EventDefinition, event: Event) -> bool:
    """Say whether an activity is what is asked."""
    here = asked.dataset in (None, event.dataset)
    return here and all(holds(criterion, event.activity) for criterion in asked.criteria)
