"""Check lists of imaging codes: repeated patterns, lists within lists, and codes that the crosswalk cannot pair."""

from collections.abc import Iterator
from itertools import combinations

from ebi_rules.criteria.crosswalk import crosswalk
from ebi_rules.criteria.nodes import NamedImagingCodes
from ebi_rules.lint.finding import NOTE, WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import ImagingCodes, ImagingSystem

_KINDS = {ImagingSystem.NICIP: "nicip", ImagingSystem.SNOMED: "snomed"}
_MOST_NAMED = 5
"""How many codes a finding names."""


def check_imaging_lists(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find problems in the lists of imaging codes of one interpretation; of a variant, only in lists of its own."""
    checked = interpretation.base.logic.imaging_lists() if interpretation.is_variant else ()
    lists = [named for named in _written(interpretation) if named not in checked]
    for named in lists:
        place = _place(interpretation, named)
        yield from _check_patterns(named.codes, place)
        yield from _check_pairs(named.codes, place)
    for one, two in combinations(lists, 2):
        if one.system is not two.system:
            continue
        if one.codes == two.codes:
            text = f"this list has the same codes as {one.name}. Use one list for both."
            yield UnplacedFinding(WARNING, "same-list", _place(interpretation, two), text)
            continue
        both = one.codes & two.codes
        inner, outer = (one, two) if len(one.codes) < len(two.codes) else (two, one)
        if both == inner.codes:
            text = f"every code in this list is also in {outer.name}."
            yield UnplacedFinding(NOTE, "list-in-list", _place(interpretation, inner), text)


def _written(interpretation: Interpretation) -> list[NamedImagingCodes]:
    """Return the lists that a file states, without the codes of the other kind that the crosswalk adds."""
    by_name: dict[str, list[NamedImagingCodes]] = {}
    for named in interpretation.rule.logic.imaging_lists():
        by_name.setdefault(named.name, []).append(named)
    nicip_first = [sorted(each, key=lambda named: named.system is ImagingSystem.SNOMED) for each in by_name.values()]
    return [
        each[0] if len(each) == 1 or crosswalk().other_kind(each[0].codes) == each[1].codes else each[1]
        for each in nicip_first
    ]


def _place(interpretation: Interpretation, named: NamedImagingCodes) -> Place:
    return (*interpretation.place, "codes", _KINDS[named.system], named.name)


def _check_patterns(codes: ImagingCodes, place: Place) -> Iterator[UnplacedFinding]:
    """Find patterns that add no code."""
    before: set[str] = set()
    for pattern in codes.patterns:
        of_pattern = set(ImagingCodes(codes.system, [pattern]).codes)
        if of_pattern <= before:
            text = f"{pattern} adds no code to the patterns before. Remove it."
            yield UnplacedFinding(WARNING, "pattern-twice", place, text)
        before |= of_pattern


def _check_pairs(codes: ImagingCodes, place: Place) -> Iterator[UnplacedFinding]:
    """Find codes without a crosswalk, and codes of the other kind that also stand for something else."""
    pairs = crosswalk()
    other = ImagingSystem.SNOMED if codes.system is ImagingSystem.NICIP else ImagingSystem.NICIP
    unpaired = sorted(set(codes) - pairs.codes_of(codes.system))
    if unpaired:
        text = (
            f"the crosswalk does not have {_named(unpaired)}: examinations with a {other.value} code alone are not "
            "found. Check the codes, or list those of both kinds."
        )
        yield UnplacedFinding(WARNING, "no-crosswalk", place, text)
    if codes.system is ImagingSystem.NICIP:
        wider = sorted(set(pairs.other_kind(pairs.other_kind(codes))) - set(codes))
        if wider:
            text = (
                f"the SNOMED CT codes of this list also stand for {_named(wider)}, which the list does not have. "
                "Add them, or list SNOMED CT codes apart."
            )
            yield UnplacedFinding(WARNING, "wider-crosswalk", place, text)


def _named(codes: list[str]) -> str:
    others = len(codes) - _MOST_NAMED
    return ", ".join(codes[:_MOST_NAMED]) + (f" and {others:,} more" if others > 0 else "")
