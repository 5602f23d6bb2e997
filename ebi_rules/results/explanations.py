"""Explain why a rule flags activity, or does not: one activity, or the rows of an extract that have a key."""

from collections.abc import Mapping
from typing import overload

from ebi_rules._support.errors import UsageError
from ebi_rules.criteria.activity import Activity
from ebi_rules.engines.activity_lookup import find_activities
from ebi_rules.engines.extract import Extract, Source
from ebi_rules.engines.polars_engine import require_frame
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.rule_model.availability import available_rules
from ebi_rules.rule_model.catalogue import rule as find_rule
from ebi_rules.rule_model.explanation import Explanation, explain_activity
from ebi_rules.rule_model.rule import Rule


@overload
def explain(activity: Activity | Mapping[str, object], rule: str | Rule) -> Explanation: ...


@overload
def explain(
    activity: Source | Extract, rule: str | Rule, id: object, any_dataset: bool = False
) -> list[Explanation]: ...


def explain(
    activity: Activity | Mapping[str, object] | Source | Extract,
    rule: str | Rule,
    id: object = None,
    any_dataset: bool = False,
) -> Explanation | list[Explanation]:
    """Return why a rule flags activity, or does not: criterion by criterion, and which codes matched.

    Args:
        activity: One activity, as a mapping of canonical fields to values: `procedures` and `diagnoses` to a list of
            codes or one text. Or an extract, a path or a frame, in which `id` is looked up.
        rule: The rule, one of its variants or editions, or a name.
        id: The key of an activity in the extract.
        any_dataset: Allow a rule for another dataset than the extract's.

    Returns:
        The explanation; for an extract a list, with one explanation per row that has the key.

    Raises:
        InvalidInputError: A name is not a canonical field, or an age is not a whole number.
        UsageError: A rule is unknown, or no activity has the key.
        ExtractError: The extract cannot be read, or cannot answer the rule.

    Example:
        >>> import ebi_rules as ebi
        >>> ebi.explain({"procedures": "||U13.5,Z665", "age": 45, "diagnoses": ["C509"]}, "2S").stopped_by
        'no_cancer'
    """
    chosen = rule if isinstance(rule, Rule) else find_rule(rule)
    if isinstance(activity, Activity | Mapping):
        single = activity if isinstance(activity, Activity) else Activity.of(activity)
        return explain_activity(chosen.logic, single, chosen.documentation)
    if id is None:
        raise UsageError("choose an activity of the extract with id=KEY.")
    extract = require_frame(as_extract(activity))
    available_rules([chosen.logic], extract.binding, any_dataset=any_dataset)
    rows = find_activities(extract, str(id), chosen.logic.fields_needed)
    return [explain_activity(chosen.logic, row, chosen.documentation) for row in rows]
