"""Check codes against the user's own classification files: whether they exist, and did at the time of the edition."""

import re
from collections.abc import Collection, Iterable, Iterator

from ebi_rules.criteria.nodes import NamedCodes
from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import OPCS4, CodeList, CodeSystem
from opcs_icd.patterns import expand, inside_ranges
from opcs_icd.reference import Reference, Release

_ALWAYS = "9999-12"
"""The month of the newest release."""


def check_codes(
    interpretation: Interpretation, shared: Collection[str], reference: Reference
) -> Iterator[UnplacedFinding]:
    """Find codes that do not exist in the release of the edition's time, and later codes that a prefix also covers.

    Args:
        interpretation: The interpretation.
        shared: The names of shared lists, which are checked where they are defined (`check_shared_codes`).
        reference: The user's own classification files.
    """
    month = _month_of(interpretation.rule.edition_name)
    own = [named for named in interpretation.rule.logic.code_lists() if named.name not in shared]
    return _check_lists(own, interpretation.place, month, reference)


def check_shared_codes(lists: Iterable[NamedCodes], reference: Reference) -> Iterator[UnplacedFinding]:
    """Find codes of shared lists that do not exist in the newest release."""
    return _check_lists(lists, (), _ALWAYS, reference)


def _check_lists(
    lists: Iterable[NamedCodes], place: Place, month: str, reference: Reference
) -> Iterator[UnplacedFinding]:
    for named in lists:
        release = reference.in_force(named.system, month)
        if release is None:
            continue
        kind = "opcs" if named.system is OPCS4 else "icd"
        for pattern in named.codes.patterns:
            yield from _check_pattern(pattern, (*place, "codes", kind, named.name), named.system, release, reference)


def _month_of(edition: str) -> str:
    """Return an edition's month (2024-07): December for a year alone, a far month for an edition without a year."""
    date = re.match(r"(\d{4})(?:-(\d{2}))?", edition)
    return f"{date[1]}-{date[2] or '12'}" if date else _ALWAYS


def _check_pattern(
    pattern: str, place: Place, system: CodeSystem, release: Release, reference: Reference
) -> Iterator[UnplacedFinding]:
    """Check the codes of a pattern; those inside a range that were never assigned are one note."""
    prefixes, inside = expand(system, pattern), inside_ranges(system, pattern)
    never = [prefix for prefix in prefixes if not any(other.starting(prefix) for other in reference.of(system))]
    gaps = [prefix for prefix in never if prefix in inside]
    ends = [prefix for prefix in never if inside and prefix in (prefixes[0], prefixes[-1])]
    for prefix in prefixes:
        if prefix not in gaps and prefix not in ends:
            yield from _check_prefix(prefix, place, system, release, reference)
    if gaps:
        missing = CodeList(system, gaps)
        text = f"{pattern} runs over codes that {release.name} does not have: {missing}. A range may do so."
        yield UnplacedFinding(NOTE, "gap-in-range", place, text)
    if ends:
        missing = CodeList(system, ends)
        text = f"{pattern} begins or ends with a code that {release.name} does not have: {missing}. Check the range."
        yield UnplacedFinding(WARNING, "range-end", place, text)


def _check_prefix(
    prefix: str, place: Place, system: CodeSystem, release: Release, reference: Reference
) -> Iterator[UnplacedFinding]:
    if not release.starting(prefix):
        yield _missing(prefix, place, system, release, reference)
        return
    known = set(release.starting(prefix))
    later = [
        code
        for other in reference.of(system)
        if other.since > release.since
        for code in other.starting(prefix)
        if code not in known
    ]
    if later:
        written, added = CodeList(system, [prefix]), CodeList(system, later)
        text = f"{written} also covers codes that were added after this edition: {added}. Check that they belong here."
        yield UnplacedFinding(WARNING, "unexpected-siblings", place, text)


def _missing(prefix: str, place: Place, system: CodeSystem, release: Release, reference: Reference) -> UnplacedFinding:
    """Return the finding for a code that the release does not have."""
    written = str(CodeList(system, [prefix]))
    others = [other for other in reference.of(system) if other.starting(prefix)]
    earlier = [other for other in others if other.since < release.since]
    if earlier:
        text = f"{written} is in {earlier[-1].name} but no longer in {release.name}. Remove it."
        return UnplacedFinding(WARNING, "code-ended", place, text)
    if others:
        text = f"{written} was added in {others[0].name}, after this edition ({release.name}). Check the edition."
        return UnplacedFinding(WARNING, "code-not-begun", place, text)
    return UnplacedFinding(ERROR, "no-such-code", place, f"{written} does not exist in {release.name}. Correct it.")
