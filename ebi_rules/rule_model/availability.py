"""Which rules an extract can answer, and for each of the others why not."""

from collections.abc import Iterable

from ebi_rules._support.errors import ExtractError
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.rule_model.rule_logic import DEFAULT, RuleLogic


def available_rules(
    rules: Iterable[RuleLogic], binding: Binding, skip_unavailable: bool = False, any_dataset: bool = False
) -> tuple[dict[str, RuleLogic], list[str]]:
    """Return the rules that an extract can answer, and warnings about the others.

    Args:
        rules: The rules to run.
        binding: The extract's layout, bound to its columns.
        skip_unavailable: Warn about a rule that the extract cannot answer, instead of raising an error.
        any_dataset: Allow rules for another dataset than the layout's.

    Returns:
        The available rules by key, and one warning per skipped rule.

    Raises:
        ExtractError: A rule cannot be answered and is not to be skipped, or no rule is left.
    """
    available: dict[str, RuleLogic] = {}
    warnings: list[str] = []
    for rule in rules:
        problem = (None if any_dataset else _wrong_dataset(rule, binding)) or why_unavailable(rule, binding)
        if problem and not skip_unavailable:
            raise ExtractError(problem)
        if problem:
            warnings.append(f"{rule.key} was skipped: {problem}")
        else:
            available[rule.key] = rule
    if not available:
        raise ExtractError("this extract can answer none of the rules. " + " ".join(warnings))
    return available, warnings


def why_unavailable(rule: RuleLogic, binding: Binding) -> str | None:
    """Return what a rule needs that an extract lacks, with rule, criterion and field; None if nothing is missing."""
    for name, criterion in rule.criteria.items():
        for field in binding.lacking(criterion):
            label = rule.key if rule.variant_name == DEFAULT else f"{rule.key} ({rule.variant_name})"
            return (
                f"this extract has no column for {field}, which {label} needs (criterion {name}). "
                f"{binding.why_lacking(field)}"
            )
    return None


def _wrong_dataset(rule: RuleLogic, binding: Binding) -> str | None:
    layout = binding.layout
    if rule.dataset == layout.dataset:
        return None
    return (
        f"{rule.key} is a rule for {DATASETS[rule.dataset]}, but the layout {layout.name} contains "
        f"{DATASETS[layout.dataset]}: the count would not be what the guidance means. To run it all the same, "
        "use --any-dataset."
    )
