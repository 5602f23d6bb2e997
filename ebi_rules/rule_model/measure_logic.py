"""The logic of a pathway measure: an index activity, an outcome, and the days between, for the same person.

SQL statements and the search over people need only this; the documentation around it is in `pathways.measure`.
"""

from dataclasses import dataclass

from ebi_rules.criteria.nodes import Criterion, NamedCodes, code_atoms, fields_needed, lists_named

SHARE, WITHOUT, COUNT, DAYS, MISSED, WAIT = "share", "share without", "count", "days", "missed", "wait"
KINDS = {
    SHARE: "how many index activities have an outcome in the window",
    WITHOUT: "how many index activities have no outcome in the window",
    COUNT: "how many outcomes an index activity has in the window",
    DAYS: "days from the start of the clock to the index activity",
    MISSED: "how many events of two datasets, each counted once, only the first dataset has",
    WAIT: "how long everybody waited who was referred, those still waiting included",
}
"""What a measure can return, with a description of each."""

OWN_DAY = "activity_date"
"""The field with the day of an activity itself."""

MOST_DAYS_AHEAD = 18_262
"""Days more than these 50 years after today's are no days of care: 9999-12-31 stands for no date."""

FIRST, EACH = "first", "each"
"""Which index activities of a person count."""


@dataclass(frozen=True)
class EventDefinition:
    """Which activities are an event: criteria that all hold, in one dataset or in any.

    Attributes:
        criteria: The criteria.
        dataset: The dataset; None for any.
        text: The definition as the file writes it.
        on: The field with the day of the event; None for that of the activity.
    """

    criteria: tuple[Criterion, ...]
    dataset: str | None
    text: str
    on: str | None = None

    @property
    def fields_needed(self) -> tuple[str, ...]:
        """The canonical fields that the criteria ask about, each once."""
        return tuple(dict.fromkeys(name for criterion in self.criteria for name in fields_needed(criterion)))

    def code_lists(self) -> tuple[NamedCodes, ...]:
        """Return the code lists that the criteria name, each once."""
        atoms = (atom for criterion in self.criteria for atom in code_atoms(criterion))
        return tuple(dict.fromkeys(codes for atom in atoms for codes in lists_named(atom)))


@dataclass(frozen=True)
class Window:
    """The days in which outcomes count, relative to the index.

    On the day of the index, the index comes first: everything else on that day is after it.

    Attributes:
        first: The nearest day, 0 for the day of the index.
        days: The farthest day.
        after: Whether the days are after the index; if not, they are before it.
    """

    first: int
    days: int
    after: bool


@dataclass(frozen=True)
class Pairing:
    """How events that two datasets record are found to be one event: the same person and kind, a few days apart.

    Attributes:
        kinds: For each kind of event, its definition in the first and in the second dataset.
        days: How many days apart the two records may be.
    """

    kinds: tuple[tuple[EventDefinition, EventDefinition], ...]
    days: int


@dataclass(frozen=True)
class WaitEnd:
    """What ends a wait: somebody was seen.

    Attributes:
        event: Which activities; without criteria, every one. In the dataset of the index they are those of the same
            key and provider, in another dataset those of the same person and provider.
        on: The field with the day on which the person was seen.
    """

    event: EventDefinition
    on: str


@dataclass(frozen=True)
class Wait:
    """How waits end, and how the dataset of the index shows who still waits.

    Attributes:
        seen: What ends a wait; the earliest counts, on or after the day on which the clock starts.
        removed_on: The field with the day on which somebody left without being seen; None if there is none.
        snapshots: Whether the dataset is a list read again and again: somebody is known of from the first day on which
            they are on it, and left when they are on it no more.
    """

    seen: tuple[WaitEnd, ...]
    removed_on: str | None
    snapshots: bool


LISTED_WITHIN = 7
"""Of a list, who is on it within so many days of the start of the clock is known of from the start."""


@dataclass(frozen=True)
class MeasureLogic:
    """What a measure counts.

    Attributes:
        key: The measure's key.
        gives: What it returns, a key of `KINDS`.
        index: The index activity.
        outcome: The outcome; None for a measure of days.
        window: The days in which outcomes count; None for a measure of days, and if the outcome is the index itself.
        of: `FIRST` if only the first index activity of a person counts, else `EACH`.
        start: The field with the day on which the clock starts, `OWN_DAY` for that of the index activity; None unless
            the measure is of days.
        end: The field with the day on which the clock stops; None for the day of the index activity.
        working_days: Whether only working days count.
        standard_days: The longest wait that meets the standard: a longer one has the outcome. None unless the measure
            is of days.
        pairing: How records of two datasets are paired; None unless the measure is of what one of them misses. The
            index is then an event of any kind in the first dataset, and the outcome one in the second.
        wait: How waits end; None unless the measure is of waits.
    """

    key: str
    gives: str
    index: EventDefinition
    outcome: EventDefinition | None
    window: Window | None
    of: str
    start: str | None
    end: str | None
    working_days: bool
    standard_days: int | None
    pairing: Pairing | None
    wait: Wait | None

    @property
    def clock_fields(self) -> tuple[str, ...]:
        """The fields with the days on which the clock starts and stops, beside the day of the index activity."""
        return tuple(name for name in (self.start, self.end) if name and name != OWN_DAY)

    @property
    def definitions(self) -> tuple[EventDefinition, ...]:
        """The definitions of the index and, if there is one, of the outcome; of every kind where kinds are paired."""
        if self.pairing:
            return tuple(dict.fromkeys(definition for kind in self.pairing.kinds for definition in kind))
        return (self.index, *([self.outcome] if self.outcome else []))
