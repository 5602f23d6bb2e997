"""Codes held against the user's own classification files: do they exist, did they when the edition was made."""

import re
from collections.abc import Iterator

from ebi_rules.lint.finding import ERROR, WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import OPCS4, CodeList, CodeSystem
from opcs_icd.reference import Reference, Release


def of_codes(interpretation: Interpretation, reference: Reference) -> Iterator[UnplacedFinding]:
    """Find codes that do not exist, that ended before the edition or began after it, and what prefixes cover since."""
    month = month_of(interpretation.rule.edition_name)
    for named in interpretation.rule.logic.code_lists():
        release = reference.in_force(named.system, month)
        if release is None:
            continue
        kind = "opcs" if named.system is OPCS4 else "icd"
        place = (*interpretation.place, "codes", kind, named.name)
        for prefix in named.codes.prefixes:
            yield from _of_prefix(prefix, place, named.system, release, reference)


def month_of(edition: str) -> str:
    """Give an edition's month (2024-07); one that names a year alone counts to its end."""
    found = re.match(r"(\d{4})(?:-(\d{2}))?", edition)
    return f"{found[1]}-{found[2] or '12'}" if found else "9999-12"


def _of_prefix(
    prefix: str, place: Place, system: CodeSystem, release: Release, reference: Reference
) -> Iterator[UnplacedFinding]:
    written = str(CodeList(system, [prefix]))
    if not release.starting(prefix):
        others = [other for other in reference.of(system) if other.starting(prefix)]
        earlier = [other for other in others if other.since < release.since]
        if earlier:
            text = f"{written} ended: it is in {earlier[-1].name} and no longer in {release.name}. Take it out."
            yield UnplacedFinding(WARNING, "code-ended", place, text)
        elif others:
            text = f"{written} began with {others[0].name}, after this edition ({release.name}). Is the edition right?"
            yield UnplacedFinding(WARNING, "code-not-begun", place, text)
        else:
            yield UnplacedFinding(
                ERROR, "no-such-code", place, f"{written} does not exist in {release.name}. Correct it."
            )
        return
    held = set(release.starting(prefix))
    since = [
        code
        for other in reference.of(system)
        if other.since > release.since
        for code in other.starting(prefix)
        if code not in held
    ]
    if since:
        added = CodeList(system, since)
        text = f"{written} covers {added} too, which began after this edition. Are they meant?"
        yield UnplacedFinding(WARNING, "unexpected-siblings", place, text)
