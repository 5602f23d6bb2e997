"""Parse a measure file: TOML to `Measure`, with everything checked and every error at its line.

Finding the files is the task of `definition_files`.
"""

from collections.abc import Mapping
from typing import Any

from ebi_rules._support.errors import unknown
from ebi_rules.criteria.nodes import And, Or
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.pathways.measure import Measure, PersonExample
from ebi_rules.pathways.measure_meaning import INCOMPLETE, answers
from ebi_rules.pathways.people_file import FindRule, PeopleSource
from ebi_rules.pathways.wait_meaning import REMOVED, STILL_WAITING, wait_answers
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.measure_logic import (
    DAYS,
    EACH,
    FIRST,
    KINDS,
    MISSED,
    OWN_DAY,
    SHARE,
    WAIT,
    WITHOUT,
    EventDefinition,
    Pairing,
    Wait,
    WaitEnd,
    Window,
)

_REQUIRED = {"key", "title", "about", "source", "shows", "limits", "examples"}
_OPTIONAL = {
    "index",
    "kinds",
    "days_apart",
    "outcome",
    "within",
    "gives",
    "of",
    "start",
    "end",
    "working_days",
    "only_when_named",
    "standard_days",
    "standard",
    "index_in",
    "outcome_in",
    "seen",
    "removed_on",
    "snapshots",
    "codes",
    "criteria",
    "words",
}
_EXAMPLE = {"about", "person", "answers", "data"}
_WITHIN = {"days", "after", "from"}
_OF_WAITS = ("seen", "removed_on", "snapshots")
_LONGEST = 3660
"""The longest window, in days: ten years, and no extract is longer."""


def parse_measure(content: str, file: str, shared: SharedDefinitions, find_rule: FindRule) -> Measure:
    """Return the measure in a file's text.

    Args:
        content: The text.
        file: The file's name, for error messages.
        shared: What the file may use by name.
        find_rule: Returns a rule by its name.

    Raises:
        RuleError: Something in the file is wrong. The error names the file, the line and the repair.
    """
    return _MeasureFile(content, file, shared, find_rule).measure()


class _MeasureFile(PeopleSource):
    """A measure file while it is parsed."""

    def measure(self) -> Measure:
        """Return the measure after checking the whole file."""
        return self.parse_checked(_REQUIRED, _OPTIONAL, self._read, self._check_examples)

    def _read(self) -> Measure:
        table = self.table
        gives = table.get("gives", SHARE)
        self.require_one_of(("gives",), gives, tuple(KINDS))
        of = table.get("of", EACH)
        self.require_one_of(("of",), of, (EACH, FIRST))
        for name in _OF_WAITS if gives != WAIT else ():
            if name in table:
                self.fail((name,), f"only a measure of waits can have the entry {name}.")
        pairing = self._pairing() if gives == MISSED else None
        if pairing is None and "index" not in table:
            self.fail((), "the entry index is missing.")
        index = self._any_of_kinds(pairing, 0) if pairing else self._definition("index")
        if pairing:
            outcome, window, start = self._any_of_kinds(pairing, 1), None, None
        elif gives in (DAYS, WAIT):
            for name in ("outcome", "within", *(("end", "working_days", "of") if gives == WAIT else ())):
                if name in table:
                    self.fail(
                        (name,), f"a measure of {gives if gives == DAYS else 'waits'} cannot have the entry {name}."
                    )
            outcome, window, start = None, None, self._start()
        else:
            for name in ("start", "end", "working_days", "standard_days", "standard"):
                if name in table:
                    self.fail((name,), f"only a measure of days can have the entry {name}.")
            if "outcome" not in table:
                self.fail((), "the entry outcome is missing.")
            outcome, start = self._definition("outcome"), None
            window = self._window()
        return Measure(
            key=table["key"],
            title=table["title"],
            about=table["about"],
            source=table["source"],
            gives=gives,
            index=index,
            outcome=outcome,
            window=window,
            of=of,
            start=start,
            end=self._day_field("end") if "end" in table else None,
            working_days=self._is_true("working_days"),
            only_when_named=self._is_true("only_when_named"),
            standard_days=self._standard_days() if gives in (DAYS, WAIT) else None,
            pairing=pairing,
            wait=self._wait() if gives == WAIT else None,
            standard=table.get("standard", ""),
            shows=self.sentences("shows"),
            limits=self.sentences("limits"),
            words={**self.words, **self.shared.words, **table.get("words", {})},
            examples=tuple(self._example(number, example) for number, example in enumerate(table["examples"])),
        )

    def _wait(self) -> Wait:
        """Read what ends a wait, and how the dataset shows who left without being seen."""
        table = self.table
        for name in ("seen", "index_in"):
            if name not in table:
                self.fail((), f"the entry {name} is missing.")
        if not isinstance(table["seen"], list) or not table["seen"]:
            self.fail(("seen",), "these must be tables ([[seen]]), each with the field `on` of the day.")
        ends = []
        for number, end in enumerate(table["seen"]):
            place = ("seen", str(number))
            self.require_keys(place, end, {"when", "on", "in"}, {"on"})
            dataset = end.get("in", table["index_in"])
            if "when" in end:
                event = self.event_definition((*place, "when"), end["when"], dataset)
            elif dataset in DATASETS:
                event = EventDefinition((), dataset, "")
            else:
                self.fail((*place, "in"), unknown("dataset", str(dataset), DATASETS))
            ends.append(WaitEnd(event, self.day_field((*place, "on"), end["on"], with_own=True)))
        removed_on = self._day_field("removed_on") if "removed_on" in table else None
        return Wait(tuple(ends), removed_on, self._is_true("snapshots"))

    def _pairing(self) -> Pairing:
        """Read the kinds of events that two datasets record, and how far apart their records may be."""
        table = self.table
        for name in ("index", "outcome", "within", "of", "start", "end", "working_days", "standard_days", "standard"):
            if name in table:
                self.fail((name,), f"a measure of what one dataset misses cannot have the entry {name}.")
        for name in ("kinds", "days_apart", "index_in", "outcome_in"):
            if name not in table:
                self.fail((), f"the entry {name} is missing.")
        days, kinds = table["days_apart"], table["kinds"]
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= _LONGEST:
            self.fail(("days_apart",), f"this must be a whole number from 0 to {_LONGEST}.")
        if not isinstance(kinds, dict) or not kinds:
            self.fail(("kinds",), "this must be a table with at least one kind of event.")
        pairs = []
        for name, kind in kinds.items():
            place = ("kinds", name)
            self.require_keys(place, kind, {"index", "outcome"}, {"index", "outcome"})
            index = self.event_definition((*place, "index"), kind["index"], table["index_in"])
            outcome = self.event_definition((*place, "outcome"), kind["outcome"], table["outcome_in"])
            pairs.append((index, outcome))
        return Pairing(tuple(pairs), days)

    def _any_of_kinds(self, pairing: Pairing, side: int) -> EventDefinition:
        """Return the definition of an event of any kind in one of the two datasets."""
        definitions = [kind[side] for kind in pairing.kinds]
        any_of_them = Or(tuple(And(definition.criteria) for definition in definitions))
        return EventDefinition((any_of_them,), definitions[0].dataset, " OR ".join(each.text for each in definitions))

    def _definition(self, name: str) -> EventDefinition:
        return self.event_definition((name,), self.table[name], self.table.get(f"{name}_in"))

    def _window(self) -> Window | None:
        table = self.table.get("within")
        if table is None:
            return None
        self.require_keys(("within",), table, _WITHIN, {"days", "after"})
        after, days = table["after"], table["days"]
        first = table.get("from", 0 if after is True else 1)
        if not isinstance(after, bool):
            self.fail(("within",), "after must be true or false.")
        for name, value in (("days", days), ("from", first)):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST:
                self.fail(("within",), f"{name} must be a whole number from 0 to {_LONGEST}.")
        if first > days:
            self.fail(("within",), f"from {first} to {days} days contains no day: from must not be above days.")
        if not after and first == 0:
            self.fail(("within",), "events on the day of the index are after it: with after = false, use from = 1.")
        return Window(first, days, after)

    def _standard_days(self) -> int:
        for name in ("standard_days", "standard"):
            if name not in self.table:
                self.fail((), f"the entry {name} is missing: a measure of days has a standard, and says whose it is.")
        days = self.table["standard_days"]
        if not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= _LONGEST:
            self.fail(("standard_days",), f"this must be a whole number from 1 to {_LONGEST}.")
        if not isinstance(self.table["standard"], str):
            self.fail(("standard",), "this must be text in quotation marks.")
        return days

    def _start(self) -> str:
        if "start" not in self.table:
            self.fail((), "the entry start is missing: name the field with the day on which the clock starts.")
        if self.table["start"] == OWN_DAY and "end" in self.table:
            return OWN_DAY
        return self._day_field("start")

    def _day_field(self, entry: str) -> str:
        return self.day_field((entry,), self.table[entry])

    def _is_true(self, entry: str) -> bool:
        value = self.table.get(entry, False)
        if not isinstance(value, bool):
            self.fail((entry,), "this must be true or false.")
        return value

    def _example(self, number: int, table: Mapping[str, Any]) -> PersonExample:
        where = ("examples", str(number))
        self.require_keys(where, table, _EXAMPLE, _EXAMPLE - {"data"})
        first, last = self.days_of_data(where, table)
        right_answers = table["answers"]
        if not isinstance(right_answers, list) or not all(map(_is_answer, right_answers)):
            self.fail(
                (*where, "answers"),
                f"these must be 'yes', 'no', {INCOMPLETE!r} or numbers, one per index activity; of waits numbers, "
                f"{REMOVED!r}, {STILL_WAITING!r} or {INCOMPLETE!r}.",
            )
        events = tuple(self.event((*where, "person"), activity) for activity in table["person"])
        return PersonExample(table["about"], events, tuple(right_answers), first, last)

    def _check_examples(self, measure: Measure) -> None:
        answers_seen: set[str | int] = set()
        for number, example in enumerate(measure.examples):
            actual = _answers(measure, example)
            answers_seen.update(actual)
            if actual != example.answers:
                self.note(
                    ("examples", str(number)),
                    f"the example {example.about!r} says {list(example.answers)}, but the measure returns "
                    f"{list(actual)}.",
                )
        needed = {"yes", "no"} if measure.gives in (SHARE, WITHOUT, MISSED) else set()
        needed |= {INCOMPLETE} if measure.window or measure.gives in (DAYS, MISSED, WAIT) else set()
        needed |= {STILL_WAITING} if measure.wait else set()
        for answer in sorted(needed - answers_seen):
            self.note(("examples", "0"), f"no example has the answer {answer!r}: add one that does.")


def _answers(measure: Measure, example: PersonExample) -> tuple[str | int, ...]:
    if measure.wait:
        return wait_answers(measure, example.events, example.first_day, example.last_day)
    indexes = answers(measure, example.events, example.first_day, example.last_day)
    return tuple(index.answer for index in indexes)


def _is_answer(value: object) -> bool:
    return value in ("yes", "no", INCOMPLETE, REMOVED, STILL_WAITING) or type(value) is int
