"""What measure files and flow files have in common: definitions of events, and examples of people."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from ebi_rules._support.errors import InvalidInputError, RuleError, UsageError, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import And, Criterion, CriterionError, Or
from ebi_rules.criteria.parser import parse
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.pathways.measure import Event
from ebi_rules.rule_model.coded_source import CodedSource, SharedDefinitions
from ebi_rules.rule_model.measure_logic import OWN_DAY, EventDefinition
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.toml_source import Place, is_list_of_texts

FindRule = Callable[[str], Rule]
"""Returns a rule by its name; raises `UsageError` if there is none."""

Parsed = TypeVar("Parsed")

_DATA = ("2020-01-01", "2029-12-31")
"""The first and the last day of an example's data, unless it states others."""


class PeopleSource(CodedSource):
    """A measure file or a flow file while it is parsed.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.
        shared: What the file may use by name.
        find_rule: Returns a rule by its name.

    Raises:
        RuleError: The text is not TOML.
    """

    def __init__(self, content: str, file: str, shared: SharedDefinitions, find_rule: FindRule) -> None:
        super().__init__(content, file, shared)
        self.find_rule = find_rule
        self.words: dict[str, str] = {}

    def parse_checked(
        self,
        required: set[str],
        optional: set[str],
        parse: Callable[[], Parsed],
        check: Callable[[Parsed], None],
    ) -> Parsed:
        """Parse the file and check the result.

        Args:
            required: The entries that the file must have.
            optional: Further entries that it may have.
            parse: Returns the result, if the file has the right entries.
            check: Notes what is wrong with the result.

        Raises:
            RuleError: The file is wrong; the error lists every problem.
        """
        with self.continuing():
            self.require_keys((), self.table, required | optional, required)
        self.raise_problems()
        result = None
        with self.continuing():
            result = parse()
        self.raise_problems()
        assert result is not None, "a file that was not parsed has problems"
        check(result)
        self.raise_problems()
        return result

    def raise_problems(self) -> None:
        """Raise a `RuleError` that lists all problems, one per line: lint does not check these files."""
        if self.problems:
            problems = list(dict.fromkeys(self.problems))
            lines = [f"{self.file}, line {problem.line}: {problem}" for problem in problems]
            raise RuleError("\n".join(lines), problems)

    def sentences(self, name: str) -> tuple[str, ...]:
        """Read a list of texts."""
        if not is_list_of_texts(self.table[name]):
            self.fail((name,), "this must be a list of texts in quotation marks.")
        return tuple(self.table[name])

    def event_definition(self, where: Place, text: object, dataset: object) -> EventDefinition:
        """Parse the definition of an event.

        Args:
            where: The place of the definition in the file.
            text: The name of a rule or of a criterion, names of rules joined by OR, or a criterion.
            dataset: The dataset of the event; None for that of the rule, or for any.
        """
        if not isinstance(text, str):
            self.fail(where, "this must be the name of a rule, or a criterion, in quotation marks.")
        if dataset is not None and dataset not in DATASETS:
            self.fail(where, unknown("dataset", str(dataset), DATASETS))
        dataset_name = None if dataset is None else str(dataset)
        lists = self.code_lists(self.table, ())
        criteria = {**self.shared.criteria, **self.criteria(self.table, (), lists)}
        if re.fullmatch(r"[\w@-]+", text) and text not in criteria:
            try:
                rule = self.find_rule(text)
            except UsageError as error:
                self.fail(where, f"{error} There is no criterion of that name either.")
            self.words |= rule.documentation.words
            return EventDefinition(tuple(rule.criteria.values()), dataset_name or rule.dataset, text)
        if several := self._rules_joined(where, text, criteria):
            datasets = {rule.dataset for rule in several}
            if len(datasets) > 1:
                self.fail(where, "these rules are for different datasets: name rules of one dataset.")
            for rule in several:
                self.words |= rule.documentation.words
            any_of_them = Or(tuple(And(tuple(rule.criteria.values())) for rule in several))
            return EventDefinition((any_of_them,), dataset_name or datasets.pop(), text)
        try:
            return EventDefinition((parse(text, {**self.shared.lists, **lists}, criteria),), dataset_name, text)
        except CriterionError as error:
            self.fail(where, str(error))

    def _rules_joined(self, where: Place, text: str, criteria: Mapping[str, Criterion]) -> list[Rule]:
        """Return the rules that a definition such as `1D OR 2K` names; none if it is a criterion."""
        names = re.split(r"\s+OR\s+", text)
        if len(names) < 2 or not all(re.fullmatch(r"[\w@-]+", name) and name not in criteria for name in names):
            return []
        try:
            return [self.find_rule(name) for name in names]
        except UsageError as error:
            self.fail(where, f"{error} There is no criterion of that name either.")

    def day_field(self, where: Place, name: object, with_own: bool = False) -> str:
        """Read the name of a field with a day; with that of the activity itself only if `with_own`."""
        dates = [each for each, field in FIELDS.items() if field.kind is Kind.DATE and (with_own or each != OWN_DAY)]
        if name not in dates:
            self.fail(where, unknown("field with a day", str(name), dates))
        return str(name)

    def days_of_data(self, where: Place, table: Mapping[str, Any]) -> tuple[str, str]:
        """Read the first and the last day of an example's data."""
        data = table.get("data", _DATA)
        if not (isinstance(data, list | tuple) and len(data) == 2 and all(map(is_day, data))):
            self.fail((*where, "data"), "these must be the first and the last day of the data, such as 2024-04-01.")
        return str(data[0]), str(data[1])

    def event(self, where: Place, table: Mapping[str, Any]) -> Event:
        """Read a made-up activity of an example: its day, its dataset, and its values.

        A referral to community care may have no contact yet, and so no day.
        """
        is_alone = isinstance(table, dict) and table.get("in") == "community" and "on" not in table
        if not isinstance(table, dict) or not (is_alone or is_day(table.get("on"))):
            self.fail(where, "an activity must have its day, such as on = '2024-04-01'.")
        values = {name: value for name, value in table.items() if name not in ("on", "in")}
        dataset = table.get("in", "outpatient")
        if dataset not in DATASETS:
            self.fail(where, unknown("dataset", str(dataset), DATASETS))
        try:
            return Event(table.get("on", ""), dataset, Activity.of(values))
        except InvalidInputError as error:
            self.fail(where, str(error))


def is_day(value: object) -> bool:
    """Return whether a value is a day as text.

    Example:
        >>> is_day("2024-04-01"), is_day("2024-13-01")
        (True, False)
    """
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return isinstance(value, str)
