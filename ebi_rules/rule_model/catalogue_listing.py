"""The catalogue as a table: every intervention of the programme with the rule that codes it, if there is one."""

from collections.abc import Sequence
from typing import Any

from ebi_rules.rule_model.catalogue import interventions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import Intervention, RuleDocumentation

UNREAD = "unread"
"""The status of an intervention whose coding has not been read."""

IN_FULL = "in full"
"""That the programme's own coding was read, and not only an excerpt of it."""


def catalogue_entries(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return one entry per intervention in the order of the lists, then one per rule without an intervention.

    Args:
        rules: The rules to list.

    Returns:
        Entries with letter, key, title, list, category, specialty, dataset, status, fitness, fitness_reason, edition,
        editions, variants, examples (how many), source, source_read (whether the programme's own coding was read: in
        full, in excerpt, or no), page, not_read (where the programme prints a coding that was not read), published and
        reviewed (what the page says) and note. What does not exist is None or empty.
    """
    by_letter = {intervention.letter: rule for rule in rules for intervention in rule.documentation.interventions}
    entries = [_entry(intervention, by_letter.get(intervention.letter)) for intervention in interventions()]
    return entries + [_entry(None, rule) for rule in rules if not rule.documentation.interventions]


def _entry(intervention: Intervention | None, rule: Rule | None) -> dict[str, Any]:
    documentation = rule.documentation if rule else None
    heading = intervention or documentation
    return {
        "letter": intervention.letter if intervention else None,
        "key": rule.key if rule else None,
        "title": heading.title if heading else None,
        "list": heading.list_number if heading else None,
        "category": intervention.category if intervention else None,
        "specialty": intervention.specialty if intervention else None,
        "dataset": rule.dataset if rule else None,
        "status": documentation.status if documentation else UNREAD,
        "fitness": documentation.fitness.use if documentation else None,
        "fitness_reason": documentation.fitness.reason if documentation else None,
        "edition": rule.edition_name if rule else None,
        "editions": [rule.edition_name, *rule.editions] if rule else [],
        "variants": list(rule.variants) if rule else [],
        "examples": len(rule.examples) if rule else 0,
        "source": documentation.source if documentation else None,
        "source_read": _source_read(documentation),
        "page": intervention.page if intervention else None,
        "not_read": intervention.where_coded if intervention and _source_read(documentation) != IN_FULL else None,
        "published": intervention.published if intervention else None,
        "reviewed": intervention.reviewed if intervention else None,
        "note": intervention.note if intervention else "",
    }


def _source_read(documentation: RuleDocumentation | None) -> str:
    if documentation is None or documentation.status == "ported":
        return "no"
    return "in excerpt" if documentation.excerpt else IN_FULL
