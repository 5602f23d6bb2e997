"""The statements by which an engine counts groups of rows where they are, so that the cube is made from them here.

Groups are about as many as the counts of a cube of all rules, and need no decision in the warehouse: the criteria are
decided here on the answers, which are the same for many groups. Whatever is a small number stands with others in a few
whole numbers, so that rows are grouped by, and a cluster moves, few columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from sqlglot import exp

from ebi_rules.criteria.nodes import CodeAtom, Criterion, InList
from ebi_rules.cube import treatment_fields
from ebi_rules.statements.answered_criteria import parts_about_codes
from ebi_rules.statements.child_steps import part
from ebi_rules.statements.cube_counts import DAYS, ROWS
from ebi_rules.statements.cube_groups import CubeGroups, Step
from ebi_rules.statements.packed_answers import Numbers, in_numbers
from ebi_rules.translate.sql_parts import as_number, coalesce, number

Words = Mapping[str, Mapping[str, int]]
"""The small numbers in each whole number, and how many bits each has, by the column of the whole number."""

_MONTH_BITS, _BAND_BITS, _BITS_OF_WORD = 20, 5, 62
LAST_MONTH = 9999_12
NO_MONTH, NO_BAND = 0, 2**_BAND_BITS - 1


def in_words(bits: Mapping[str, int]) -> Words:
    """Return which small numbers go into which whole number.

    Example:
        >>> in_words({"month": 20, "answers_1": 40, "answers_2": 3})
        {'word_1': {'month': 20, 'answers_1': 40}, 'word_2': {'answers_2': 3}}
    """
    words: list[dict[str, int]] = [{}]
    for name, size in bits.items():
        if sum(words[-1].values()) + size > _BITS_OF_WORD:
            words.append({})
        words[-1][name] = size
    return {f"word_{place}": parts for place, parts in enumerate(words, start=1) if parts}


class GroupStatements(CubeGroups):
    """Write the statements of one dialect, layout and table.

    An age band is its number in `AGE_BANDS`, and a month such as 202404 is one, up to `LAST_MONTH`. Missing ones are
    `NO_BAND` and `NO_MONTH`.
    """

    def texts(self, kept: Mapping[str, str]) -> Mapping[str, str]:
        """Return the statements that decide distinct texts, by step, for an engine that keeps the results meanwhile.

        Args:
            kept: The tables with the results of `counted_texts`, by step.
        """
        return replace(self, kept=kept).decided_texts(self._criteria, self.recorded)

    @property
    def numbers(self) -> Numbers:
        """The columns of answers in each number, the first in its lowest bit."""
        return self._numbers

    @cached_property
    def words(self) -> Words:
        """The numbers in each whole number that rows are grouped by, the first in its lowest bits, with their bits."""
        of_answers = {name: len(answers) for name, answers in self._numbers.items()}
        return in_words({**self._bits_of_dimensions, **of_answers})

    @property
    def texts_to_group_by(self) -> list[str]:
        """The dimensions that have a column of their own, as the table has their values."""
        return [name for name in self.dimensions if name not in self._bits_of_dimensions]

    @property
    def _bits_of_dimensions(self) -> Mapping[str, int]:
        """The dimensions that are small numbers, and how many bits each has."""
        sizes = {"month": _MONTH_BITS if self._has_days else 0, "age_band": _BAND_BITS if self._has_age else 0}
        return {name: sizes[name] for name in self.dimensions if sizes.get(name)}

    @cached_property
    def _parts(self) -> Mapping[str, Mapping[Criterion, str]]:
        """The parts of criteria about each field of codes whose answers are joined to rows, and their columns."""
        parts: dict[str, dict[Criterion, str]] = {}
        for code_field in filter(self._is_joined, dict.fromkeys(atom.code_field for atom in self._atoms)):
            every = [*self._criteria, *self.recorded]
            found = dict.fromkeys(each for criterion in every for each in parts_about_codes(criterion, code_field))
            parts[code_field] = {
                node: self._verdict_column(node)
                if isinstance(node, CodeAtom)
                else f"{part(code_field, 'part')}_{place}"
                for place, node in enumerate(found, start=1)
            }
        return parts

    def _numbers_of(self, code_field: str, atoms: Sequence[CodeAtom]) -> Numbers:
        return in_numbers(list(self._parts.get(code_field, {}).values()), part(code_field, "answers"))

    def _steps_of_parts(self, code_field: str) -> list[Step]:
        """Return the step that decides parts of criteria: rows then differ in fewer answers than there are atoms."""
        parts, translator = self._parts[code_field], self._translator()
        columns: list[exp.Expr] = [self._column(self._joined_on(code_field)[1])]
        for node, name in parts.items():
            value = self._column(name) if isinstance(node, CodeAtom) else as_number(translator.visit(node))
            columns.append(value.as_(self._name(name)))
        return [
            (part(code_field, "parts"), exp.Select(expressions=columns).from_(self._step(part(code_field, "found"))))
        ]

    @property
    def answers(self) -> Mapping[Criterion, str]:
        """The column of the answer to each part of the criteria that was decided, and to each atom of other parts."""
        decided: dict[Criterion, str] = {}
        for node, name in self.verdict_names.items():
            if isinstance(node, InList) or not self._is_joined(node.code_field):
                decided[node] = name
        for answers in self._parts.values():
            decided |= answers
        return decided | self._conditions

    @property
    def missing(self) -> Mapping[str, str]:
        """The column that says that a field is missing, for the fields whose missing values are counted."""
        return {name: f"no_{name}" for name in self._missing}

    @property
    def selected_by_month(self) -> tuple[str, ...]:
        """What `by_month` selects: fields to count by, and then counts."""
        month = ("month",) if self._has_days else ()
        return (*treatment_fields(self.binding), *month, ROWS, *(DAYS if self._has_days else ()))

    def groups(self, kept: Mapping[str, str]) -> str:
        """Return the statement that selects `texts_to_group_by`, `words`, and the number of rows, of each group.

        Args:
            kept: The tables with the results of steps of `texts`, by step.
        """
        writer = replace(self, kept=kept)
        steps = [
            ("answers_by_row", writer._row_step()),
            ("packed", writer._packed_step()),
            ("words", writer._words_step()),
        ]
        return writer._printed(writer._counted([*self.texts_to_group_by, *self.words], "words"), steps)

    def _words_step(self) -> exp.Select:
        """Put the small numbers of a row into whole numbers of 64 bits."""
        missing = {"month": number(NO_MONTH), "age_band": number(NO_BAND)}
        columns: list[exp.Expr] = [self._column(name) for name in self.texts_to_group_by]
        for word, parts in self.words.items():
            packed, below = None, 0
            for name, bits in parts.items():
                value = coalesce(self._column(name), missing[name]) if name in missing else self._column(name)
                part: exp.Expr = exp.cast(value, "bigint")
                if packed is not None:
                    part = exp.Add(this=packed, expression=exp.Mul(this=part, expression=number(2**below)))
                packed, below = part, below + bits
            assert packed is not None
            columns.append(packed.as_(self._name(word)))
        return exp.Select(expressions=columns).from_(self._step("packed"))

    def by_month(self) -> str:
        """Return the statement that selects `selected_by_month`: activity by treatment function, and days, by month."""
        month = {"month": self._month(self._raw_field("activity_date"))} if self._has_days else {}
        keys = {name: self._raw_field(name) for name in treatment_fields(self.binding)} | month
        columns = [value.as_(self._name(name)) for name, value in keys.items()]
        columns.append(exp.Count(this=exp.Star()).as_(self._name(ROWS)))
        if self._has_days:
            columns += self._figures_of_days()
        select = self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))
        return self._print(select.group_by(*(key.copy() for key in keys.values())) if keys else select)

    def _band(self, place: int) -> exp.Expr:
        return number(place)
