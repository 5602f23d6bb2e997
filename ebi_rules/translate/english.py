"""Criteria in English that a clinician can read aloud, and a whole rule as Markdown.

A code list appears as its phrase in the rule file or, without one, as its name and codes.
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
    InList,
    IsNull,
    NamedCodes,
    NamedImagingCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from ebi_rules.translate.visitor import Visitor
from opcs_icd import OPCS4, CodeList, CodeSystem
from opcs_icd.patterns import expand

_NOUNS = {OPCS4: "procedure", CodeSystem.ICD10: "diagnosis"}
_SPELL_CODES = {
    "dominant_procedure": "the dominant procedure of the spell",
    "spell_primary_diagnosis": "the primary diagnosis of the spell",
}
_AGES = {"=": "aged {}", "<": "aged under {}", "<=": "aged {} or under", ">": "aged over {}", ">=": "aged {} or over"}
_NUMBERS = {"=": "{}", "<": "less than {}", "<=": "{} or less", ">": "more than {}", ">=": "{} or more"}


def say(criterion: Criterion, words: Mapping[str, str]) -> str:
    """Return a criterion as a clause in the present tense, without a full stop.

    Args:
        criterion: The criterion.
        words: The phrase of each code list, by the list's name.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> say(parse("age >= 19 AND sex = '2'", lists={}), words={})
        'the patient is aged 19 or over and the sex is 2 (female)'
    """
    return _English(words).visit(criterion)


class _English(Visitor[str]):
    """Turn each node into a clause. Where AND and OR mix so that commas could mislead, list the clauses instead.

    `recorded` are the fields that a neighbouring clause already requires to be recorded.
    """

    def __init__(self, words: Mapping[str, str], recorded: frozenset[str] = frozenset()) -> None:
        self.words = words
        self.recorded = recorded

    def visit_and(self, node: And) -> str:
        return self._all_of(node, comma=True)

    def visit_between(self, node: Between) -> str:
        if node.field == "age":
            return f"the patient is aged {node.low} to {node.high}"
        return f"the {self._label(node.field)} is between {node.low} and {node.high}"

    def visit_compare(self, node: Compare) -> str:
        if node.field == "age":
            return f"the patient is {_AGES[node.operator].format(node.value)}"
        value = _NUMBERS[node.operator].format(self._value(node.field, node.value))
        return f"the {self._label(node.field)} is {value}"

    def visit_followed_by(self, node: FollowedBy) -> str:
        noun = _NOUNS[node.first.system]
        return f"a {noun} code for {self._codes(node.first)} is followed by one for {self._codes(node.second)}"

    def visit_has_code(self, node: HasCode) -> str:
        if node.position is Position.SPELL:
            return f"{_SPELL_CODES[node.code_field]} is {self._codes(node.codes)}"
        if node.position is Position.PRIMARY:
            return f"the primary {_NOUNS[node.codes.system]} is {self._codes(node.codes)}"
        return f"a {_noun(node)} code for {self._codes(node.codes)} is recorded"

    def visit_in(self, node: In) -> str:
        values = listed([self._value(node.field, value) for value in node.values], "or")
        return f"the patient is aged {values}" if node.field == "age" else f"the {self._label(node.field)} is {values}"

    def visit_in_list(self, node: InList) -> str:
        return f"the {self._label(node.field)} is {self._codes(node.codes)}"

    def visit_is_null(self, node: IsNull) -> str:
        return f"{self._subject(node.field)} is not recorded"

    def visit_not(self, node: Not) -> str:
        match node.operand:
            case Or() as inside if self._examination(inside):
                return f"the examination is not {self._examination(inside)}"
            case Not() | Or():
                return self.visit(_simplified(node))
            case And() as inside:
                return f"it is not the case that {self._all_of_together(inside)}"
            case HasCode(codes, Position.SPELL) as inside:
                return f"{_SPELL_CODES[inside.code_field]} is not {self._codes(codes)}, or is not recorded"
            case HasCode(codes) as inside:
                return f"no {_noun(inside)} code for {self._codes(codes)} is recorded"
            case FollowedBy(first, second):
                noun = _NOUNS[first.system]
                return f"no {noun} code for {self._codes(first)} is followed by one for {self._codes(second)}"
            case Recorded(system):
                return f"no {_NOUNS[system]} is recorded"
            case IsNull(field):
                return f"{self._subject(field)} is recorded"
            case InList(codes) as inside:
                return f"the {self._label(inside.field)} is not {self._codes(codes)}, or is not recorded"
            case Between(field) | Compare(field) | In(field) | StartsWith(field):
                clause = self.visit(node.operand)
                clause = clause.replace(" is ", " is not ", 1).replace(" begins ", " does not begin ", 1)
                if field in self.recorded:
                    return clause
                return f"{clause}, or {'their age ' if field == 'age' else ''}is not recorded"
        assert False, f"Unhandled node: {node}"

    def visit_or(self, node: Or) -> str:
        examination = self._examination(node)
        if examination:
            return f"the examination is {examination}"
        operands = self._operands(node)
        examinations = [isinstance(operand, Or) and self._examination(operand) for operand in operands]
        if all(examinations):
            return f"the examination is {listed([str(each) for each in examinations], 'or')}"
        clauses = [
            self._all_of(operand, comma=False) if isinstance(operand, And) else self.visit(operand)
            for operand in operands
        ]
        joined = [operand for operand in operands if isinstance(operand, And) and not self._codes_together(operand)]
        if joined and len(operands) > 1 and (len(operands) > 2 or not all(map(self._is_pair, joined))):
            return _itemised("at least one of these is true", clauses, "or")
        clauses = list(map(_set_apart, clauses))
        if joined and len(clauses) == 2:
            return f"either {clauses[0]}, or {clauses[1]}"
        return ("either " if len(clauses) == 2 else "") + listed(clauses, "or")

    def visit_recorded(self, node: Recorded) -> str:
        return f"at least one {_NOUNS[node.system]} is recorded"

    def visit_starts_with(self, node: StartsWith) -> str:
        meaning = FIELDS[node.field].beginnings.get(node.prefix)
        return f"the {self._label(node.field)} code begins with {node.prefix}{f' ({meaning})' if meaning else ''}"

    def _operands(self, node: And | Or) -> list[Criterion]:
        """Return the operands of a node, with those of nested nodes of the same kind in their place."""
        operands: list[Criterion] = []
        for operand in map(_simplified, node.operands):
            if isinstance(operand, And | Or) and type(operand) is type(node) and not self._is_one_clause(operand):
                operands += self._operands(operand)
            else:
                operands.append(operand)
        return operands

    def _is_pair(self, node: And) -> bool:
        """Return whether a node joins exactly two clauses, neither of them alternatives."""
        operands = self._operands(node)
        return len(operands) == 2 and not any(map(self._is_choice, operands))

    def _all_of(self, node: And, comma: bool) -> str:
        """Return the clauses of a node joined by "and"; `comma` allows one before the "and" of a pair."""
        together = self._codes_together(node)
        if together:
            return together
        operands = self._operands(node)
        *before, last = operands
        if any(map(self._is_choice, before)) or (
            isinstance(last, Or) and self._is_choice(last) and len(last.operands) > 2
        ):
            return self._all_of_together(node)
        clauses = list(map(_set_apart, self._clauses(operands)))
        match operands:
            case [Not(IsNull(field)), _]:  # "the sex is recorded and is not 2", without the subject again.
                rest = clauses[1].removeprefix(f"the {self._label(field)} ")
                if rest.startswith("is "):
                    return f"{clauses[0]} and {rest}"
                if rest.startswith("code "):
                    return f"{clauses[0]} and its {rest}"
        return listed(clauses, "and") if comma or len(clauses) > 2 else " and ".join(clauses)

    def _all_of_together(self, node: And) -> str:
        """Return the clauses of a node so that they read as one: "both ... and ...", or a list."""
        together = self._codes_together(node)
        if together:
            return together
        clauses = self._clauses(self._operands(node))
        if self._is_pair(node):
            return f"both {' and '.join(map(_set_apart, clauses))}"
        if len(clauses) == 1:
            return clauses[0]
        return _itemised(f"{'both' if len(clauses) == 2 else 'all'} of these are true", clauses, "and")

    def _clauses(self, operands: Sequence[Criterion]) -> list[str]:
        """Return the clauses of operands that all hold."""
        recorded = {
            operand.operand.field
            for operand in operands
            if isinstance(operand, Not) and isinstance(operand.operand, IsNull)
        }
        inside = _English(self.words, self.recorded | recorded)
        return [inside.visit(operand) for operand in operands]

    def _codes_together(self, node: Criterion) -> str | None:
        """Return one clause for a node whose operands all require codes at one position, None for any other node."""
        if not isinstance(node, And) or len(node.operands) < 2:
            return None
        atoms = [operand for operand in node.operands if isinstance(operand, HasCode)]
        nouns = {_noun(atom) for atom in atoms}
        several = all(atom.position in (Position.ANY, Position.SECONDARY) for atom in atoms)
        if len(atoms) < len(node.operands) or len(nouns) > 1 or not several:
            return None
        both = "both " if len(atoms) == 2 else ""
        phrases = [f"for {self._codes(atom.codes)}" for atom in atoms]
        return f"{nouns.pop()} codes are recorded {both}{listed(phrases, 'and')}"

    def _is_choice(self, node: Criterion) -> bool:
        """Return whether a node is said as alternatives."""
        return isinstance(node, Or) and not self._examination(node)

    def _is_one_clause(self, node: And | Or) -> bool:
        """Return whether a node is said in one clause, although it has several operands."""
        return bool(self._codes_together(node) or self._examination(node))

    def _examination(self, node: And | Or) -> str | None:
        """Return the phrase for a list of examinations, whichever kind of code says so; None for other nodes."""
        lists = _lists_of_one_name(node)
        return self._codes(lists[0]) if lists else None

    def _codes(self, codes: NamedCodes | NamedImagingCodes) -> str:
        listed_codes = dotted(codes.codes) if isinstance(codes, NamedCodes) else str(codes.codes)
        return self.words.get(codes.name) or f"{codes.name.replace('_', ' ')} ({listed_codes})"

    def _label(self, field: str) -> str:
        return FIELDS[field].label

    def _subject(self, field: str) -> str:
        return "the patient's age" if field == "age" else f"the {self._label(field)}"

    def _value(self, field: str, value: str | int) -> str:
        definition = FIELDS[field]
        if definition.kind is Kind.NUMBER:
            return str(value)
        meaning = definition.meanings.get(str(value))
        return f"{value} ({meaning})" if meaning else str(value)


def _simplified(node: Criterion) -> Criterion:
    """Return a node with a double negation removed, and the negation of alternatives as negations that all hold."""
    match node:
        case Not(Not(operand)):
            return _simplified(operand)
        case Not(Or(operands) as inside) if not _lists_of_one_name(inside):
            return And(tuple(Not(operand) for operand in operands))
    return node


def _lists_of_one_name(node: And | Or) -> list[NamedImagingCodes]:
    """Return the lists of a node that asks for one list of examinations by either kind of code; empty for others."""
    lists = [operand.codes for operand in node.operands if isinstance(operand, InList)]
    is_one = isinstance(node, Or) and len(lists) == len(node.operands) and len({named.name for named in lists}) == 1
    return lists if is_one and len(lists) > 1 else []


def _noun(node: HasCode) -> str:
    """Return "procedure", "secondary diagnosis" and the like."""
    noun = _NOUNS[node.codes.system]
    return noun if node.position is Position.ANY else f"{node.position.value} {noun}"


def _itemised(introduction: str, clauses: Sequence[str], word: str) -> str:
    """Return clauses as a list in one sentence: `introduction: a; b; and c`."""
    *before, last = map(_set_apart, clauses)
    return f"{introduction}: {'; '.join(before)}; {word} {last}"


def _set_apart(clause: str) -> str:
    """Put a clause that is itself a list in parentheses."""
    return f"({clause})" if ";" in clause else clause


def with_dot(code: str) -> str:
    """Return a code with its dot.

    Example:
        >>> with_dot("U054"), with_dot("C61")
        ('U05.4', 'C61')
    """
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def dotted(codes: CodeList) -> str:
    """Return the codes of a list as a clinician writes them.

    Example:
        >>> dotted(CodeList.icd(["C00-C99", "D051"]))
        'C00 to C99, D05.1'
    """
    parts = []
    for pattern in codes.compact:
        if "-" in pattern and "[" not in pattern:
            parts.append(pattern.replace("-", " to "))
        else:
            parts.extend(map(with_dot, expand(codes.system, pattern)))
    return ", ".join(parts)


def heading(name: str, words: Mapping[str, str]) -> str:
    """Return the phrase for a criterion or a code list as a heading.

    Args:
        name: The name in the rule file.
        words: The phrases of the rule, by name; without one, the name itself is used.

    Example:
        >>> heading("not_private", {})
        'Not private'
    """
    phrase = words.get(name, name.replace("_", " "))
    return phrase[:1].upper() + phrase[1:]


def month_name(date: str) -> str:
    """Return the name of an edition in words, unchanged if it is neither a month nor a port.

    Example:
        >>> month_name("2023-12"), month_name("2020-port")
        ('December 2023', '2020 as ported')
    """
    year, _, month = date.partition("-")
    if month == "port":
        return f"{year} as ported"
    return f"{calendar.month_name[int(month)]} {year}" if month.isdigit() and 1 <= int(month) <= 12 else date


def listed(clauses: Sequence[str], word: str) -> str:
    """Join clauses: `a`, `a and b`, `a, b and c`. Long clauses also have a comma before the word."""
    if len(clauses) < 2:
        return "".join(clauses)
    comma = "," if any("," in clause or " " in clause for clause in clauses) and len(clauses[0]) > 30 else ""
    return f"{', '.join(clauses[:-1])}{comma} {word} {clauses[-1]}"
