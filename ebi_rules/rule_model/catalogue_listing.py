"""The catalogue as a table: every intervention of the programme with the rule that codes it, if any does."""

from collections.abc import Sequence
from typing import Any

from ebi_rules.rule_model.catalogue import interventions, rules
from ebi_rules.rule_model.rule import Intervention, Rule

UNCODED = "uncoded"
"""The status of an intervention for which no coding is public."""


def entries(every: Sequence[Rule] | None = None) -> list[dict[str, Any]]:
    """Give an entry an intervention, in the order of the lists; rules without intervention stand at the end.

    `every` are the rules, those of the catalogue when not given. Each entry has letter, key, title, list, category,
    specialty, dataset, status, edition, editions, variants, examples (how many), page and source; what there is not is
    None or empty.
    """
    every = rules() if every is None else every
    by_letter = {each.letter: rule for rule in every for each in rule.interventions}
    listed = [_entry(each, by_letter.get(each.letter)) for each in interventions()]
    return listed + [_entry(None, rule) for rule in every if not rule.interventions]


def _entry(intervention: Intervention | None, rule: Rule | None) -> dict[str, Any]:
    return {
        "letter": intervention.letter if intervention else None,
        "key": rule.key if rule else None,
        "title": intervention.title if intervention else rule.title if rule else None,
        "list": intervention.list_number if intervention else rule.list_number if rule else None,
        "category": intervention.category if intervention else None,
        "specialty": intervention.specialty if intervention else None,
        "dataset": rule.dataset if rule else None,
        "status": rule.status if rule else UNCODED,
        "edition": rule.edition_name if rule else None,
        "editions": [rule.edition_name, *rule.editions] if rule else [],
        "variants": list(rule.variants) if rule else [],
        "examples": len(rule.examples) if rule else 0,
        "page": intervention.page if intervention else None,
        "source": rule.source if rule else None,
    }
