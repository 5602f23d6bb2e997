"""What criteria can mean together: contradictions, what never or always holds, and what changes nothing."""

import tomllib
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from ebi_rules.criteria.logic import codes_by_sign, equivalent, implies, possible, with_answers
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    And,
    Between,
    CodeAtom,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    NamedCodes,
    Not,
    Or,
    atoms,
    code_atoms,
    lists_named,
)
from ebi_rules.criteria.parser import mixes_connectives
from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Interpretation, Place, UnplacedFinding
from ebi_rules.rule_model.rule import Rule
from ebi_rules.translate.english import say
from opcs_icd import OPCS4, CodeList, CodeSystem

_SUPPLEMENTARY = CodeList.opcs(["Y00-Y99", "Z00-Z99"])
"""The supplementary chapters of OPCS-4, whose codes say more of an operation: how it was done, and where."""

_OF_OPERATIONS = {name for name, system in CODE_FIELDS.items() if system is OPCS4}

_BANDS = {(0, 18), (19, 120)}
"""The programme's age bands, children and adults."""


def of_criteria(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find what is wrong in the criteria of one interpretation, each by itself and all together."""
    criteria = interpretation.rule.criteria
    for name, criterion in criteria.items():
        place = (*interpretation.place, "criteria", name)
        if not possible(criterion):
            yield UnplacedFinding(
                ERROR, "never-holds", place, "this can never hold, so nothing is ever in scope. Correct it."
            )
        elif not possible(Not(criterion)):
            yield UnplacedFinding(
                WARNING, "always-holds", place, "this always holds, and so changes nothing. Take it out."
            )
        else:
            yield from _redundant_parts(criterion, place, interpretation.rule)
        yield from _age_bands(criterion, place)
    yield from _together(interpretation)
    yield from _supplementary(interpretation)
    if interpretation.is_variant and _changes_nothing(interpretation):
        place = interpretation.place
        yield UnplacedFinding(WARNING, "variant-changes-nothing", place, "it flags what the rule flags. Take it out.")


def between_editions(rule: Rule) -> Iterator[UnplacedFinding]:
    """Find codes that one edition asks for and another excludes: a revision, or a NOT too many or too few."""
    here = codes_by_sign(And(tuple(rule.criteria.values())))
    for name, edition in rule.editions.items():
        there = codes_by_sign(And(tuple(edition.criteria.values())))
        for system in CodeSystem:
            for ours, theirs, sign in (("excludes", "asks for", False), ("asks for", "excludes", True)):
                turned = (here[sign][system] & there[not sign][system]) - (here if not sign else there)[True][system]
                if len(turned):
                    text = f"this edition {ours} {turned}, which the edition {name} {theirs}."
                    yield UnplacedFinding(NOTE, "turned-round", ("criteria",), text + " Is the revision meant so?")


def mixed_connectives(content: str) -> Iterator[UnplacedFinding]:
    """Find criteria in which AND and OR stand side by side without parentheses."""

    def below(table: dict[str, Any], place: Place) -> Iterator[UnplacedFinding]:
        for name, text in table.get("criteria", {}).items():
            if isinstance(text, str) and mixes_connectives(text):
                yield UnplacedFinding(
                    WARNING,
                    "mixed-and-or",
                    (*place, "criteria", name),
                    "AND and OR stand side by side: AND binds first. Put parentheses around what belongs together.",
                )
        for kind in ("variants", "editions"):
            for name, changes in table.get(kind, {}).items():
                yield from below(changes, (*place, kind, name))

    return below(tomllib.loads(content), ())


def _together(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find criteria that contradict each other, and those that the others imply."""
    criteria = interpretation.rule.criteria
    whole = And(tuple(criteria.values()))
    if possible(whole):
        for name, criterion in criteria.items():
            others = [other for key, other in criteria.items() if key != name]
            if others and possible(Not(criterion)) and implies(And(tuple(others)), criterion):
                place = (*interpretation.place, "criteria", name)
                yield UnplacedFinding(
                    WARNING, "changes-nothing", place, "the other criteria imply it: nothing is stopped here."
                )
        return
    if not all(map(possible, criteria.values())):
        return
    pairs = [(one, two) for one, two in combinations(criteria, 2) if not possible(And((criteria[one], criteria[two])))]
    for one, two in pairs:
        place = (*interpretation.place, "criteria", two)
        if isinstance(criteria[two], Not):
            text = f"this exclusion removes everything that {one} includes. Correct one of them."
            yield UnplacedFinding(ERROR, "excludes-everything", place, text)
        else:
            yield UnplacedFinding(
                ERROR, "contradiction", place, f"it contradicts {one}: they never hold together. Correct one."
            )
    if not pairs:
        text = "the criteria never hold all together, so nothing is ever in scope. Correct them."
        yield UnplacedFinding(ERROR, "contradiction", (*interpretation.place, "criteria"), text)


def _supplementary(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find a rule that codes of approach or site can meet alone, which only say more of an operation."""
    whole = And(tuple(interpretation.rule.criteria.values()))
    asked = {atom for atom in code_atoms(whole) if atom.code_field in _OF_OPERATIONS}
    with_none = with_answers(whole, dict.fromkeys(asked, False))
    alone = with_answers(whole, {atom: _restricted(atom) for atom in asked})
    if asked and not _can_hold(with_none) and _can_hold(alone):
        text = "a code of chapter Y or Z alone meets them, without an operation. Ask for the operation too."
        yield UnplacedFinding(WARNING, "no-operation", (*interpretation.place, "criteria"), text)


def _restricted(atom: CodeAtom) -> Criterion | bool:
    """Give an atom as it is where all procedure codes are supplementary."""
    lists = {named: NamedCodes(named.name, named.codes & _SUPPLEMENTARY) for named in lists_named(atom)}
    if not all(len(named.codes) for named in lists.values()):
        return False
    match atom:
        case HasCode(codes, position):
            return HasCode(lists[codes], position)
        case FollowedBy(first, second):
            return FollowedBy(lists[first], lists[second])
    return atom


def _can_hold(criterion: Criterion | bool) -> bool:
    return criterion if isinstance(criterion, bool) else possible(criterion)


def _redundant_parts(criterion: Criterion, place: Place, rule: Rule) -> Iterator[UnplacedFinding]:
    """Find parts without which a criterion would mean the same: the first of each AND or OR."""
    for node, whole_without in _with_one_part_less(criterion):
        if equivalent(criterion, whole_without):
            kind = "alternative" if isinstance(node[0], Or) else "part"
            text = (
                f"the {kind} {say(node[1], rule.documentation.words)!r} changes nothing beside the others. Take it out."
            )
            yield UnplacedFinding(WARNING, "redundant", place, text)
            return


def _with_one_part_less(criterion: Criterion) -> Iterator[tuple[tuple[And | Or, Criterion], Criterion]]:
    """Give every connective with one of its operands, and the whole criterion without that operand."""
    match criterion:
        case And(operands) | Or(operands):
            for place, operand in enumerate(operands):
                rest = operands[:place] + operands[place + 1 :]
                if rest:
                    yield (criterion, operand), rest[0] if len(rest) == 1 else type(criterion)(rest)
                for node, changed in _with_one_part_less(operand):
                    yield node, type(criterion)((*operands[:place], changed, *operands[place + 1 :]))
        case Not(operand):
            for node, changed in _with_one_part_less(operand):
                yield node, Not(changed)


def _age_bands(criterion: Criterion, place: Place) -> Iterator[UnplacedFinding]:
    asked = [atom for atom in atoms(criterion) if isinstance(atom, Between | Compare) and atom.field == "age"]
    bands = [(atom.low, atom.high) for atom in asked if isinstance(atom, Between)]
    if any(isinstance(atom, Compare) for atom in asked):
        text = "a bound without its other end lets in what no age is. Write age BETWEEN ... AND ...."
        yield UnplacedFinding(WARNING, "age-band", place, text)
    for low, high in bands:
        if (low, high) not in _BANDS:
            text = f"{low} to {high} years is none of the programme's bands, 0 to 18 and 19 to 120. Is it meant so?"
            yield UnplacedFinding(WARNING, "age-band", place, text)
    for one, two in combinations(sorted(set(bands)), 2):
        if two[0] <= one[1]:
            text = f"the bands {one[0]} to {one[1]} and {two[0]} to {two[1]} overlap. Let them meet."
            yield UnplacedFinding(WARNING, "age-band", place, text)


def _changes_nothing(interpretation: Interpretation) -> bool:
    ours, theirs = (And(tuple(rule.criteria.values())) for rule in (interpretation.rule, interpretation.base))
    same_rate = interpretation.rule.logic.eligible == interpretation.base.logic.eligible
    return same_rate and equivalent(ours, theirs)
