"""Check what criteria mean together: contradictions, criteria that are always or never true, and redundant parts."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from ebi_rules._support.toml_text import parse_toml
from ebi_rules.criteria.logic import codes_by_sign
from ebi_rules.criteria.nodes import And, Between, Compare, Criterion, Not, Or, atoms
from ebi_rules.criteria.parser import mixes_connectives
from ebi_rules.criteria.satisfiability import Satisfiability
from ebi_rules.criteria.search_budget import TooComplexError
from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Interpretation, Place, UnplacedFinding
from ebi_rules.rule_model.rule import Rule
from ebi_rules.translate.english import say
from opcs_icd import CodeSystem

_MIXED = "AND and OR are mixed without parentheses: AND binds first. Put parentheses around what belongs together."

_BANDS = {(0, 18), (19, 120)}
"""The programme's age bands in years: children and adults."""


def check_criteria(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find problems in the criteria of one interpretation, each by itself and all together."""
    rule = interpretation.rule
    for name, criterion in rule.criteria.items():
        yield from _age_bands(criterion, (*interpretation.place, "criteria", name))
    try:
        yield from _check_meaning(interpretation, Satisfiability([_whole(rule), _whole(interpretation.base)]))
    except TooComplexError:
        text = (
            "the criteria are too complex to be checked for contradictions and for parts that change nothing. "
            "Check them by hand, or divide them."
        )
        yield UnplacedFinding(WARNING, "not-checked", (*interpretation.place, "criteria"), text)


def _check_meaning(interpretation: Interpretation, meaning: Satisfiability) -> Iterator[UnplacedFinding]:
    """Find problems in what criteria mean.

    Raises:
        TooComplexError: Deciding takes too long. What was found before is found.
    """
    for name, criterion in interpretation.rule.criteria.items():
        place = (*interpretation.place, "criteria", name)
        if not meaning.possible(criterion):
            text = "this is never true, so nothing is in scope. Correct it."
            yield UnplacedFinding(ERROR, "never-holds", place, text)
        elif not meaning.possible(Not(criterion)):
            text = "this is always true, so it changes nothing. Remove it."
            yield UnplacedFinding(WARNING, "always-holds", place, text)
        else:
            yield from _redundant_parts(criterion, place, interpretation.rule, meaning)
    yield from _together(interpretation, meaning)
    if interpretation.is_variant and _changes_nothing(interpretation, meaning):
        text = "this variant flags the same activity as the rule. Remove it."
        yield UnplacedFinding(WARNING, "variant-changes-nothing", interpretation.place, text)


def check_editions(rule: Rule) -> Iterator[UnplacedFinding]:
    """Find codes that one edition includes and another excludes: a revision, or a NOT too many or too few."""
    codes = codes_by_sign(_whole(rule))
    for name, edition in rule.editions.items():
        other_codes = codes_by_sign(_whole(edition))
        for system in CodeSystem:
            excluded = (codes[False][system] & other_codes[True][system]) - codes[True][system]
            included = (codes[True][system] & other_codes[False][system]) - other_codes[True][system]
            if len(excluded):
                yield _turned_round(f"this edition excludes {excluded}, which the edition {name} includes.")
            if len(included):
                yield _turned_round(f"this edition includes {included}, which the edition {name} excludes.")


def _turned_round(text: str) -> UnplacedFinding:
    return UnplacedFinding(NOTE, "turned-round", ("criteria",), f"{text} Check that this is intended.")


def check_connectives(content: str) -> Iterator[UnplacedFinding]:
    """Find criteria in the text of a rule file that mix AND and OR without parentheses."""
    return _mixed_connectives(parse_toml(content), ())


def _mixed_connectives(table: dict[str, Any], place: Place) -> Iterator[UnplacedFinding]:
    for name, text in table.get("criteria", {}).items():
        if isinstance(text, str) and mixes_connectives(text):
            yield UnplacedFinding(WARNING, "mixed-and-or", (*place, "criteria", name), _MIXED)
    for kind in ("variants", "editions"):
        for name, changes in table.get(kind, {}).items():
            yield from _mixed_connectives(changes, (*place, kind, name))


def _whole(rule: Rule) -> Criterion:
    """Return the criterion that all criteria of a rule hold."""
    return And(tuple(rule.criteria.values()))


def _together(interpretation: Interpretation, meaning: Satisfiability) -> Iterator[UnplacedFinding]:
    """Find criteria that contradict each other, and criteria that the others imply."""
    criteria = interpretation.rule.criteria
    if meaning.possible(_whole(interpretation.rule)):
        yield from _implied(interpretation, meaning)
        return
    if not all(map(meaning.possible, criteria.values())):
        return
    pairs = [
        (one, two)
        for one, two in combinations(criteria, 2)
        if not meaning.possible(And((criteria[one], criteria[two])))
    ]
    for one, two in pairs:
        place = (*interpretation.place, "criteria", two)
        if isinstance(criteria[two], Not):
            text = f"this exclusion removes everything that {one} includes. Correct one of them."
            yield UnplacedFinding(ERROR, "excludes-everything", place, text)
        else:
            text = f"this contradicts {one}: they are never both true. Correct one of them."
            yield UnplacedFinding(ERROR, "contradiction", place, text)
    if not pairs:
        text = "the criteria are never all true together, so nothing is in scope. Correct them."
        yield UnplacedFinding(ERROR, "contradiction", (*interpretation.place, "criteria"), text)


def _implied(interpretation: Interpretation, meaning: Satisfiability) -> Iterator[UnplacedFinding]:
    """Find criteria that hold wherever the others do."""
    criteria = interpretation.rule.criteria
    for name, criterion in criteria.items():
        others = [other for key, other in criteria.items() if key != name]
        if others and meaning.possible(Not(criterion)) and meaning.implies(And(tuple(others)), criterion):
            text = "the other criteria imply this one, so it excludes nothing more. Remove it."
            yield UnplacedFinding(WARNING, "changes-nothing", (*interpretation.place, "criteria", name), text)


def _redundant_parts(
    criterion: Criterion, place: Place, rule: Rule, meaning: Satisfiability
) -> Iterator[UnplacedFinding]:
    """Find the first part without which a criterion would mean the same."""
    for connective, part, without_part in _with_one_part_less(criterion):
        if meaning.equivalent(criterion, without_part):
            kind = "alternative" if isinstance(connective, Or) else "part"
            words = say(part, rule.documentation.words)
            text = f"the {kind} {words!r} changes nothing beside the others. Remove it."
            yield UnplacedFinding(WARNING, "redundant", place, text)
            return


def _with_one_part_less(criterion: Criterion) -> Iterator[tuple[And | Or, Criterion, Criterion]]:
    """Return every AND or OR with one of its operands, and the whole criterion without that operand."""
    match criterion:
        case And(operands) | Or(operands):
            for place, operand in enumerate(operands):
                rest = operands[:place] + operands[place + 1 :]
                if rest:
                    yield criterion, operand, rest[0] if len(rest) == 1 else type(criterion)(rest)
                for connective, part, changed in _with_one_part_less(operand):
                    yield connective, part, type(criterion)((*operands[:place], changed, *operands[place + 1 :]))
        case Not(operand):
            for connective, part, changed in _with_one_part_less(operand):
                yield connective, part, Not(changed)


def _age_bands(criterion: Criterion, place: Place) -> Iterator[UnplacedFinding]:
    """Find ages with one limit only, bands that are not the programme's, and bands that overlap."""
    age_atoms = [atom for atom in atoms(criterion) if isinstance(atom, Between | Compare) and atom.field == "age"]
    bands = [(atom.low, atom.high) for atom in age_atoms if isinstance(atom, Between)]
    texts = []
    if any(isinstance(atom, Compare) for atom in age_atoms):
        texts.append("age has only one limit, so implausible ages are included. Write age BETWEEN ... AND ....")
    texts += [
        f"{low} to {high} years is not one of the programme's age bands, 0 to 18 and 19 to 120. "
        "Check that this is intended."
        for low, high in bands
        if (low, high) not in _BANDS
    ]
    texts += [
        f"the age bands {one[0]} to {one[1]} and {two[0]} to {two[1]} overlap. Start the second after the first ends."
        for one, two in combinations(sorted(set(bands)), 2)
        if two[0] <= one[1]
    ]
    for text in texts:
        yield UnplacedFinding(WARNING, "age-band", place, text)


def _changes_nothing(interpretation: Interpretation, meaning: Satisfiability) -> bool:
    """Return whether a variant has the denominator of its rule and flags the same."""
    rule, base = interpretation.rule, interpretation.base
    return rule.logic.eligible == base.logic.eligible and meaning.equivalent(_whole(rule), _whole(base))
