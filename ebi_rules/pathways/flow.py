"""A flow: the stages that people go through, held as data, and what their pathways are.

`paths` says what a flow means, slowly and obviously, over the activities of one person; `walking` works it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ebi_rules.pathways.measure import Event
from ebi_rules.pathways.measure_meaning import is_a
from ebi_rules.rule_model.measure_logic import EventDefinition

BEGINS, LOST, IN_VIEW = "referral", "lost to view", "still in view"
"""Where every pathway begins, and where one ends that no stage ends."""


@dataclass(frozen=True)
class Stage:
    """A stage: its name, the activity that it is, and whether it ends a pathway."""

    name: str
    asked: EventDefinition
    ends: bool


@dataclass(frozen=True)
class PathsExample:
    """A made-up person with their pathways, each as the stages it goes through: `referral > imaging > discharge`."""

    about: str
    events: tuple[Event, ...]
    paths: tuple[str, ...]
    first_day: str
    last_day: str


@dataclass(frozen=True)
class Flow:
    """The stages of a pathway, in the order that they have on one day.

    A pathway begins with the first activity of a stage, and ends with a stage that ends it, or is lost to view when
    nothing follows for more than `lost_after` days. `shows` and `limits` are what it can and cannot show.
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
        """Where pathways end, in order: stages that end one, then what becomes of the others."""
        return (*(stage.name for stage in self.stages if stage.ends), LOST, IN_VIEW)


@dataclass(frozen=True)
class Path:
    """One pathway: its first activity, and the stages from the first to its end."""

    begin: Event
    stages: tuple[str, ...]

    def __str__(self) -> str:
        return " > ".join((BEGINS, *self.stages))


def paths(flow: Flow, events: Sequence[Event], first_day: str, last_day: str) -> list[Path]:
    """Give the pathways of one person that begin within the data. `first_day` and `last_day` are those of the data.

    Visits of one day have the order of the stages, and visits to one stage that in which events are given.

    One whose first activity has less than `lost_after` days of data before it may have begun earlier: it is left out.
    """
    first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    visits = sorted(
        (
            (date.fromisoformat(event.day), place, event)
            for event in events
            if first_day <= event.day <= last_day
            for place, stage in enumerate(flow.stages)
            if is_a(stage.asked, event)
        ),
        key=lambda visit: visit[:2],
    )
    found: list[Path] = []
    latest, begun, stages = first, list[Event](), list[str]()

    def close(end: str | None) -> None:
        if stages:
            found.append(Path(begun.pop(), (*stages, *([end] if end else []))))
            stages.clear()

    for day, place, event in visits:
        stage = flow.stages[place]
        if (day - latest).days > flow.lost_after:
            close(LOST)
        if not stages:
            begun.append(event)
        if not stages or stages[-1] != stage.name:
            stages.append(stage.name)
        latest = day
        if stage.ends:
            close(None)
    close(LOST if (last - latest).days >= flow.lost_after else IN_VIEW)
    return [path for path in found if (date.fromisoformat(path.begin.day) - first).days >= flow.lost_after]
