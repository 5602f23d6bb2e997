"""Check what codes are used for: site codes in first place, scans of no stated part, exclusions that are too narrow."""

from collections.abc import Iterator, Mapping

from ebi_rules.criteria.logic import possible, with_answers
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    And,
    CodeAtom,
    Criterion,
    FollowedBy,
    HasCode,
    NamedCodes,
    Not,
    Or,
    Position,
    code_atoms,
    lists_named,
)
from ebi_rules.criteria.search_budget import TooComplexError
from ebi_rules.lint.finding import WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import OPCS4, CodeList

# Chapter O continues other chapters, so that some of its categories are sites as those of chapter Z are (titles: UK
# Biobank's coding 240, OPCS-4 of October 2020).
_SITES = CodeList.opcs(
    ["Z00-Z99", "O11-O14", "O16", "O28", "O30", "O31", "O33", "O34", "O36", "O43", "O45"],
)
SUPPLEMENTARY = CodeList.opcs(["Y00-Y99"]) | _SITES
"""OPCS-4 codes that only describe an operation further: how it was done, and where."""

_IMAGING_OF_NO_PART = CodeList.opcs(["U21"])
"""Imaging not elsewhere classified, which names no part of the body."""

_PROCEDURE_FIELDS = {name for name, system in CODE_FIELDS.items() if system is OPCS4}
_FIRST_PLACES = {"dominant_procedure"}
_LEAST_ALIKE = 0.6
"""How much two lists must have in common, as a share of both together, for one to be meant as the other."""


def check_code_roles(interpretation: Interpretation, shared: Mapping[str, NamedCodes]) -> Iterator[UnplacedFinding]:
    """Find codes that are used for what they cannot be, or in a way that is probably not meant.

    Args:
        interpretation: The interpretation.
        shared: The code lists that rules share.
    """
    for name, criterion in interpretation.rule.criteria.items():
        place = (*interpretation.place, "criteria", name)
        yield from _sites_in_first_place(criterion, place)
        yield from _excluded_in_first_place(criterion, place, shared)
    try:
        yield from _alone_enough(interpretation)
    except TooComplexError:
        text = (
            "the criteria are too complex to be checked for codes that are enough without an operation or a site. "
            "Check them by hand, or divide them."
        )
        yield UnplacedFinding(WARNING, "not-checked", (*interpretation.place, "criteria"), text)
    yield from _mixed_lists(interpretation)
    yield from _near_shared_lists(interpretation, shared)


def _sites_in_first_place(criterion: Criterion, place: Place) -> Iterator[UnplacedFinding]:
    for atom in code_atoms(criterion):
        is_first = isinstance(atom, HasCode) and (atom.position is Position.PRIMARY or atom.code_field in _FIRST_PLACES)
        if not is_first or atom.code_field not in _PROCEDURE_FIELDS:
            continue
        for named in lists_named(atom):
            sites = named.codes & SUPPLEMENTARY
            if len(sites):
                text = (
                    f"{sites} of {named.name} describe where or how an operation was done, and are never the first "
                    "procedure. Use secondary_procedure."
                )
                yield UnplacedFinding(WARNING, "site-first", place, text)


def _excluded_in_first_place(
    criterion: Criterion, place: Place, shared: Mapping[str, NamedCodes]
) -> Iterator[UnplacedFinding]:
    """Find exclusions by the first code alone where a shared list has such codes and is excluded in any place."""
    for atom in _negated(criterion, False):
        if not isinstance(atom, HasCode) or atom.position is not Position.PRIMARY:
            continue
        for named in lists_named(atom):
            for other in shared.values():
                if other.codes.system is named.codes.system and len(named.codes & other.codes):
                    text = (
                        f"{named.name} is excluded in the first place only, so activity with it in a later place stays "
                        f"in scope. Use NOT diagnosis({named.name})."
                    )
                    yield UnplacedFinding(WARNING, "excluded-first-only", place, text)


def _negated(criterion: Criterion, is_negated: bool) -> Iterator[CodeAtom]:
    """Return the atoms about codes that stand under an odd number of NOTs."""
    match criterion:
        case Not(operand):
            yield from _negated(operand, not is_negated)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _negated(operand, is_negated)
        case HasCode() | FollowedBy():
            if is_negated:
                yield criterion


def _alone_enough(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find rules that are met by supplementary codes alone, or by a scan of no stated part.

    Raises:
        TooComplexError: Deciding takes too long. What was found before is found.
    """
    place = (*interpretation.place, "criteria")
    if _is_enough(interpretation, SUPPLEMENTARY):
        text = (
            "a code of a site or of an approach is enough, without an operation. Require a code of the operation too."
        )
        yield UnplacedFinding(WARNING, "no-operation", place, text)
    if _is_enough(interpretation, _IMAGING_OF_NO_PART):
        text = (
            "a code of U21 is enough, which names no part of the body: scans of any part are in scope. Require a code "
            "of the site too."
        )
        yield UnplacedFinding(WARNING, "scan-without-site", place, text)


def _is_enough(interpretation: Interpretation, codes: CodeList) -> bool:
    """Return whether a rule that needs procedure codes can be met by these alone."""
    whole = And(tuple(interpretation.rule.criteria.values()))
    procedure_atoms = {atom for atom in code_atoms(whole) if atom.code_field in _PROCEDURE_FIELDS}
    if not procedure_atoms or _can_hold(with_answers(whole, dict.fromkeys(procedure_atoms, False))):
        return False
    return _can_hold(with_answers(whole, {atom: _restricted(atom, codes) for atom in procedure_atoms}))


def _restricted(atom: CodeAtom, codes: CodeList) -> Criterion | bool:
    """Return what an atom means if these are the only procedure codes."""
    lists = {named: NamedCodes(named.name, named.codes & codes) for named in lists_named(atom)}
    if not all(len(named.codes) for named in lists.values()):
        return False
    match atom:
        case HasCode(named, position):
            return HasCode(lists[named], position)
        case FollowedBy(first, second):
            return FollowedBy(lists[first], lists[second])
    return atom


def _can_hold(criterion: Criterion | bool) -> bool:
    return criterion if isinstance(criterion, bool) else possible(criterion)


def _mixed_lists(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find lists with codes of operations beside codes of sites or approaches: one can stand in for the other."""
    for named in interpretation.rule.logic.code_lists():
        if named.system is not OPCS4:
            continue
        sites, others = named.codes & SUPPLEMENTARY, named.codes - SUPPLEMENTARY
        if len(sites) and len(others):
            text = f"{sites} describe where or how an operation was done, and {others} are operations. Use two lists."
            yield UnplacedFinding(WARNING, "mixed-list", _place(interpretation, named), text)


def _place(interpretation: Interpretation, named: NamedCodes) -> Place:
    return (*interpretation.place, "codes", "opcs" if named.system is OPCS4 else "icd", named.name)


def _near_shared_lists(interpretation: Interpretation, shared: Mapping[str, NamedCodes]) -> Iterator[UnplacedFinding]:
    """Find lists that are almost a shared list, such as cancer without C44."""
    for named in interpretation.rule.logic.code_lists():
        for other in shared.values():
            if other.name == named.name or other.system is not named.system or other.codes == named.codes:
                continue
            both, either = named.codes & other.codes, named.codes | other.codes
            if len(both) < _LEAST_ALIKE * len(either):
                continue
            missing, added = other.codes - named.codes, named.codes - other.codes
            parts = [f"without {missing}" if len(missing) else "", f"with {added} beside it" if len(added) else ""]
            text = (
                f"this is almost the shared list {other.name}, {' and '.join(filter(None, parts))}. Use {other.name}."
            )
            yield UnplacedFinding(WARNING, "near-shared-list", _place(interpretation, named), text)
