"""A rule under audit: what is counted of it, for whichever engine counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebi_rules.criteria.nodes import CODE_FIELD, Criterion, Not, Recorded, code_atoms
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.availability import why_unavailable
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import Fitness
from ebi_rules.rule_model.rule_logic import RuleLogic, criteria_of
from opcs_icd import ICD10


@dataclass(frozen=True)
class AuditedRule:
    """A rule under audit: the variant that is counted, and the variants it is compared with.

    Attributes:
        rule: The rule as designed, with its variants.
        counted: The variant that is counted.
        skipped: Why the extract cannot answer a variant, by the variant's name.
        compare_within: The activity within which providers are compared; None for all, or if the extract lacks a field.
        has_steps: Whether what is left after each criterion is counted; a cube from elsewhere may lack it.
    """

    rule: Rule
    counted: Rule
    skipped: Mapping[str, str] = field(default_factory=dict)
    compare_within: Criterion | None = None
    has_steps: bool = True

    @classmethod
    def of(cls, rule: Rule, counted: Rule, binding: Binding) -> "AuditedRule":
        """Return a rule with all the variants that an extract can answer."""
        reasons = {name: why_unavailable(variant.logic, binding) for name, variant in rule.interpretations.items()}
        within = counted.logic.compare_within
        if within is not None and any(binding.lacking(within)):
            within = None
        return cls(rule, counted, {name: reason for name, reason in reasons.items() if reason}, within)

    @property
    def key(self) -> str:
        """The rule's key."""
        return self.rule.key

    @property
    def fitness(self) -> Fitness:
        """What the variant that is counted may be used for."""
        return self.counted.documentation.fitness

    @property
    def start(self) -> str | None:
        """The month in which the policy begins; None for guidance."""
        return self.counted.documentation.start

    @property
    def allows_comparison(self) -> bool:
        """Whether providers may be compared by the rule."""
        return self.fitness.allows_comparison

    @property
    def steps(self) -> list[str]:
        """The names of the criteria, in order, after each of which is counted what is left."""
        return list(self.counted.criteria) if self.has_steps else []

    @property
    def variants(self) -> list[str]:
        """The names of the variants that are compared, including the one that is counted."""
        return [logic.variant_name for logic in self.compared]

    @property
    def counted_as(self) -> str:
        """The name of the variant that is counted."""
        return self.counted.variant_name

    @property
    def without_diagnosis(self) -> Criterion | None:
        """That an activity has no diagnosis, if the rule excludes activity by diagnosis; None if it does not."""
        atoms = (atom for criterion in self.counted.criteria.values() for atom in code_atoms(criterion))
        asks = any(atom.code_field == CODE_FIELD[ICD10] for atom in atoms)
        return Not(Recorded(ICD10)) if asks else None

    @property
    def further_criteria(self) -> list[Criterion]:
        """Criteria that are counted beside those of the rule and its variants."""
        return [criterion for criterion in (self.compare_within, self.without_diagnosis) if criterion is not None]

    @property
    def compared(self) -> list[RuleLogic]:
        """The rule as designed and its variants, without those skipped."""
        return [variant.logic for name, variant in self.rule.interpretations.items() if name not in self.skipped]


def criteria_counted(audited: Sequence[AuditedRule]) -> list[Criterion]:
    """Return the criteria that a cube of rules decides, each once."""
    further = [criterion for entry in audited for criterion in entry.further_criteria]
    return list(dict.fromkeys([*criteria_of(variants_counted(audited)), *further]))


def variants_counted(audited: Sequence[AuditedRule]) -> list[RuleLogic]:
    """Return the variants that a cube of rules counts, each once."""
    return list(dict.fromkeys(variant for entry in audited for variant in (entry.counted.logic, *entry.compared)))
