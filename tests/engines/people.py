"""Made-up people with activity on days so close together that they coincide, as events and as tables of any layout."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import ChildTable, Layout
from ebi_rules.pathways.flow import BEGINS, Flow, paths
from ebi_rules.pathways.flow_moves import FURTHER, STEPS
from ebi_rules.pathways.measure import Event, Measure
from ebi_rules.pathways.measure_meaning import answers
from ebi_rules.provider_audit.quarters import quarter_of
from ebi_rules.synth.event_kinds import GONE, KINDS, SEEN_ON_LIST, Kind

BEGIN = date(2024, 1, 1)
DAYS_LEFT = (5, 12, 40, 89, 90, 91, 132, 133, 182, 183, 184, 364, 365, 366, 729, 730, 2500)
"""Days from the last event of a made-up story to the end of the data: around every window and gap."""

TODAY = date(2030, 1, 1)
NEIGHBOURS = ("csds", "ecds", "wlmds")
"""The layouts of datasets that have one layout each."""
Answers = Counter[tuple[int, str]]
"""How often each answer occurs, by the key of the index activity."""

Moves = Counter[tuple[str, str, int, str, str]]
"""How many pathways make a move: provider, quarter, step, from, to."""

_VALUES = {
    "outpatient": {
        "procedures": ["U055", "U133", "U211,Z846", None, None],
        "treatment_function": ["110", "650", "812", "300", "191", "115"],
        "referral_source": ["03", "04", None],
        "first_attendance": ["1", "2", "3", None],
        "attendance_status": ["5", "3", "2", "6"],
        "attendance_outcome": ["1", "2", None],
    },
    "admitted": {
        "procedures": ["V331", "A521", "U055", None],
        "diagnoses": ["M545", None],
        "treatment_function": ["110", "108"],
        "admission_method": ["11", "21", None],
    },
    "imaging": {
        "nicip": ["MKNEL", "MLUSP", "XKNEL", None],
        "snomed": ["2471000087103", "241648005", None],
        "source_setting": ["04", "03", None],
    },
    "community": {
        "team_type": ["20", "26", "12", None],
        "attendance_status": ["5", "3", "2", "6", None],
    },
    "emergency": {"attendance_category": ["1", "2", "4", None]},
    "waiting_list": {"treatment_function": ["110", "300", "410"]},
}
_ROWS = {"outpatient": 400, "admitted": 120, "imaging": 200, "community": 150, "emergency": 100, "waiting_list": 60}
_FURTHER_DAYS = {
    "outpatient": ["referral_date", "triage_date"],
    "imaging": ["request_date", "report_date"],
    "community": ["referral_date"],
    "waiting_list": ["referral_date"],
}
_ENDS = 99
"""The person who has activity on the first and on the last day of the data, and nothing else."""


def until(days: int) -> str:
    """Return the last day of data that cover so many days."""
    return str(BEGIN + timedelta(days=days))


@dataclass(frozen=True)
class Person:
    """One activity of a person: its key, whose it is, and what it is."""

    key: int
    person: int
    event: Event


def random_people(seed: int, days: int) -> list[Person]:
    """Return activity of people in the order of its keys, outpatients before admissions."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, Event]] = []
    for dataset, values in _VALUES.items():
        for _ in range(_ROWS[dataset]):
            day = BEGIN + timedelta(days=int(rng.integers(0, days)))
            given: dict[str, object] = {name: some[int(rng.integers(0, len(some)))] for name, some in values.items()}
            given |= {"age": int(rng.choice([12, 40, 70]))}
            if "referral_date" in _FURTHER_DAYS.get(dataset, ()) and rng.random() < 0.7:
                given["referral_date"] = str(day - timedelta(days=int(rng.integers(-5, 200))))
            if dataset == "outpatient" and rng.random() < 0.7:
                given["triage_date"] = str(day - timedelta(days=int(rng.integers(-5, 100))))
            if dataset == "imaging" and rng.random() < 0.7:
                given["request_date"] = str(day - timedelta(days=int(rng.integers(-5, 100))))
                given["report_date"] = str(day + timedelta(days=int(rng.integers(-5, 50))))
            found.append((int(rng.integers(0, 60)), Event(str(day), dataset, Activity.of(given))))
    for dataset in _VALUES:
        ends = (BEGIN, BEGIN + timedelta(days=days))
        found += [(_ENDS, Event(str(day), dataset, Activity.of({"age": 40}))) for day in ends]
    return [Person(place, person, event) for place, (person, event) in enumerate(found)]


@dataclass(frozen=True)
class PeopleTable:
    """The activity of people in one layout: its table, child tables, and the columns that the layout does not name."""

    layout: Layout
    activity: pl.DataFrame
    children: Mapping[str, pl.DataFrame]
    overrides: Mapping[str, str]

    @property
    def binding(self) -> Binding:
        return bind(self.layout, self.activity.columns, self.overrides)


def table_of(people: list[Person], layout: Layout, shuffle: int | None = None) -> PeopleTable:
    """Return the activity of a layout's dataset as its tables, with blanks in pseudonyms; rows in any order."""
    own = [each for each in people if each.event.dataset == layout.dataset]
    if shuffle is not None:
        np.random.default_rng(shuffle).shuffle(own)  # type: ignore[arg-type]
    fields = ["patient", "activity_date", "age", "administrative_category", "provider", *_VALUES[layout.dataset]]
    fields += _FURTHER_DAYS.get(layout.dataset, [])
    names = {name: layout.fields.get(name, (f"own_{name}",))[0] for name in fields if name not in CODE_FIELDS}
    columns: dict[str, pl.Series] = {layout.fields["id"][0]: pl.Series([each.key for each in own], dtype=pl.Int64)}
    for name, column in names.items():
        values = [_cell(name, each) for each in own]
        kind = pl.Date if name.endswith("_date") else pl.Int64 if name == "age" else pl.String
        columns[column] = pl.Series(values, dtype=kind)
    children = {}
    for name, shape in layout.codes.items():
        codes = [each.event.activity.codes[name] for each in own]
        if isinstance(shape, ChildTable):
            rows = [
                (each.key, code, place)
                for each, some in zip(own, codes, strict=True)
                for place, code in enumerate(some, 1)
            ]
            schema = {shape.key: pl.Int64, shape.code: pl.String, str(shape.position): pl.Int64}
            children[name] = pl.DataFrame(rows, schema=schema, orient="row")
        elif len(cells := shape.names(shape.templates[0])[:3]) == 1:
            columns[cells[0]] = pl.Series([",".join(some) or None for some in codes], dtype=pl.String)
        else:
            for place, column in enumerate(cells):
                texts = [some[place] if place < len(some) else None for some in codes]
                columns[column] = pl.Series(texts, dtype=pl.String)
    overrides = {name: column for name, column in names.items() if column.startswith("own_")}
    return PeopleTable(layout, pl.DataFrame(columns), children, overrides)


def provider_of(each: Person) -> str:
    """Return the provider of an activity."""
    return f"ZZ{each.key % 3}"


def _cell(name: str, each: Person) -> object:
    if name == "patient":
        return f"{each.person:05d}" if each.key % 3 else f" {each.person:05d} "
    if name == "activity_date":
        return date.fromisoformat(each.event.day)
    if name in ("administrative_category", "provider"):
        return {"administrative_category": "01", "provider": provider_of(each)}[name]
    value = each.event.activity.fields.get(name)
    return date.fromisoformat(str(value)) if name.endswith("_date") and value else value


def by_meaning(measure: Measure, people: list[Person], days: int) -> Answers:
    """Return the answers by the definition of the measure, by the key of the index activity."""
    found: Answers = Counter()
    keys = {id(each.event): each.key for each in people}
    for person in {each.person for each in people}:
        own = [each.event for each in people if each.person == person]
        for index in answers(measure, own, str(BEGIN), until(days)):
            found[keys[id(index.event)], str(index.answer)] += 1
    return found


def moves_by_meaning(flow: Flow, people: list[Person], days: int) -> Moves:
    """Return how many pathways make each move, by the definition of the flow."""
    counts: Moves = Counter()
    for person in {each.person for each in people}:
        events = [each.event for each in people if each.person == person]
        for path in paths(flow, events, str(BEGIN), until(days)):
            begun = next(each for each in people if each.event is path.begin)
            where = provider_of(begun), quarter_of(path.day)
            for step, (one, other) in enumerate(pairwise((BEGINS, *path.stages))):
                if step <= STEPS:
                    beyond = step == STEPS and other not in flow.ends
                    counts[*where, step, one, FURTHER if beyond else other] += 1
    return counts


def event_of(day: date, name: str) -> Event:
    """Return an event of one of the kinds that a made-up population has."""
    kind = KINDS[name]
    given: dict[str, object] = {
        "procedures": kind.procedures,
        "diagnoses": kind.diagnoses,
        "treatment_function": kind.treatment_function,
        "age": 50,
        "administrative_category": "01",
    }
    if kind.dataset == "imaging":
        given |= {"nicip": kind.nicip, "request_date": str(day - timedelta(days=kind.waited or 0))}
        given |= {"report_date": str(day + timedelta(days=3))}
    elif kind.dataset == "emergency":
        given |= {"attendance_category": kind.category}
    elif kind.dataset == "outpatient":
        given |= {"first_attendance": kind.first, "attendance_status": kind.status, "attendance_outcome": kind.outcome}
        given |= {"referral_date": str(day - timedelta(days=kind.waited))} if kind.waited is not None else {}
    return Event(str(day), kind.dataset, Activity.of(given))


def events_of(day: date, name: str, last: date) -> list[Event]:
    """Return the activities that record an event of a made-up population: several, for contacts and lists."""
    kind, key = KINDS[name], {"id": f"{name} {day}", "patient": "a", "provider": "ZZ1"}
    referral = str(day - timedelta(days=kind.waited or 0))
    if kind.dataset == "community":
        given = {
            **key,
            "team_type": kind.team,
            "referral_date": referral,
            "closed_date": str(day) if kind.closed else None,
        }
        contacts = [(str(day + timedelta(days=offset)), status) for offset, status in kind.contacts]
        rows = [{**given, "attendance_status": status} for _, status in contacts] or [given]
        days = [on for on, _ in contacts] or [""]
        return [Event(on, "community", Activity.of(row)) for on, row in zip(days, rows, strict=True)]
    if kind.dataset == "waiting_list":
        return list(_entries(kind, key, date.fromisoformat(referral), day, last))
    event = event_of(day, name)
    return [Event(event.day, event.dataset, Activity.of({**event.activity.fields, **_codes(event), **key}))]


def _codes(event: Event) -> dict[str, object]:
    return {name: list(codes) for name, codes in event.activity.codes.items()}


def _entries(kind: Kind, key: dict[str, str], referral: date, day: date, last: date) -> Iterator[Event]:
    """Yield the entries of weekly lists, on Sundays."""
    week = referral + timedelta(days=7 - referral.isoweekday())
    while week <= last:
        seen = kind.listed == SEEN_ON_LIST and week >= day
        if kind.listed == GONE and week >= day:
            return
        given: dict[str, object] = {"treatment_function": kind.treatment_function, "referral_date": str(referral)}
        given |= {
            "clock_start": str(referral),
            **({"first_seen_date": str(day), "clock_stop": str(day)} if seen else {}),
        }
        yield Event(str(week), "waiting_list", Activity.of({**key, **given}))
        if seen:
            return
        week += timedelta(days=7)
