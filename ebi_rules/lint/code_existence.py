"""Check codes against the user's own classification files: whether they exist, and did at the time of the edition."""

import re
from collections.abc import Iterator

from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import OPCS4, CodeList, CodeSystem
from opcs_icd.patterns import expand, inside_ranges
from opcs_icd.reference import Reference, Release


def check_codes(interpretation: Interpretation, reference: Reference) -> Iterator[UnplacedFinding]:
    """Find codes that do not exist in the release of the edition's time, and later codes that a prefix also covers."""
    month = _month_of(interpretation.rule.edition_name)
    for named in interpretation.rule.logic.code_lists():
        release = reference.in_force(named.system, month)
        if release is None:
            continue
        kind = "opcs" if named.system is OPCS4 else "icd"
        place = (*interpretation.place, "codes", kind, named.name)
        for pattern in named.codes.patterns:
            yield from _check_pattern(pattern, place, named.system, release, reference)


def _month_of(edition: str) -> str:
    """Return an edition's month (2024-07): December for a year alone, a far month for an edition without a year."""
    date = re.match(r"(\d{4})(?:-(\d{2}))?", edition)
    return f"{date[1]}-{date[2] or '12'}" if date else "9999-12"


def _check_pattern(
    pattern: str, place: Place, system: CodeSystem, release: Release, reference: Reference
) -> Iterator[UnplacedFinding]:
    """Check the codes of a pattern; those inside a range that were never assigned are one note."""
    inside = inside_ranges(system, pattern)
    never = [prefix for prefix in inside if not any(other.starting(prefix) for other in reference.of(system))]
    for prefix in expand(system, pattern):
        if prefix not in never:
            yield from _check_prefix(prefix, place, system, release, reference)
    if never:
        gaps = CodeList(system, never)
        text = f"{pattern} runs over codes that {release.name} does not have: {gaps}. A range may do so."
        yield UnplacedFinding(NOTE, "gap-in-range", place, text)


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
