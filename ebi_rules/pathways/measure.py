"""A measure: what happened before or after an index activity of the same person, held as data.

A measure is read in `reading`; `meaning` says what it means, and `counting` works it out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import Criterion, NamedCodes, code_atoms, fields_needed, lists_named
from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import Layout, find_layout

SHARE, WITHOUT, COUNT, DAYS = "share", "share without", "count", "days"
KINDS = {
    SHARE: "of index activities, how many have an outcome in the window",
    WITHOUT: "of index activities, how many have no outcome in the window",
    COUNT: "how many outcomes an index activity has in the window",
    DAYS: "days from the start of the clock to the index activity",
}
"""What a measure may give."""

WITHIN_DAYS = 126
"""A wait of 18 weeks: of a measure of days, those longer have the outcome."""

FIRST, EACH = "first", "each"


@dataclass(frozen=True)
class Asked:
    """An index or an outcome: criteria that all hold, in activity of one dataset, or of any (None).

    `text` is what the file says.
    """

    criteria: tuple[Criterion, ...]
    dataset: str | None
    text: str

    @property
    def fields_needed(self) -> tuple[str, ...]:
        """The canonical fields that the criteria ask about, each once."""
        return tuple(dict.fromkeys(name for criterion in self.criteria for name in fields_needed(criterion)))

    def lists_asked(self) -> tuple[NamedCodes, ...]:
        """The code lists that the criteria name, each once."""
        atoms = (atom for criterion in self.criteria for atom in code_atoms(criterion))
        return tuple(dict.fromkeys(codes for atom in atoms for codes in lists_named(atom)))


@dataclass(frozen=True)
class Window:
    """Days from the index: `first` to `days` of them after it, or before it.

    On one day the index comes first: what else happens on that day happens after it.
    """

    first: int
    days: int
    after: bool


@dataclass(frozen=True)
class Event:
    """A made-up activity of the one person in an example: its day, its dataset, and what it is."""

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
class Measure:
    """One measure.

    `gives` is one of `KINDS`; `outcome` and `window` are None for days, `window` also where the outcome is asked of the
    index activity itself. `of` says whether each index activity of a person counts or only the first. `start` is the
    field of the day on which the clock starts. `shows` and `limits` are what it can and cannot show.
    """

    key: str
    title: str
    about: str
    source: str
    gives: str
    index: Asked
    outcome: Asked | None
    window: Window | None
    of: str
    start: str | None
    shows: tuple[str, ...]
    limits: tuple[str, ...]
    words: Mapping[str, str]
    examples: tuple[PersonExample, ...]

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The index and, where there is one, the outcome."""
        return (self.index, *([self.outcome] if self.outcome else []))

    def sql(
        self,
        dialect: str,
        tables: Sequence[tuple[str | Path | Layout, str]],
        shape: str = "rows",
        overrides: Mapping[str, str] | None = None,
        strategy: str | None = None,
    ) -> str:
        """Give the measure as SQL text in a warehouse's dialect, over one or several tables of the same people.

        `tables` are layouts, each with the name of a table; `shape` is `rows`, a row an index activity, or `counts`, by
        provider and month (`statement.measure_statement`). `overrides` (fields to columns) hold for every table.
        Raises `DialectError`, `UsageError`, or `ExtractError` for what no table has.
        """
        from ebi_rules.statements.measure_sql import Source, measure_statement

        sources = [Source(bind(find_layout(layout), None, overrides), table) for layout, table in tables]
        return measure_statement(self, dialect, sources, shape, strategy)


def datasets_of(measures: Iterable[Measure]) -> set[str]:
    """Give the datasets that measures name."""
    return {asked.dataset for measure in measures for asked in measure.asked if asked.dataset}
