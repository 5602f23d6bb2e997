"""What changed between two codings of a rule, in words and codes, and whether they flag more or less."""

from collections.abc import Iterator

from ebi_rules.criteria.logic import codes_by_sign, imaging_codes_by_sign, implies
from ebi_rules.criteria.nodes import And
from ebi_rules.rule_model.rule import Rule
from ebi_rules.translate.english import dotted, heading, month_name, say
from opcs_icd import CodeSystem, ImagingSystem

_SCOPES = {
    (True, True): "Both put the same activity in scope.",
    (True, False): "All activity in scope of {old} is in scope of {new}, and there is more.",
    (False, True): "Less activity is in scope of {new}: all of it was in scope of {old}.",
    (False, False): "Some activity is only in scope of {new}, and some is only in scope of {old}.",
}


def compare_editions(old: Rule, new: Rule) -> str:
    """Return as Markdown what changed from one coding of a rule to another: scope, criteria, codes and sources."""
    names = {
        "old": f"the edition of {month_name(old.edition_name)}",
        "new": f"the edition of {month_name(new.edition_name)}",
    }
    before, after = _whole(old), _whole(new)
    scope = _SCOPES[implies(before, after), implies(after, before)].format(**names)
    criteria = list(_changed_criteria(old, new)) or ["Nothing changed."]
    codes = list(_changed_codes(old, new)) or ["Nothing changed."]
    sources = [f"{rule.documentation.source} ({rule.documentation.status})" for rule in (old, new)]
    lines = [f"# {new.title}: from {names['old']} to {names['new']}", "", scope, ""]
    lines += ["## Criteria", "", *criteria, ""]
    lines += ["## Codes", "", *codes, ""]
    lines += [f"Sources: {'; '.join(sources)}.", ""]
    return "\n".join(lines)


def _whole(rule: Rule) -> And:
    return And(tuple(rule.criteria.values()))


def _changed_criteria(old: Rule, new: Rule) -> Iterator[str]:
    old_words, new_words = old.documentation.words, new.documentation.words
    for name, criterion in new.criteria.items():
        title, clause = heading(name, new_words), say(criterion, new_words)
        if name not in old.criteria:
            yield f"- **{title}** is new: {clause}."
        elif (old_clause := say(old.criteria[name], old_words)) != clause:
            yield f"- **{title}** was: {old_clause}. Now: {clause}."
    for name, criterion in old.criteria.items():
        if name not in new.criteria:
            yield f"- **{heading(name, old_words)}** no longer applies: {say(criterion, old_words)}."


def _changed_codes(old: Rule, new: Rule) -> Iterator[str]:
    before, after = codes_by_sign(_whole(old)), codes_by_sign(_whole(new))
    for included, title in ((True, "Included"), (False, "Excluded")):
        for system in CodeSystem:
            added = after[included][system] - before[included][system]
            removed = before[included][system] - after[included][system]
            changes = [f"{label} {dotted(codes)}" for label, codes in (("new:", added), ("removed:", removed)) if codes]
            if changes:
                yield f"- {title} ({system.value}), {'; '.join(changes)}."
        yield from _changed_imaging_codes(old, new, included, title)
    for system in CodeSystem:
        to_excluded = (before[True][system] & after[False][system]) - after[True][system]
        to_included = (before[False][system] & after[True][system]) - before[True][system]
        if to_excluded:
            yield f"- **Reversed** ({system.value}): {dotted(to_excluded)}, included before, is now excluded."
        if to_included:
            yield f"- **Reversed** ({system.value}): {dotted(to_included)}, excluded before, is now included."


def _changed_imaging_codes(old: Rule, new: Rule, included: bool, title: str) -> Iterator[str]:
    before, after = imaging_codes_by_sign(_whole(old))[included], imaging_codes_by_sign(_whole(new))[included]
    for system in ImagingSystem:
        added, removed = after[system] - before[system], before[system] - after[system]
        changes = [f"{label} {codes}" for label, codes in (("new:", added), ("removed:", removed)) if len(codes)]
        if changes:
            yield f"- {title} ({system.value}), {'; '.join(changes)}."
