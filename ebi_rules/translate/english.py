"""Criteria in English that a clinician can read aloud, and a whole rule as Markdown.

A code list speaks by the phrase that the rule file gives it, or failing that by its codes.
"""

import calendar
from collections.abc import Mapping, Sequence

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import (
    And,
    Between,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    NamedCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from ebi_rules.translate.visitor import Visitor
from opcs_icd import OPCS4, CodeList, CodeSystem

_NOUNS = {OPCS4: "procedure", CodeSystem.ICD10: "diagnosis"}
_SPELL_CODES = {
    "dominant_procedure": "the dominant procedure of the spell",
    "spell_primary_diagnosis": "the primary diagnosis of the spell",
}
_COMPARISONS = {"=": "", "<": "under ", "<=": "at most ", ">": "over ", ">=": "at least "}


def say(criterion: Criterion, words: Mapping[str, str]) -> str:
    """Give a criterion as a clause, in the present tense, without a full stop."""
    return _English(words).visit(criterion)


class _English(Visitor[str]):
    """Give each node as a clause; `recorded` are fields of which another clause says that they are recorded."""

    def __init__(self, words: Mapping[str, str], recorded: frozenset[str] = frozenset()) -> None:
        self.words = words
        self.recorded = recorded

    def visit_and(self, node: And) -> str:
        said = {
            operand.operand.field
            for operand in node.operands
            if isinstance(operand, Not) and isinstance(operand.operand, IsNull)
        }
        if together := self._codes_together(node):
            return together
        inside = _English(self.words, self.recorded | said)
        return listed([inside._inside(operand, Or) for operand in node.operands], "and")

    def visit_between(self, node: Between) -> str:
        if node.field == "age":
            return f"the patient is {node.low} to {node.high} years old"
        return f"the {self._label(node.field)} is {node.low} to {node.high}"

    def visit_compare(self, node: Compare) -> str:
        if node.field == "age":
            return f"the patient is {_COMPARISONS[node.operator]}{node.value} years old"
        return f"the {self._label(node.field)} is {_COMPARISONS[node.operator]}{self._value(node.field, node.value)}"

    def visit_followed_by(self, node: FollowedBy) -> str:
        noun = _NOUNS[node.first.system]
        return f"a {noun} code for {self._codes(node.first)} is followed by one for {self._codes(node.second)}"

    def visit_has_code(self, node: HasCode) -> str:
        if node.position is Position.SPELL:
            return f"{_SPELL_CODES[node.code_field]} is {self._codes(node.codes)}"
        if node.position is Position.PRIMARY:
            return f"the primary {_NOUNS[node.codes.system]} is {self._codes(node.codes)}"
        return f"{self._article(node)} code for {self._codes(node.codes)} is recorded"

    def visit_in(self, node: In) -> str:
        values = listed([self._value(node.field, value) for value in node.values], "or")
        return f"the {self._label(node.field)} is {values}"

    def visit_is_null(self, node: IsNull) -> str:
        return f"no {self._label(node.field)} is recorded"

    def visit_not(self, node: Not) -> str:
        inside = node.operand
        match inside:
            case Not(operand):
                return self.visit(operand)
            case And(operands):
                return f"it is not so that {listed([self._inside(operand, Or) for operand in operands], 'and')}"
            case Or(operands):
                return listed([self.visit_not(Not(operand)) for operand in operands], "and")
            case HasCode(codes, position):
                if position is Position.SPELL:
                    return f"{_SPELL_CODES[inside.code_field]} is not {self._codes(codes)}, or is not recorded"
                place = "" if position is Position.ANY else f"{position.value} "
                return f"no {place}{_NOUNS[codes.system]} code for {self._codes(codes)} is recorded"
            case FollowedBy(first, second):
                noun = _NOUNS[first.system]
                return f"no {noun} code for {self._codes(first)} is followed by one for {self._codes(second)}"
            case Recorded(system):
                return f"no {_NOUNS[system]} is recorded"
            case IsNull(field):
                return f"{_a(self._label(field))} is recorded"
            case Between(field) | Compare(field) | In(field) | StartsWith(field):
                clause = self.visit(inside).replace(" is ", " is not ", 1).replace(" begins ", " does not begin ", 1)
                if field in self.recorded:
                    return clause
                return f"{clause}, or no age is recorded" if field == "age" else f"{clause}, or is not recorded"
        assert False, f"Unhandled node: {node}"

    def visit_or(self, node: Or) -> str:
        clauses = [self._inside(operand, And) for operand in node.operands]
        return ("either " if len(clauses) == 2 else "") + listed(clauses, "or")

    def visit_recorded(self, node: Recorded) -> str:
        return f"at least one {_NOUNS[node.system]} is recorded"

    def visit_starts_with(self, node: StartsWith) -> str:
        meaning = FIELDS[node.field].beginnings.get(node.prefix)
        return f"the {self._label(node.field)} begins with {node.prefix}{f' ({meaning})' if meaning else ''}"

    def _inside(self, node: Criterion, ambiguous: type) -> str:
        """Give an operand's clause; one that joins clauses by the other word is set apart."""
        if not isinstance(node, And) or ambiguous is not And or self._codes_together(node):
            return self.visit(node)
        if len(node.operands) == 2:
            return f"both {self.visit(node)}"
        *first, last = (self.visit(operand) for operand in node.operands)
        return f"all of this: {'; '.join(first)}; and {last}"

    def _codes_together(self, node: And) -> str | None:
        """Say in one clause that codes of several lists are recorded; None when the node says something else."""
        lists = [
            operand.codes
            for operand in node.operands
            if isinstance(operand, HasCode) and operand.position is Position.ANY
        ]
        if len(lists) < len(node.operands) or len({codes.system for codes in lists}) > 1:
            return None
        both = "both " if len(lists) == 2 else ""
        phrases = [f"for {self._codes(codes)}" for codes in lists]
        return f"{_NOUNS[lists[0].system]} codes are recorded {both}{listed(phrases, 'and')}"

    def _article(self, node: HasCode) -> str:
        noun = _NOUNS[node.codes.system]
        return f"a {noun}" if node.position is Position.ANY else f"a {node.position.value} {noun}"

    def _codes(self, codes: NamedCodes) -> str:
        return self.words.get(codes.name) or f"{codes.name.replace('_', ' ')} ({dotted(codes.codes)})"

    def _label(self, field: str) -> str:
        return FIELDS[field].label

    def _value(self, field: str, value: str | int) -> str:
        definition = FIELDS[field]
        if definition.kind is Kind.NUMBER:
            return str(value)
        meaning = definition.meanings.get(str(value))
        return f"{value} ({meaning})" if meaning else str(value)


def with_dot(code: str) -> str:
    """Give a code as people write it: U05.4, C61."""
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def dotted(codes: CodeList) -> str:
    """Give a list's codes as a clinician writes them: U05.4, U05.5, C00 to C99."""
    parts = []
    for pattern in codes.compact:
        if "-" in pattern and "[" not in pattern:
            parts.append(pattern.replace("-", " to "))
        else:
            parts.extend(map(with_dot, _members(codes, pattern)))
    return ", ".join(parts)


def _members(codes: CodeList, pattern: str) -> list[str]:
    """Give the prefixes of a list that one of its compact patterns stands for."""
    stem, is_class, _ = pattern.partition("[")
    if not is_class:
        return [pattern]
    return [prefix for prefix in codes.prefixes if prefix[:-1] == stem]


def heading(name: str, words: Mapping[str, str]) -> str:
    """Give the phrase for a criterion or a code list, as a heading."""
    phrase = words.get(name, name.replace("_", " "))
    return phrase[:1].upper() + phrase[1:]


def month_name(date: str) -> str:
    """Give a year and month as words: 2023-12 is December 2023, 2020-port is 2020 as ported; else as it stands."""
    year, _, month = date.partition("-")
    if month == "port":
        return f"{year} as ported"
    return f"{calendar.month_name[int(month)]} {year}" if month.isdigit() and 1 <= int(month) <= 12 else date


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def listed(clauses: Sequence[str], word: str) -> str:
    """Join clauses: `a`, `a and b`, `a, b and c`; long clauses keep a comma before the last."""
    if len(clauses) < 2:
        return "".join(clauses)
    comma = "," if any("," in clause or " " in clause for clause in clauses) and len(clauses[0]) > 30 else ""
    return f"{', '.join(clauses[:-1])}{comma} {word} {clauses[-1]}"
