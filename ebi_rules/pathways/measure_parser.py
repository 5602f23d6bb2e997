"""Read a measure file: TOML to `Measure`, with everything checked and every error at its line."""

from collections.abc import Mapping
from typing import Any

from ebi_rules._support.errors import unknown
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.pathways.measure import Measure, PersonExample
from ebi_rules.pathways.measure_meaning import INCOMPLETE, answers
from ebi_rules.pathways.people_file import FindRule, PeopleSource
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.measure_logic import DAYS, EACH, FIRST, KINDS, SHARE, WITHOUT, EventDefinition, Window

_REQUIRED = {"key", "title", "about", "source", "index", "shows", "limits", "examples"}
_OPTIONAL = {"outcome", "within", "gives", "of", "start", "index_in", "outcome_in", "codes", "criteria", "words"}
_EXAMPLE = {"about", "person", "answers", "data"}
_WITHIN = {"days", "after", "from"}
_LONGEST = 3660
"""The longest window, ten years: no extract that this is asked of is longer."""


def parse_measure(content: str, file: str, shared: SharedDefinitions, find_rule: FindRule) -> Measure:
    """Read the measure in a file's text. Raises `RuleError` that names the file, the line and the repair."""
    return _MeasureFile(content, file, shared, find_rule).measure()


class _MeasureFile(PeopleSource):
    """A measure file of which a measure is made."""

    def measure(self) -> Measure:
        return self.whole(_REQUIRED, _OPTIONAL, self._read, self._check_examples)

    def _read(self) -> Measure:
        table = self.table
        gives = table.get("gives", SHARE)
        self.require_one_of(("gives",), gives, tuple(KINDS))
        of = table.get("of", EACH)
        self.require_one_of(("of",), of, (EACH, FIRST))
        index = self._asked("index")
        if gives == DAYS:
            for name in ("outcome", "within"):
                if name in table:
                    self.fail((name,), "a measure of days has a start, and no outcome.")
            outcome, window, start = None, None, self._start()
        else:
            if "start" in table:
                self.fail(("start",), "only a measure of days has the start of a clock.")
            if "outcome" not in table:
                self.fail((), "the entry outcome is missing.")
            outcome, start = self._asked("outcome"), None
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
            shows=self.sentences("shows"),
            limits=self.sentences("limits"),
            words={**self.words, **self.shared.words, **table.get("words", {})},
            examples=tuple(self._example(number, each) for number, each in enumerate(table["examples"])),
        )

    def _asked(self, name: str) -> EventDefinition:
        return self.asked((name,), self.table[name], self.table.get(f"{name}_in"))

    def _window(self) -> Window | None:
        table = self.table.get("within")
        if table is None:
            return None
        self.require_keys(("within",), table, _WITHIN, {"days", "after"})
        after, days = table["after"], table["days"]
        first = table.get("from", 0 if after is True else 1)
        if not isinstance(after, bool):
            self.fail(("within",), "after is true or false.")
        for name, value in (("days", days), ("from", first)):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST:
                self.fail(("within",), f"{name} is a whole number from 0 to {_LONGEST}.")
        if first > days:
            self.fail(("within",), f"from {first} to {days} days holds no day.")
        if not after and first == 0:
            self.fail(
                ("within",), "what happens on the day of the index happens after it: before begins with from = 1."
            )
        return Window(first, days, after)

    def _start(self) -> str:
        start = self.table.get("start")
        dates = [name for name, each in FIELDS.items() if each.kind is Kind.DATE and name != "activity_date"]
        if start is None:
            self.fail((), "the entry start is missing: the field of the day on which the clock starts.")
        if start not in dates:
            self.fail(("start",), unknown("field of a day", str(start), dates))
        return str(start)

    def _example(self, number: int, table: Mapping[str, Any]) -> PersonExample:
        where = ("examples", str(number))
        self.require_keys(where, table, _EXAMPLE, _EXAMPLE - {"data"})
        first, last = self.days_of_data(where, table)
        given = table["answers"]
        if not isinstance(given, list) or not all(
            answer in ("yes", "no", INCOMPLETE) or type(answer) is int for answer in given
        ):
            self.fail((*where, "answers"), f"these are 'yes', 'no', {INCOMPLETE!r} or numbers, one an index activity.")
        events = tuple(self.event((*where, "person"), each) for each in table["person"])
        return PersonExample(table["about"], events, tuple(given), first, last)

    def _check_examples(self, measure: Measure) -> None:
        seen: set[str | int] = set()
        for number, example in enumerate(measure.examples):
            found = answers(measure, example.events, example.first_day, example.last_day)
            got = tuple(index.answer for index in found)
            seen.update(got)
            if got != example.answers:
                self.note(
                    ("examples", str(number)),
                    f"the example {example.about!r} says {list(example.answers)}, but the measure gives {list(got)}.",
                )
        wanted = {"yes", "no"} if measure.gives in (SHARE, WITHOUT) else set()
        wanted |= {INCOMPLETE} if measure.window or measure.gives == DAYS else set()
        for answer in sorted(wanted - seen):
            self.note(("examples", "0"), f"no example is answered {answer!r}: add one that is.")
