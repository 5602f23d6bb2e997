"""Code lists beside each other: the same twice, one inside another, codes of the other classification."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from ebi_rules.lint.finding import NOTE, WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import OPCS4, CodeList, CodeSystem

_NATIONAL_LENGTH = {OPCS4: 4}
"""How long a code is in national data: locally added fifth characters of OPCS-4 are removed before submission."""

_FEWEST_ALIKE = 4
"""How many codes two lists must share but for the letter, so that it is no chance."""


def of_lists(
    interpretation: Interpretation, known: Mapping[str, Mapping[CodeSystem, CodeList]]
) -> Iterator[UnplacedFinding]:
    """Find what is odd in the code lists that one interpretation asks for."""
    told = interpretation.base.logic.code_lists() if interpretation.is_variant else ()
    own = {named.name: named.codes for named in interpretation.rule.logic.code_lists() if named not in told}
    for name, codes in own.items():
        place = _place(interpretation, name)
        yield from _patterns(codes, place)
        yield from _of_other_kind(codes, place, interpretation, known)
        yield from _of_other_chapter(codes, place, known)
    for (one, first), (two, second) in combinations(own.items(), 2):
        if first.system is not second.system:
            continue
        if first == second:
            text = f"it holds the same codes as {one}. Use one list for both."
            yield UnplacedFinding(WARNING, "same-list", _place(interpretation, two), text)
        elif not len(first - second):
            yield UnplacedFinding(
                NOTE, "list-in-list", _place(interpretation, one), f"every code of it is in {two} too."
            )
        elif not len(second - first):
            yield UnplacedFinding(
                NOTE, "list-in-list", _place(interpretation, two), f"every code of it is in {one} too."
            )


def _place(interpretation: Interpretation, name: str) -> Place:
    system = next(named.system for named in interpretation.rule.logic.lists.values() if named.name == name)
    return (*interpretation.place, "codes", "opcs" if system is OPCS4 else "icd", name)


def _patterns(codes: CodeList, place: Place) -> Iterator[UnplacedFinding]:
    """Find patterns that add nothing, and those that need longer codes than data hold."""
    seen: list[CodeList] = []
    for pattern in codes.patterns:
        one = CodeList(codes.system, [pattern])
        others = [prefix for other in seen for prefix in other.prefixes]
        if others and not (one - CodeList(codes.system, others)):
            text = f"the pattern {pattern} adds no code to those before it. Take it out."
            yield UnplacedFinding(WARNING, "pattern-twice", place, text)
        seen.append(one)
        longest = max(map(len, one.prefixes))
        if longest > _NATIONAL_LENGTH.get(codes.system, 5):
            text = f"no code in national data matches {pattern}: OPCS-4 codes have four characters there. Shorten it."
            yield UnplacedFinding(WARNING, "no-code-matches", place, text)
        elif longest == 5:
            text = f"{pattern} is found only where data keep fifth characters."
            yield UnplacedFinding(NOTE, "fifth-character", place, text)


def _of_other_kind(
    codes: CodeList, place: Place, interpretation: Interpretation, known: Mapping[str, Mapping[CodeSystem, CodeList]]
) -> Iterator[UnplacedFinding]:
    """Find lists that look like codes of the other classification, as other rules and other lists here use them."""
    other = next(system for system in CodeSystem if system is not codes.system)
    users = {rule: lists for rule, lists in known.items() if rule != interpretation.rule.key}
    own_kind = {prefix for lists in users.values() for prefix in lists[codes.system].prefixes}
    beside = {named.name: named.codes for named in interpretation.base.logic.code_lists() if named.system is other}
    # One code may well be in both classifications, a whole list hardly.
    doubtful = [prefix for prefix in codes.prefixes if prefix not in own_kind]
    where = [
        name
        for name, lists in [*((rule, lists[other]) for rule, lists in users.items()), *beside.items()]
        if len(doubtful) > 1 and set(doubtful) <= set(lists.prefixes)
    ]
    if where:
        text = (
            f"all of {CodeList(codes.system, doubtful)} stand as {other.value} codes in {', '.join(where[:3])}. "
            f"Are they {other.value} codes here too?"
        )
        yield UnplacedFinding(WARNING, "other-classification", place, text)


def _of_other_chapter(
    codes: CodeList, place: Place, known: Mapping[str, Mapping[CodeSystem, CodeList]]
) -> Iterator[UnplacedFinding]:
    """Find lists that another rule has with another chapter letter, digit for digit: E34 for F34."""
    long = [prefix for prefix in codes.prefixes if len(prefix) > 3]
    for rule, lists in known.items():
        held = set(lists[codes.system].prefixes)
        if len(long) < _FEWEST_ALIKE or held & set(long):
            continue
        for letter in codes.system.letters:
            moved = [letter + prefix[1:] for prefix in long]
            if set(moved) <= held:
                text = f"{rule} has {CodeList(codes.system, moved)}, the same but for the chapter letter. Is it wrong?"
                yield UnplacedFinding(WARNING, "chapter-letter", place, text)
