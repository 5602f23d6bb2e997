"""Check code lists: repeated patterns, lists within lists, and codes that belong to the other classification."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from ebi_rules.lint.finding import NOTE, WARNING, Interpretation, Place, UnplacedFinding
from opcs_icd import OPCS4, CodeList, CodeSystem, PrefixSet
from opcs_icd.patterns import expand

_NATIONAL_LENGTH = {OPCS4: 4}
"""The longest code in national data: fifth characters that sites add to OPCS-4 are removed before submission."""

_MOST_NAMED = 5
"""How many patterns a finding names."""

_FEWEST_ALIKE = 4
"""How many codes must differ only in the chapter letter before that is unlikely to be chance."""

KnownCodes = Mapping[str, Mapping[CodeSystem, CodeList]]
"""The codes that rules use, by rule and classification."""


def check_code_lists(interpretation: Interpretation, known: KnownCodes) -> Iterator[UnplacedFinding]:
    """Find problems in the code lists of one interpretation; of a variant, only those that the rule does not have.

    Args:
        interpretation: The interpretation.
        known: The codes that all rules use.
    """
    checked = interpretation.base.logic.code_lists() if interpretation.is_variant else ()
    lists = {named.name: named.codes for named in interpretation.rule.logic.code_lists() if named not in checked}
    for name, codes in lists.items():
        place = _place(interpretation, name)
        yield from _check_patterns(codes, place)
        yield from _check_classification(codes, place, interpretation, known)
        yield from _check_chapter(codes, place, known)
    for (one, first), (two, second) in combinations(lists.items(), 2):
        if first.system is not second.system:
            continue
        if first == second:
            text = f"this list has the same codes as {one}. Use one list for both."
            yield UnplacedFinding(WARNING, "same-list", _place(interpretation, two), text)
        elif first <= second:
            yield _list_in_list(interpretation, one, two)
        elif second <= first:
            yield _list_in_list(interpretation, two, one)


def _list_in_list(interpretation: Interpretation, inner: str, outer: str) -> UnplacedFinding:
    text = f"every code in this list is also in {outer}."
    return UnplacedFinding(NOTE, "list-in-list", _place(interpretation, inner), text)


def _place(interpretation: Interpretation, name: str) -> Place:
    system = next(named.system for named in interpretation.rule.logic.lists.values() if named.name == name)
    return (*interpretation.place, "codes", "opcs" if system is OPCS4 else "icd", name)


def _check_patterns(codes: CodeList, place: Place) -> Iterator[UnplacedFinding]:
    """Find patterns that add no code, and patterns that are longer than the codes in national data."""
    before = PrefixSet()
    adding_nothing, too_long, longer = [], [], []
    for pattern in codes.patterns:
        prefixes = expand(codes.system, pattern)
        if all(map(before.covers, prefixes)):
            adding_nothing.append(pattern)
        for prefix in prefixes:
            before.add(prefix)
        longest = max(map(len, prefixes))
        if longest > _NATIONAL_LENGTH.get(codes.system, 5):
            too_long.append(pattern)
        elif longest == 5:
            longer.append(pattern)
    if adding_nothing:
        text = f"{_patterns(adding_nothing, 'adds', 'add')} no code to the patterns before. Remove what is not needed."
        yield UnplacedFinding(WARNING, "pattern-twice", place, text)
    if too_long:
        text = (
            f"no code in national data matches {_patterns(too_long)}: OPCS-4 codes have four characters there. "
            "Shorten what is too long."
        )
        yield UnplacedFinding(WARNING, "no-code-matches", place, text)
    if longer:
        text = f"{_patterns(longer, 'matches', 'match')} only in data that keep fifth characters."
        yield UnplacedFinding(NOTE, "fifth-character", place, text)


def _patterns(patterns: list[str], one: str = "", many: str = "") -> str:
    """Return the first patterns and the number of others, with a verb for one or for many."""
    names, others = patterns[:_MOST_NAMED], len(patterns) - _MOST_NAMED
    text = ", ".join(names) + (f" and {others:,} more" if others > 0 else "")
    return f"{text} {one if len(patterns) == 1 else many}".rstrip()


def _check_classification(
    codes: CodeList, place: Place, interpretation: Interpretation, known: KnownCodes
) -> Iterator[UnplacedFinding]:
    """Find lists whose codes appear in the other classification in other rules, or in other lists of this rule."""
    other = next(system for system in CodeSystem if system is not codes.system)
    other_rules = {rule: lists for rule, lists in known.items() if rule != interpretation.rule.key}
    same_kind = PrefixSet(prefix for lists in known.values() for prefix in lists[codes.system].prefixes)
    doubtful = [prefix for prefix in codes.prefixes if not same_kind.covers(prefix)]
    candidates = [(rule, set(lists[other].prefixes)) for rule, lists in other_rules.items()]
    candidates += [
        (named.name, set(named.codes.prefixes))
        for named in interpretation.base.logic.code_lists()
        if named.system is other
    ]
    elsewhere = [prefix for prefix in doubtful if any(prefix in prefixes for _, prefixes in candidates)]
    if elsewhere:
        places = [name for name, prefixes in candidates if not prefixes.isdisjoint(elsewhere)]
        verb, noun = ("is an", "code") if len(elsewhere) == 1 else ("are", "codes")
        text = (
            f"{CodeList(codes.system, elsewhere)} {verb} {other.value} {noun} in {', '.join(places[:3])}. "
            f"Check whether this list should have {other.value} codes, or these codes belong in another list."
        )
        yield UnplacedFinding(WARNING, "other-classification", place, text)


def _check_chapter(codes: CodeList, place: Place, known: KnownCodes) -> Iterator[UnplacedFinding]:
    """Find lists that another rule has, digit for digit, under another chapter letter: E34 for F34."""
    long = [prefix for prefix in codes.prefixes if len(prefix) > 3]
    if len(long) < _FEWEST_ALIKE:
        return
    for rule, lists in known.items():
        prefixes = set(lists[codes.system].prefixes)
        if prefixes & set(long):
            continue
        for letter in codes.system.letters:
            if all(letter + prefix[1:] in prefixes for prefix in long):
                alike = [letter + prefix[1:] for prefix in long]
                text = f"{rule} has {CodeList(codes.system, alike)}, which differ only in the chapter letter. Check it."
                yield UnplacedFinding(WARNING, "chapter-letter", place, text)
