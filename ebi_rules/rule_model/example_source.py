"""The examples of a rule file: read from its text, and checked against the rule or, without one, by what they say."""

from collections.abc import Iterable, Mapping, Set
from functools import cached_property
from typing import Any

from ebi_rules._support.errors import InvalidInputError, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.rule_model.coded_source import CodedSource
from ebi_rules.rule_model.explanation import explain_activity
from ebi_rules.rule_model.rule import Example, Rule
from ebi_rules.rule_model.toml_source import Place

_EXAMPLE = {"about", "activity", "flagged", "stopped_by", "variant", "edition"}


class ExampleSource(CodedSource):
    """A rule file's examples while the file is parsed."""

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        examples = []
        for number, table in enumerate(self.table["examples"]):
            with self.continuing():
                examples.append(self._example(("examples", str(number)), table))
        return tuple(examples)

    def _example(self, place: Place, table: Mapping[str, Any]) -> Example:
        self.require_keys(place, table, _EXAMPLE, {"about", "activity", "flagged"})
        try:
            activity = Activity.of(table["activity"])
        except InvalidInputError as error:
            self.fail((*place, "activity"), str(error))
        return Example(
            about=table["about"],
            activity=activity,
            values=table["activity"],
            flagged=table["flagged"],
            stopped_by=table.get("stopped_by"),
            variant=table.get("variant"),
            edition=table.get("edition"),
        )

    def check_declared_examples(self) -> None:
        """Check what examples say, where a mistake elsewhere leaves no rule to try them on."""
        if not self.table["examples"]:
            return  # That there are none is noted already.
        with self.continuing():
            examples = [each for each in self.examples if each.variant is None and each.edition is None]
            declared = {None if example.flagged else example.stopped_by or "" for example in examples}
            if "" not in declared:
                self._require_coverage(declared, self.table["criteria"])

    def _require_coverage(self, criteria_that_stop: Set[str | None], criteria: Iterable[str]) -> None:
        if None not in criteria_that_stop:
            self.note(("examples", "0"), "no example is flagged: add one that is.")
        for name in criteria:
            if name not in criteria_that_stop:
                self.note(("criteria", name), "no example is stopped by this criterion: add one that is.")

    def check_examples(self, rule: Rule) -> None:
        """Check that examples have the stated answers, and that they show every criterion at work."""
        criteria_that_stop: set[str | None] = set()
        for number, example in enumerate(rule.examples):
            place = ("examples", str(number))
            with self.continuing():
                interpretation = self._interpretation_of(rule, place, example)
                stopped_by = explain_activity(interpretation.logic, example.activity).stopped_by
                if interpretation is rule:
                    criteria_that_stop.add(stopped_by)
                self._check_answer(place, example, stopped_by)
        self._require_coverage(criteria_that_stop, rule.criteria)

    def _interpretation_of(self, rule: Rule, place: Place, example: Example) -> Rule:
        interpretation = rule
        if example.edition is not None:
            editions = {rule.edition_name: rule, **rule.editions}
            interpretation = self._named((*place, "edition"), example.edition, editions)
        if example.variant is not None:
            interpretation = self._named((*place, "variant"), example.variant, interpretation.interpretations)
        return interpretation

    def _check_answer(self, place: Place, example: Example, stopped_by: str | None) -> None:
        label = f"the example {example.about!r}"
        if example.flagged and stopped_by is not None:
            self.fail(
                place,
                f"{label} says flagged = true, but the criterion {stopped_by} does not hold. "
                "Correct the criterion, or set flagged = false.",
            )
        if not example.flagged and stopped_by is None:
            self.fail(
                place,
                f"{label} says flagged = false, but every criterion holds. "
                "Correct the criterion that should fail, or set flagged = true.",
            )
        if example.stopped_by is not None and example.stopped_by != stopped_by:
            self.fail(
                place,
                f"{label} says stopped_by = {example.stopped_by!r}, but the first criterion that fails is "
                f"{stopped_by or 'none'}.",
            )

    def _named(self, place: Place, name: str, known: Mapping[str, Rule]) -> Rule:
        if name not in known:
            self.fail(place, unknown(place[-1], name, known))
        return known[name]
