"""Check that a rule's examples show each of its atoms deciding alone, once in scope and once not in scope."""

from collections.abc import Iterator
from dataclasses import replace

from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.logic import decisive_atoms, equivalent, with_answers
from ebi_rules.criteria.nodes import CODE_FIELD, And, Criterion, HasCode, Position, atoms
from ebi_rules.criteria.search_budget import TooComplexError
from ebi_rules.lint.finding import WARNING, Interpretation, UnplacedFinding
from ebi_rules.rule_model.explanation import explain_activity
from ebi_rules.rule_model.rule import Example
from ebi_rules.rule_model.rule_logic import DEFAULT
from ebi_rules.translate.english import say

_OTHERWISE = {
    Position.ANY: "if it could be in any place",
    Position.PRIMARY: "if it had to be the first code",
    Position.SECONDARY: "if it had to be a later code",
}


def check_examples(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find what no example shows: an atom that decides alone or, of a variant, a difference from its rule."""
    if not interpretation.rule.examples:
        return  # Reading the file says so.
    if interpretation.is_variant:
        yield from _check_variant(interpretation)
        return
    rule = interpretation.rule
    whole = And(tuple(rule.criteria.values()))
    outcomes_of: dict[object, set[bool]] = {}
    for example in _examples_of(interpretation):
        for atom in decisive_atoms(whole, example.activity):
            outcomes_of.setdefault(atom, set()).add(example.flagged)
    for name, criterion in rule.criteria.items():
        place = (*interpretation.place, "criteria", name)
        for atom in dict.fromkeys(atoms(criterion)):
            outcomes = outcomes_of.get(atom, set())
            words = say(atom, rule.documentation.words)
            for flagged, outcome in ((True, "in scope"), (False, "not in scope")):
                if flagged not in outcomes:
                    text = f"no example that is {outcome} depends on {words!r} alone. Add one."
                    yield UnplacedFinding(WARNING, "no-example", place, text)
    yield from _check_positions(interpretation, whole)


def _check_positions(interpretation: Interpretation, whole: And) -> Iterator[UnplacedFinding]:
    """Find codes of which no example shows in which place they must be recorded: with another place all is the same."""
    examples = _examples_of(interpretation)
    rule = interpretation.rule
    for name, criterion in rule.criteria.items():
        for atom in dict.fromkeys(atoms(criterion)):
            if not isinstance(atom, HasCode) or atom.code_field not in CODE_FIELD.values():
                continue
            for position in _OTHERWISE:
                other = with_answers(whole, {atom: replace(atom, position=position)})
                if position is atom.position or any(_differs(other, example) for example in examples):
                    continue
                if _is_same(whole, other):
                    continue
                words = say(atom, rule.documentation.words)
                text = (
                    f"no example shows in which place of the codes {words!r} must be: {_OTHERWISE[position]}, the "
                    "examples have the same answers. Add one with the code in another place."
                )
                yield UnplacedFinding(WARNING, "no-example", (*interpretation.place, "criteria", name), text)


def _is_same(criterion: Criterion, other: Criterion | bool) -> bool:
    """Return whether two criteria mean the same, or cannot be compared."""
    try:
        return not isinstance(other, bool) and equivalent(criterion, other)
    except TooComplexError:
        return True


def _differs(criterion: Criterion | bool, example: Example) -> bool:
    answer = criterion if isinstance(criterion, bool) else holds(criterion, example.activity)
    return answer != example.flagged


def _check_variant(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    base = interpretation.base.logic
    examples = _examples_of(interpretation)
    if all(explain_activity(base, example.activity).flagged == example.flagged for example in examples):
        text = "no example shows where this variant differs from the rule. Add one."
        yield UnplacedFinding(WARNING, "no-example", interpretation.place, text)


def _examples_of(interpretation: Interpretation) -> list[Example]:
    """Return the examples of an interpretation's edition and variant."""
    edition = interpretation.place[1] if interpretation.place[:1] == ("editions",) else None
    key = (interpretation.rule.variant_name, edition)
    return [example for example in interpretation.rule.examples if (example.variant or DEFAULT, example.edition) == key]
