"""Explain why a rule flags an activity or does not, criterion by criterion, by the reference."""

from dataclasses import dataclass

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds, matched_codes
from ebi_rules.criteria.nodes import And
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


@dataclass(frozen=True)
class Explanation:
    """Why a rule flags an activity, or does not.

    Attributes:
        rule: The rule's key.
        criteria: One result per criterion, in the rule's order.
        codes: The activity's codes that are in any list of the rule, procedures first, each once.
    """

    rule: str
    criteria: tuple[CriterionResult, ...]
    codes: tuple[str, ...]

    @property
    def flagged(self) -> bool:
        """Whether the activity is in scope of the guidance."""
        return self.stopped_by is None

    @property
    def stopped_by(self) -> str | None:
        """The first criterion that does not hold; None if the activity is flagged."""
        return next((result.name for result in self.criteria if not result.held), None)


def explain_activity(logic: RuleLogic, activity: Activity) -> Explanation:
    """Return the explanation of a rule's answer for one activity."""
    results = tuple(
        CriterionResult(name, holds(criterion, activity), matched_codes(criterion, activity))
        for name, criterion in logic.criteria.items()
    )
    return Explanation(logic.key, results, matched_codes(And(tuple(logic.criteria.values())), activity))
