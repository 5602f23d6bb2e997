"""What changed between two codings of a rule, in words and codes, and whether they flag more or less."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ebi_rules.criteria.logic import codes_by_sign, implies
from ebi_rules.criteria.nodes import And
from ebi_rules.translate.english import dotted, heading, month_name, say
from opcs_icd import CodeSystem

if TYPE_CHECKING:
    from ebi_rules.rule_model.rule import Rule

_SCOPES = {
    (True, True): "Both put the same activity in scope.",
    (True, False): "All activity in scope of {old} is in scope of {new}, and more is.",
    (False, True): "Less activity is in scope of {new}: all of it was in scope of {old}.",
    (False, False): "Some activity is in scope of {new} alone, and some of {old} alone.",
}


def differences(old: "Rule", new: "Rule") -> str:
    """Give, as Markdown, what changed from one coding of a rule to another: criteria, then codes."""
    names = {
        "old": f"the edition of {month_name(old.edition_name)}",
        "new": f"the edition of {month_name(new.edition_name)}",
    }
    lines = [f"# {new.title}: from {names['old']} to {names['new']}", ""]
    before, after = (And(tuple(rule.criteria.values())) for rule in (old, new))
    lines += [_SCOPES[implies(before, after), implies(after, before)].format(**names), ""]
    criteria, codes = list(_criteria(old, new)), list(_codes(old, new))
    lines += ["## Criteria", "", *(criteria or ["Nothing changed."]), ""]
    lines += ["## Codes", "", *(codes or ["Nothing changed."]), ""]
    lines += [f"Sources: {old.source} ({old.status}); {new.source} ({new.status}).", ""]
    return "\n".join(lines)


def _criteria(old: "Rule", new: "Rule") -> Iterator[str]:
    for name, criterion in new.criteria.items():
        words = say(criterion, new.words)
        if name not in old.criteria:
            yield f"- **{heading(name, new.words)}** is new: {words}."
        elif (was := say(old.criteria[name], old.words)) != words:
            yield f"- **{heading(name, new.words)}** was: {was}. Now: {words}."
    for name, criterion in old.criteria.items():
        if name not in new.criteria:
            yield f"- **{heading(name, old.words)}** is no longer asked: {say(criterion, old.words)}."


def _codes(old: "Rule", new: "Rule") -> Iterator[str]:
    before, after = (codes_by_sign(And(tuple(rule.criteria.values()))) for rule in (old, new))
    for wanted, title in ((True, "Asked for"), (False, "Excluded")):
        for system in CodeSystem:
            added = after[wanted][system] - before[wanted][system]
            dropped = before[wanted][system] - after[wanted][system]
            told = [f"{what} {dotted(codes)}" for what, codes in (("new:", added), ("gone:", dropped)) if len(codes)]
            if told:
                yield f"- {title} ({system.value}), {'; '.join(told)}."
    for system in CodeSystem:
        for was, now, turned in (
            ("asked for", "excluded", (before[True][system] & after[False][system]) - after[True][system]),
            ("excluded", "asked for", (before[False][system] & after[True][system]) - before[True][system]),
        ):
            if len(turned):
                yield f"- **Turned round** ({system.value}): {dotted(turned)}, {was} before, is now {now}."
