"""Several answers of 1 or 0 in one number: joins carry, and rows are grouped by, few numbers much faster than many.

A number has up to 18 answers. It is taken apart in two steps: into digits of six answers each, which multiplication by
1/64, exact in decimal and binary, and rounding down give; and each digit by a list of the digits in which an answer
is 1. All of this means the same in every warehouse.
"""

from collections.abc import Mapping, Sequence

from sqlglot import exp

from ebi_rules.statements.step_names import Naming
from ebi_rules.translate.sql_parts import as_number, number

_IN_DIGIT = 6
"""So many answers are in one digit: the list of the digits in which one of them is 1 has 32."""

_DIGITS = 3
"""So many digits are in one number, which every warehouse keeps as a whole number."""

_SHARES = {1: "0.015625", 2: "0.000244140625"}
"""1/64 and 1/4096."""

Numbers = Mapping[str, Sequence[str]]
"""The columns of answers in each number, by the number's column."""


def in_numbers(answers: Sequence[str], name: str = "answers") -> Numbers:
    """Return which answers go into which number.

    Example:
        >>> {name: len(answers) for name, answers in in_numbers([f"a{place}" for place in range(20)]).items()}
        {'answers_1': 18, 'answers_2': 2}
    """
    size = _IN_DIGIT * _DIGITS
    starts = range(0, len(answers), size)
    return {f"{name}_{place}": list(answers[start : start + size]) for place, start in enumerate(starts, start=1)}


class PackedAnswers(Naming):
    """Put answers into numbers and take them apart."""

    def _packed(self, numbers: Numbers) -> list[exp.Expr]:
        """Return the numbers, as columns made from those of the answers."""
        columns = []
        for name, answers in numbers.items():
            packed: exp.Expr = self._column(answers[0])
            for place, answer in enumerate(answers[1:], start=1):
                part = exp.Mul(this=self._column(answer), expression=number(2**place))
                packed = exp.Add(this=packed, expression=part)
            columns.append(packed.as_(self._name(name)))
        return columns

    def _above_digits(self, numbers: Numbers) -> list[exp.Expr]:
        """Return, for every digit but the first, the number without the digits below it, as columns."""
        columns: list[exp.Expr] = []
        for name, answers in numbers.items():
            for place in range(1, _digits(answers)):
                share = exp.Mul(this=self._column(name), expression=exp.Literal.number(_SHARES[place]))
                columns.append(exp.Floor(this=share).as_(self._name(f"{name}_above_{place}")))
        return columns

    def _taken_apart(self, numbers: Numbers) -> list[exp.Expr]:
        """Return the answers, as columns made from those of the numbers and of `_above_digits`."""
        columns = []
        for name, answers in numbers.items():
            parts = [name, *(f"{name}_above_{place}" for place in range(1, _digits(answers)))]
            for place, answer in enumerate(answers):
                digit, bit = divmod(place, _IN_DIGIT)
                value: exp.Expr = self._column(parts[digit])
                if digit + 1 < len(parts):
                    above = exp.Mul(this=self._column(parts[digit + 1]), expression=number(2**_IN_DIGIT))
                    value = exp.Paren(this=exp.Sub(this=value, expression=above))
                size = min(_IN_DIGIT, len(answers) - digit * _IN_DIGIT)
                values = [number(each) for each in range(2**size) if each >> bit & 1]
                columns.append(as_number(exp.In(this=value, expressions=values)).as_(self._name(answer)))
        return columns


def _digits(answers: Sequence[str]) -> int:
    return -(-len(answers) // _IN_DIGIT)
