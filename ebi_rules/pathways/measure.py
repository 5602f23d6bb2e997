"""A pathway measure: its logic and the documentation around it, with examples of people.

A measure file is parsed in `measure_parser`; `measure_meaning` defines what it means, and `measure_counts` counts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ebi_rules.criteria.activity import Activity
from ebi_rules.rule_model.measure_logic import MeasureLogic


@dataclass(frozen=True)
class Event:
    """A made-up activity in an example: its day, its dataset, and what it is.

    The day of a referral that led to no contact yet is empty.
    """

    day: str
    dataset: str
    activity: Activity


@dataclass(frozen=True)
class PersonExample:
    """A made-up person with the answers that the measure must give, an answer an index activity in order of days.

    An answer is `yes`, `no`, a number, or `incomplete`. `first_day` and `last_day` are those of the data.
    """

    about: str
    events: tuple[Event, ...]
    answers: tuple[str | int, ...]
    first_day: str
    last_day: str


@dataclass(frozen=True)
class Measure(MeasureLogic):
    """A measure: its logic, and what people read about it.

    Attributes:
        title: Its title.
        only_when_named: Whether it is run only if it is named: it needs a field that no layout has.
        standard: Whose the standard of a measure of days is, and from when to when it is; empty for other measures.
        about: What it is.
        source: Where the indicator comes from.
        shows: What it can show.
        limits: What it cannot show.
        words: Phrases for criteria and code lists, by name.
        examples: Made-up people with the right answers.
    """

    title: str
    only_when_named: bool
    standard: str
    about: str
    source: str
    shows: tuple[str, ...]
    limits: tuple[str, ...]
    words: Mapping[str, str]
    examples: tuple[PersonExample, ...]
