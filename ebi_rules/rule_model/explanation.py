"""Explain why a rule flags an activity or does not, criterion by criterion, by the reference."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds, matched_codes
from ebi_rules.criteria.nodes import And
from ebi_rules.rule_model.rule_documentation import RuleDocumentation
from ebi_rules.rule_model.rule_in_notebook import explanation_in_notebook
from ebi_rules.rule_model.rule_logic import RuleLogic


@dataclass(frozen=True)
class CriterionResult:
    """The result of one criterion.

    Attributes:
        name: The criterion's name.
        held: Whether it holds.
        codes: The activity's codes that are in the criterion's lists.
    """

    name: str
    held: bool
    codes: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why a rule flags an activity, or does not.

    Attributes:
        rule: The rule's key.
        criteria: One result per criterion, in the rule's order.
        codes: The activity's codes that are in any list of the rule, procedures first, each once.
        looked_at: What the rule looks at, by field: all codes of the activity in order, and values; "-" for none.
        documentation: The rule's title and phrases, for a notebook.
    """

    rule: str
    criteria: tuple[CriterionResult, ...]
    codes: tuple[str, ...]
    looked_at: Mapping[str, str] = field(default_factory=dict, compare=False)
    documentation: RuleDocumentation | None = field(default=None, compare=False)

    @property
    def flagged(self) -> bool:
        """Whether the activity is in scope of the guidance."""
        return self.stopped_by is None

    @property
    def stopped_by(self) -> str | None:
        """The first criterion that does not hold; None if the activity is flagged."""
        return next((result.name for result in self.criteria if not result.held), None)

    def __repr__(self) -> str:
        """Return the answer in one line."""
        return f"Explanation of {self.rule}: {self._answer(self.stopped_by)}"

    def _repr_html_(self) -> str:
        """Return a card for a notebook."""
        words = self.documentation
        phrases = {each.name: words.phrase(each.name) if words else each.name for each in self.criteria}
        return explanation_in_notebook(
            words.title if words else self.rule,
            f"{self._answer(phrases.get(self.stopped_by or ''))}. {FLAG_MEANING}",
            ((each.held, phrases[each.name], each.codes) for each in self.criteria),
        )

    def _answer(self, stopped_by: str | None) -> str:
        return f"not in scope, stopped by {stopped_by}" if stopped_by else "in scope"


def explain_activity(
    logic: RuleLogic, activity: Activity, documentation: RuleDocumentation | None = None
) -> Explanation:
    """Return the explanation of a rule's answer for one activity; `documentation` gives its title and phrases."""
    results = tuple(
        CriterionResult(name, holds(criterion, activity), matched_codes(criterion, activity))
        for name, criterion in logic.criteria.items()
    )
    codes = matched_codes(And(tuple(logic.criteria.values())), activity)
    looked_at = {name: _shown(activity, name) for name in logic.fields_needed}
    return Explanation(logic.key, results, codes, looked_at, documentation)


def _shown(activity: Activity, field_name: str) -> str:
    """Return an activity's codes or value as text."""
    if field_name in activity.codes:
        return ", ".join(activity.codes[field_name]) or "-"
    value = activity.fields.get(field_name)
    return "-" if value is None else str(value)
