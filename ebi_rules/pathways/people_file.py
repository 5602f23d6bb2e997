"""What measure files and flow files have in common: what is asked of activity, and examples of people."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from ebi_rules._support.errors import InvalidInputError, RuleError, UsageError, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import CriterionError
from ebi_rules.criteria.parser import parse
from ebi_rules.pathways.measure import Event
from ebi_rules.rule_model.coded_source import CodedSource, SharedDefinitions
from ebi_rules.rule_model.measure_logic import EventDefinition
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_logic import DATASETS
from ebi_rules.rule_model.toml_source import is_list_of_texts

FindRule = Callable[[str], Rule]
Read = TypeVar("Read")

_DATA = ("2020-01-01", "2029-12-31")


class PeopleSource(CodedSource):
    """A TOML file that asks something of people's activity, and has examples of people."""

    def __init__(self, content: str, file: str, shared: SharedDefinitions, find_rule: FindRule) -> None:
        super().__init__(content, file, shared)
        self.find_rule = find_rule
        self.words: dict[str, str] = {}

    def whole(
        self, required: set[str], optional: set[str], read: Callable[[], Read], check: Callable[[Read], None]
    ) -> Read:
        """Read the file by `read` and check it by `check`, where it has the right entries; every problem is told."""
        with self.continuing():
            self.require_keys((), self.table, required | optional, required)
        self.raise_problems()
        found = None
        with self.continuing():
            found = read()
        self.raise_problems()
        assert found is not None, "what could not be read was told"
        check(found)
        self.raise_problems()
        return found

    def raise_problems(self) -> None:
        """Raise everything that was noted, a line each: there is no lint for these files."""
        if self.problems:
            found = list(dict.fromkeys(self.problems))
            raise RuleError("\n".join(f"{self.file}, line {problem.line}: {problem}" for problem in found), found)

    def sentences(self, name: str) -> tuple[str, ...]:
        """Read a list of texts."""
        if not is_list_of_texts(self.table[name]):
            self.fail((name,), "this is a list of texts in quotation marks.")
        return tuple(self.table[name])

    def asked(self, where: tuple[str, ...], text: object, dataset: object) -> EventDefinition:
        """Read what is asked of activity, by the name of a rule or as a criterion, and in which dataset (or None)."""
        if not isinstance(text, str):
            self.fail(where, "this is the name of a rule, or a criterion, in quotation marks.")
        if dataset is not None and dataset not in DATASETS:
            self.fail(where, unknown("dataset", str(dataset), DATASETS))
        within = None if dataset is None else str(dataset)
        lists = self.code_lists(self.table, ())
        own = self.criteria(self.table, (), lists)
        known = {**self.shared.criteria, **own}
        if re.fullmatch(r"[\w@-]+", text) and text not in known:
            try:
                rule = self.find_rule(text)
            except UsageError as error:
                self.fail(where, f"{error} No criterion is called so either.")
            self.words |= rule.documentation.words
            return EventDefinition(tuple(rule.criteria.values()), within or rule.dataset, text)
        try:
            return EventDefinition((parse(text, {**self.shared.lists, **lists}, known),), within, text)
        except CriterionError as error:
            self.fail(where, str(error))

    def days_of_data(self, where: tuple[str, ...], table: Mapping[str, Any]) -> tuple[str, str]:
        """Read the first and the last day of an example's data."""
        data = table.get("data", _DATA)
        if not (isinstance(data, list | tuple) and len(data) == 2 and all(map(is_day, data))):
            self.fail((*where, "data"), "these are the first and the last day of the data, such as 2024-04-01.")
        return str(data[0]), str(data[1])

    def event(self, where: tuple[str, ...], table: Mapping[str, Any]) -> Event:
        """Read a made-up activity of an example: its day, its dataset, and what it holds."""
        if not isinstance(table, dict) or not is_day(table.get("on")):
            self.fail(where, "an activity has the day that it is on, such as on = '2024-04-01'.")
        values = {name: value for name, value in table.items() if name not in ("on", "in")}
        dataset = table.get("in", "outpatient")
        if dataset not in DATASETS:
            self.fail(where, unknown("dataset", str(dataset), DATASETS))
        try:
            return Event(table["on"], dataset, Activity.of(values))
        except InvalidInputError as error:
            self.fail(where, str(error))


def is_day(value: object) -> bool:
    """Say whether a value is a day as text: 2024-04-01."""
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return isinstance(value, str)
