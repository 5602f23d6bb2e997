"""A flow: the stages of a pathway, and what people's pathways are.

`paths` defines what a flow means, slowly and plainly, over the activities of one person; `flow_moves` counts the
pathways of all people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ebi_rules.pathways.measure import Event
from ebi_rules.pathways.measure_meaning import is_a
from ebi_rules.rule_model.measure_logic import EventDefinition

BEGINS, LOST, IN_VIEW = "start", "no further activity", "still being followed"
"""Where every pathway begins, and where a pathway ends if no stage ends it."""


@dataclass(frozen=True)
class Stage:
    """A stage of a flow.

    Attributes:
        name: Its name.
        events: Which activities are at this stage: those of any of these definitions.
        ends: Whether it ends a pathway.
    """

    name: str
    events: tuple[EventDefinition, ...]
    ends: bool


@dataclass(frozen=True)
class PathsExample:
    """A made-up person with their pathways.

    Attributes:
        about: What the example shows.
        events: The person's activity.
        paths: The pathways, each as the stages that it goes through: `start > imaging > discharge`.
        first_day: The first day of the data: `2024-04-01`.
        last_day: The last day of the data.
    """

    about: str
    events: tuple[Event, ...]
    paths: tuple[str, ...]
    first_day: str
    last_day: str


@dataclass(frozen=True)
class Flow:
    """The stages of a pathway.

    A pathway begins with the first activity at any stage. It ends at a stage that ends it, or with no further activity
    when nothing follows for more than `lost_after` days.

    Attributes:
        key: Its key.
        title: Its title.
        about: What it is.
        source: Where it comes from.
        stages: The stages, in the order that they have on one day.
        lost_after: The longest gap within a pathway, in days.
        shows: What it can show.
        limits: What it cannot show.
        words: Phrases for criteria and code lists, by name.
        examples: Made-up people with the right pathways.
    """

    key: str
    title: str
    about: str
    source: str
    stages: tuple[Stage, ...]
    lost_after: int
    shows: tuple[str, ...]
    limits: tuple[str, ...]
    words: Mapping[str, str]
    examples: tuple[PathsExample, ...]

    @property
    def ends(self) -> tuple[str, ...]:
        """Where pathways end, in order: the stages that end one, then no further activity and still being followed."""
        return (*(stage.name for stage in self.stages if stage.ends), LOST, IN_VIEW)


@dataclass(frozen=True)
class Path:
    """One pathway.

    Attributes:
        begin: Its first activity.
        day: The day on which that is at a stage: `2024-04-01`.
        stages: Its stages from the first on, and its end if no stage ends it.
    """

    begin: Event
    day: str
    stages: tuple[str, ...]

    def __str__(self) -> str:
        return " > ".join((BEGINS, *self.stages))


def paths(flow: Flow, events: Sequence[Event], first_day: str, last_day: str) -> list[Path]:
    """Return the pathways of one person that begin within the data.

    A pathway is left out if there are fewer than `lost_after` days of data before its first activity: it may have begun
    earlier.

    Args:
        flow: The flow.
        events: The person's activity. Visits on one day have the order of the stages, and visits to one stage on one
            day the order of this list.
        first_day: The first day of the data: `2024-04-01`.
        last_day: The last day of the data.
    """
    first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    pathways: list[Path] = []
    latest, begin, stages = first, list[tuple[Event, date]](), list[str]()

    def close(end: str | None) -> None:
        if stages:
            event, day_of_event = begin.pop()
            pathways.append(Path(event, str(day_of_event), (*stages, *([end] if end else []))))
            stages.clear()

    for day, place, event in _visits(flow, events, first, last):
        stage = flow.stages[place]
        if (day - latest).days > flow.lost_after:
            close(LOST)
        if not stages:
            begin.append((event, day))
        if not stages or stages[-1] != stage.name:
            stages.append(stage.name)
        latest = day
        if stage.ends:
            close(None)
    close(LOST if (last - latest).days >= flow.lost_after else IN_VIEW)
    return [path for path in pathways if (date.fromisoformat(path.day) - first).days >= flow.lost_after]


def _visits(flow: Flow, events: Sequence[Event], first: date, last: date) -> list[tuple[date, int, Event]]:
    """Return the visits to stages within the data, in order, each with its day and the place of its stage."""
    visits = [
        (date.fromisoformat(day), place, event)
        for event in events
        for place, stage in enumerate(flow.stages)
        for definition in stage.events
        if is_a(definition, event) and (day := _day(definition, event))
    ]
    return sorted((visit for visit in visits if first <= visit[0] <= last), key=lambda visit: visit[:2])


def _day(definition: EventDefinition, event: Event) -> str:
    """Return the day of an event, empty if there is none."""
    return str(event.activity.fields.get(definition.on) or "") if definition.on else event.day
