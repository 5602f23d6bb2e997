"""Random edits of the meaning of shipped rules, and what reveals each.

That is lint with the examples, `show --diff`, or the copy of the source in fixtures/as_written.

`python -m tests.unit.rule_mutations` prints how many of each kind are revealed, and those that are not.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from ebi_rules.criteria.logic import equivalent
from ebi_rules.criteria.nodes import And
from ebi_rules.lint.finding import NOTE
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import builtin_files, codes_by_rule, open_policy
from ebi_rules.rule_model.editions_diff import compare_editions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_files import RuleFile, builtin_policies
from ebi_rules.rule_model.rule_parser import parse_with_problems
from opcs_icd import ICD10, OPCS4
from opcs_icd.patterns import expand
from tests.unit.written_sources import keeps_what_was_written, names_of_public_editions

EDITS_OF_A_RULE = 20
_SECTION = re.compile(r"\[(?:editions\.\"[^\"]+\"\.)?(codes\.opcs|codes\.icd|criteria)\]")
_SWAPS = {
    "primary_procedure": "secondary_procedure",
    "secondary_procedure": "procedure",
    "primary_diagnosis": "diagnosis",
    "secondary_diagnosis": "diagnosis",
    "procedure": "primary_procedure",
    "diagnosis": "primary_diagnosis",
    "dominant_procedure": "procedure",
    "spell_primary_diagnosis": "diagnosis",
}
_CALL = re.compile(r"\b(" + "|".join(sorted(_SWAPS, key=len, reverse=True)) + r")\(")


@dataclass(frozen=True)
class Edit:
    """An edit that changes what a rule means.

    Attributes:
        kind: What was done.
        line: The line before and after it.
        found_by: What reveals it: lint, diff, source (the copy of the source, for the programme's rules), or nothing.
    """

    kind: str
    line: tuple[str, str]
    found_by: str


def _drop_code(values: list[str], section: str, rng: random.Random) -> list[str] | None:
    place = rng.randrange(len(values))
    prefixes = list(expand(OPCS4 if "opcs" in section else ICD10, values[place]))
    prefixes.pop(rng.randrange(len(prefixes)))
    changed = [*values[:place], *prefixes, *values[place + 1 :]]
    return changed or None


def _move_code(values: list[str], section: str, rng: random.Random) -> list[str] | None:
    place = rng.randrange(len(values))
    prefixes = list(expand(OPCS4 if "opcs" in section else ICD10, values[place]))
    at = rng.choice([0, len(prefixes) - 1])
    digit = (int(prefixes[at][-1]) + rng.choice([1, 9])) % 10
    prefixes[at] = f"{prefixes[at][:-1]}{digit}"
    return [*values[:place], *dict.fromkeys(prefixes), *values[place + 1 :]]


def _lose_not(text: str, rng: random.Random) -> str | None:
    places = [match.span() for match in re.finditer(r"\bNOT ", text)]
    if text.startswith("no_") or text in ("not_private", "not_emergency"):
        return f"NOT {text}"
    if not places:
        return None
    start, end = rng.choice(places)
    return text[:start] + text[end:]


def _shift_age(text: str, rng: random.Random) -> str | None:
    shared = {"adult": (19, 120), "child": (0, 18)}
    if text in shared:
        low, high = shared[text]
        return rng.choice(
            [
                f"age BETWEEN {low + 1} AND {high}",
                f"age BETWEEN {max(low - 1, 0)} AND {high}",
                f"age BETWEEN {low} AND {high - 1}",
            ]
        )
    numbers = list(re.finditer(r"\d+", text)) if "age BETWEEN" in text else []
    if not numbers:
        return None
    number = rng.choice(numbers)
    return f"{text[: number.start()]}{max(int(number[0]) + rng.choice([-1, 1]), 0)}{text[number.end() :]}"


def _swap_field(text: str, rng: random.Random) -> str | None:
    calls = list(_CALL.finditer(text))
    if not calls:
        return None
    call = rng.choice(calls)
    return f"{text[: call.start(1)]}{_SWAPS[call[1]]}{text[call.end(1) :]}"


def _swap_connective(text: str, rng: random.Random) -> str | None:
    places = [match for match in re.finditer(r" (AND|OR) ", text) if "BETWEEN" not in text]
    if not places:
        return None
    place = rng.choice(places)
    return f"{text[: place.start(1)]}{'OR' if place[1] == 'AND' else 'AND'}{text[place.end(1) :]}"


_OF_LISTS: dict[str, Callable[[list[str], str, random.Random], list[str] | None]] = {
    "a code dropped": _drop_code,
    "a range or code moved": _move_code,
}
_OF_CRITERIA: dict[str, Callable[[str, random.Random], str | None]] = {
    "NOT lost or added": _lose_not,
    "an age off by one": _shift_age,
    "a field swapped": _swap_field,
    "AND and OR swapped": _swap_connective,
}
KINDS = (*_OF_LISTS, *_OF_CRITERIA)


def files() -> list[RuleFile]:
    """Return the files of all shipped rules."""
    return [*builtin_files(), *(file for name in builtin_policies() for file in open_policy(name).files.values())]


def edits(file: RuleFile, number: int = EDITS_OF_A_RULE) -> Iterator[Edit]:
    """Yield edits of a rule that change its meaning, of all kinds in turn as far as the rule has them."""
    rng = random.Random(file.rule.key)
    lines = file.content.splitlines()
    places = list(_places(lines))
    made: set[str] = set()
    kinds = [kind for kind in KINDS for _ in range(200)]
    rng.shuffle(kinds)
    for kind in kinds:
        if len(made) == number:
            return
        at, section = rng.choice(places)
        changed = _changed(lines[at], section, kind, rng)
        if changed is None or changed in made:
            continue
        text = "\n".join([*lines[:at], changed, *lines[at + 1 :]]) + "\n"
        found_by = _revealed(file, text)
        if found_by is None:
            continue
        made.add(changed)
        yield Edit(kind, (lines[at], changed), found_by)


def _places(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines with code lists and criteria, each with the name of its section."""
    section = ""
    for at, line in enumerate(lines):
        if line.startswith("["):
            match = _SECTION.fullmatch(line.strip())
            section = match[1] if match else ""
        elif section and " = " in line and not line.startswith("#"):
            yield at, section


def _changed(line: str, section: str, kind: str, rng: random.Random) -> str | None:
    name, _, value = line.partition(" = ")
    if section == "criteria":
        if kind not in _OF_CRITERIA:
            return None
        text = _OF_CRITERIA[kind](json.loads(value), rng)
        return None if text is None else f"{name} = {json.dumps(text)}"
    if kind not in _OF_LISTS or not value.startswith("["):
        return None
    values = _OF_LISTS[kind](json.loads(value), section, rng)
    return None if values is None else f"{name} = {json.dumps(values)}"


def _revealed(file: RuleFile, text: str) -> str | None:
    """Return what reveals an edit, "nothing" if nothing does; None if it does not change the meaning."""
    rule, _ = parse_with_problems(text, file.name, file.shared)
    if rule is not None and _same_meaning(file.rule, rule):
        return None
    if _findings(file, text) - _known_findings(file.name):
        return "lint"
    if rule is not None and _diffs(rule) != _diffs(file.rule):
        return "diff"
    return "source" if rule is not None and file.name.startswith("catalogue/") and _leaves_source(rule) else "nothing"


def _leaves_source(rule: Rule) -> bool:
    """Return whether some edition no longer has what the copy of its source in fixtures/as_written says."""
    return not all(keeps_what_was_written(name, rule) for name in names_of_public_editions(rule))


def _same_meaning(one: Rule, two: Rule) -> bool:
    return all(
        equivalent(_whole(first), _whole(second))
        for first, second in zip(_interpretations(one), _interpretations(two), strict=True)
    )


def _interpretations(rule: Rule) -> list[Rule]:
    return [each for edition in (rule, *rule.editions.values()) for each in edition.interpretations.values()]


def _whole(rule: Rule) -> And:
    return And(tuple(rule.criteria.values()))


@cache
def _known_findings(name: str) -> frozenset[tuple[str, str]]:
    (file,) = [file for file in files() if file.name == name]
    return frozenset(_findings(file, file.content))


def _findings(file: RuleFile, text: str) -> set[tuple[str, str]]:
    findings = check_rule_text(text, file.name, file.shared, None, codes_by_rule())
    return {(finding.check, finding.text) for finding in findings if finding.severity != NOTE}


def _diffs(rule: Rule) -> list[str]:
    return [compare_editions(edition, rule).partition("content")[0] for edition in rule.editions.values()]


def main() -> None:
    """Print how many edits of each kind lint, or the comparison of editions, reveals."""
    counts: Counter[tuple[str, str]] = Counter()
    hidden: list[tuple[str, Edit]] = []
    for file in files():
        for edit in edits(file):
            counts[edit.kind, edit.found_by] += 1
            if edit.found_by == "nothing":
                hidden.append((file.rule.key, edit))
    print("| edit | made | lint and examples | only show --diff | only the copy of the source | nothing |")
    print("|---|---|---|---|---|---|")
    for kind in (*KINDS, ""):
        row = [
            sum(count for (of, by), count in counts.items() if kind in (of, "") and found in (by, ""))
            for found in ("", "lint", "diff", "source", "nothing")
        ]
        print(f"| {kind or 'all'} | {' | '.join(map(str, row))} |")
    for key, edit in hidden:
        print(f"{key}: {edit.kind}: {edit.line[0]} -> {edit.line[1]}")


if __name__ == "__main__":
    main()
