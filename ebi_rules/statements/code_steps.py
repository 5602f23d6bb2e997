"""The first steps of every statement: `activity` reads the columns, `codes` decides every code atom for each activity.

The steps between them depend on where codes are kept and how they are decided: on the text of each row (`inline`), on
each distinct text (`distinct`), or on the rows of a child table. Later steps, which other modules write, select from
`codes`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

from sqlglot import exp

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    CodeAtom,
    Criterion,
    FollowedBy,
    HasCode,
    InList,
    Position,
    Recorded,
    code_atoms,
    fields_needed,
)
from ebi_rules.layouts.binding import Binding
from ebi_rules.statements.child_steps import KINDS, ChildSteps, in_field, part
from ebi_rules.statements.examination_steps import ExaminationSteps, lists_of
from ebi_rules.statements.packed_answers import Numbers, in_numbers
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.sql import SqlTranslator, needs_order, text_condition
from ebi_rules.translate.sql_parts import as_number, coalesce, number
from ebi_rules.translate.sql_values import (
    code_text,
    raw_text,
    separated_text,
    without_fillers,
)

_OF_STEPS = re.compile(
    r"(\w+_)?(answers|condition|criterion|part|variant|total|above|word)_\d+|no_\w+|n_\w+|activity_key\w*|first_position"
    r"|place|item|count|measure|rule|code|month|age_band|day_number|month_day|first_date|last_date",
    re.IGNORECASE,
)
"""Names that steps give to columns of their own."""

ROWS_OF_TEXT = "n_rows"
"""The column that says how many rows have a text, where texts are counted."""

STRATEGIES = ("inline", "distinct")
"""How codes in the activity table are decided: in every row, or once for each distinct text and then joined to rows."""


def decides_distinct(strategy: str | None, dialect: Dialect) -> bool:
    """Return whether codes are decided on distinct texts.

    Args:
        strategy: One of `STRATEGIES`; None for the one that the dialect runs faster.
        dialect: The dialect of the statement.

    Raises:
        UsageError: There is no such strategy.
    """
    if strategy is None:
        return dialect.distinct
    if strategy not in STRATEGIES:
        raise UsageError("--strategy: " + unknown("strategy", strategy, STRATEGIES))
    return strategy == "distinct"


@dataclass
class Steps(ExaminationSteps, ChildSteps):
    """Write the first steps of a statement for one dialect, layout and table.

    Attributes:
        distinct: Whether codes in the activity table are decided on distinct texts.
        has_further_keys: Whether the steps have every column of the key (`Binding.keys`), as flags need them.
    """

    distinct: bool
    has_further_keys: bool = False

    def counted_texts(self) -> dict[str, str]:
        """Return the statements that count distinct texts, by the step that the result of each can stand for.

        They are about fields with one column, of which the checks (`check_sql`) and the rules ask the same texts.
        """
        rows = exp.Count(this=exp.Star()).as_(self._name(ROWS_OF_TEXT))
        return {
            part(name, "texts"): self._print(self._texts_step(name, rows.copy()))
            for name in CODE_FIELDS
            if self.distinct and not self.binding.child(name) and len(self.binding.code_columns(name)) == 1
        }

    def decided_texts(self, criteria: Sequence[Criterion], further: Sequence[CodeAtom] = ()) -> dict[str, str]:
        """Return the statements that decide distinct texts, by the step that the result of each can stand for.

        Args:
            criteria: The criteria whose code atoms are decided.
            further: Further code atoms.
        """
        atoms = list(dict.fromkeys([*_code_atoms(criteria), *further]))
        statements = {}
        for name in _code_fields(atoms):
            if self.distinct and self.packs and not self.binding.child(name):
                steps = self._steps_of_codes(name, atoms)
                last, select = steps[-1]
                select.set("with_", exp.With(expressions=[self._cte(*step) for step in steps[:-1]]))
                statements[last] = self._print(select)
        return statements

    def keys(self) -> str:
        """Return a select of the keys of all activities in the scope."""
        columns: list[exp.Expr] = [self._raw_column(self.binding.key).as_(self._name("activity_key"))]
        columns += [self._raw_column(column).as_(self._name(name)) for name, column in self._further_keys().items()]
        return self._print(self._within_scope(exp.Select(expressions=columns).from_(self._activity_table())))

    def _further_keys(self) -> dict[str, str]:
        """Return the columns without which the key is not unique, by their names in the steps."""
        return {f"activity_key_{place}": column for place, column in enumerate(self.binding.keys[1:], start=2)}

    def _carried_keys(self) -> list[str]:
        """Return the names of the columns of the key in the steps."""
        return [self.binding.key, *(self._further_keys() if self.has_further_keys else ())]

    def months(self) -> str:
        """Return a select of the number of rows by month (202404)."""
        month = self._month(self._raw_field("activity_date"))
        count = exp.Count(this=exp.Star()).as_(self._name("n_rows"))
        select = exp.Select(expressions=[month.as_(self._name("activity_month")), count]).from_(self._activity_table())
        return self._print(self._within_scope(select).group_by(month.copy()))

    def _translator(self) -> SqlTranslator:
        """Return the translator of criteria over the columns of the step `codes`."""
        return SqlTranslator(
            self.dialect,
            self._column,
            self._is_true,
            self._is_true,
            self._is_normal,
        )

    def _is_true(self, atom: CodeAtom | InList) -> exp.Expr:
        return exp.EQ(this=self._column(self._verdict_column(atom)), expression=number(1))

    def _with_steps(
        self, select: exp.Expr, criteria: Sequence[Criterion], carried: Sequence[str], further: Sequence[CodeAtom] = ()
    ) -> exp.Expr:
        """Put the steps up to `codes` before a select.

        Args:
            select: The select, from the step `codes` or a later one.
            criteria: The criteria whose fields and code atoms the select needs.
            carried: Further fields that the select needs.
            further: Further code atoms that the select needs.
        """
        steps = self._read_and_decide(criteria, carried, further)
        select.set("with_", exp.With(expressions=[self._cte(name, query) for name, query in steps]))
        return select

    def _read_and_decide(
        self, criteria: Sequence[Criterion], carried: Sequence[str], further: Sequence[CodeAtom] = ()
    ) -> list[tuple[str, exp.Expr]]:
        """Return the steps up to `codes`, which has the fields of the criteria, those carried, and every verdict."""
        atoms = list(dict.fromkeys([*_code_atoms(criteria), *further]))
        needed = {name for criterion in criteria for name in fields_needed(criterion)}
        fields = [name for name in self.binding.fields if name in {*needed, *carried}]
        for name in carried:
            if name not in fields:
                raise UsageError(f"the layout has no column for {name}. Use --column {name}=COLUMN.")
        steps: list[tuple[str, exp.Expr]] = []
        for name in _code_fields(atoms):
            if part(name, "packed") not in self.kept:
                steps += self._steps_of_codes(name, atoms)
        lists = lists_of(criteria)
        steps += self._examination_steps(lists)
        steps += self._activity_steps(fields, atoms)
        steps.append(("codes", self._codes_step(fields, atoms, lists)))
        return steps

    def _steps_of_codes(self, code_field: str, atoms: Sequence[CodeAtom]) -> list[tuple[str, exp.Expr]]:
        """Return the steps that decide the codes of a field."""
        packed = part(code_field, "packed")
        of_child = self.binding.child(code_field) is not None
        steps = [*(self._child_steps if of_child else self._text_steps)(code_field, atoms)]
        if self.packs and self._is_joined(code_field):
            steps += self._steps_of_parts(code_field)
            numbers = self._packed(self._numbers_of(code_field, atoms))
            columns = [self._column(self._joined_on(code_field)[1]), *numbers]
            steps.append((packed, exp.Select(expressions=columns).from_(self._step(steps[-1][0]))))
        return steps

    def _steps_of_parts(self, code_field: str) -> list[tuple[str, exp.Expr]]:
        """Return the steps that decide further answers on the verdicts on a field of codes."""
        return []

    def _activity_steps(self, fields: Sequence[str], atoms: Sequence[CodeAtom]) -> Iterator[tuple[str, exp.Expr]]:
        """Return the step `activity`: the key, the fields, and the codes of each field as one text.

        Where codes must be in order, what stands for no code is removed in a second step: some parsers nest no deeper.
        """
        inside = [name for name in _code_fields(atoms) if not self.binding.child(name)]
        ordered = [name for name in inside if not self.distinct and self._is_ordered(name, atoms)]
        columns = [self._read_field(name).as_(self._name(self._carried(name))) for name in fields]
        columns += [self._text_column(name, atoms, name in ordered) for name in inside]
        if self.has_further_keys:
            further = self._further_keys().items()
            columns += [self._raw_column(column).as_(self._name(name)) for name, column in further]
        select = exp.Select(expressions=[self._read_column(self.binding.key), *columns]).from_(self._activity_table())
        read = self._within_scope(select)
        if not ordered:
            yield "activity", read
            return
        yield "texts", read
        kept: list[exp.Expr] = [self._column(name) for name in (*self._carried_keys(), *map(self._carried, fields))]
        for name in inside:
            text: exp.Expr = self._column(name)
            if name in ordered:
                text = without_fillers(text, self.dialect, self.binding, name)
            kept.append(text.as_(self._name(name)))
        yield "activity", exp.Select(expressions=kept).from_(self._step("texts"))

    def _text_column(self, code_field: str, atoms: Sequence[CodeAtom], is_ordered: bool) -> exp.Expr:
        """Return the codes of a field as one text: raw where distinct texts are decided, else in normal form."""
        if self.distinct:
            return self._raw_text(code_field)
        raw = [self._raw_column(column) for column in self.binding.code_columns(code_field)]
        separated = separated_text(raw, self.dialect) if is_ordered else self._normal_text(raw, code_field, atoms)
        return separated.as_(self._name(code_field))

    def _codes_step(self, fields: Sequence[str], atoms: Sequence[CodeAtom], lists: Sequence[InList]) -> exp.Expr:
        """Decide every atom about codes for every activity, from its own text or by a join to the verdicts."""
        joined = [name for name in _code_fields(atoms) if self._is_joined(name)]
        activity = "activity" if joined or lists else None
        columns: list[exp.Expr] = [
            self._column(name, activity).as_(self._name(name)) if activity else self._column(name)
            for name in (*self._carried_keys(), *map(self._carried, fields))
        ]
        select = exp.Select().from_(self._step("activity"))
        for code_field in joined:
            decided = part(code_field, "packed" if self.packs else "found")
            left, right = self._joined_on(code_field)
            same = exp.EQ(this=self._column(right, decided), expression=self._column(left, activity))
            select = select.join(self._joinable(decided), on=same, join_type="left")
            verdicts = map(self._verdict_column, in_field(atoms, code_field))
            for name in self._numbers_of(code_field, atoms) if self.packs else verdicts:
                columns.append(coalesce(self._column(name, decided), number(0)).as_(self._name(name)))
        select, of_examinations = self._joined_examinations(select, lists)
        columns += of_examinations
        for atom in atoms:
            if atom.code_field not in joined:
                text = self._column(atom.code_field, activity)
                verdict = as_number(text_condition(atom, text, self.dialect, self.binding))
                columns.append(verdict.as_(self._name(self._verdict_column(atom))))
        return select.select(*columns)

    def _is_joined(self, code_field: str) -> bool:
        """Return whether activities are joined to the verdicts on a field of codes."""
        return self.distinct or self.binding.child(code_field) is not None

    def _joined_on(self, code_field: str) -> tuple[str, str]:
        """Return the columns by which activities and the verdicts on a field of codes are joined."""
        child = self.binding.child(code_field)
        return (self.binding.key, child.key) if child else (text_name(code_field), text_name(code_field))

    def _numbers_of(self, code_field: str, atoms: Sequence[CodeAtom]) -> Numbers:
        """Return the numbers that contain the verdicts on a field of codes."""
        verdicts = [self._verdict_column(atom) for atom in in_field(atoms, code_field)]
        return in_numbers(verdicts, part(code_field, "answers"))

    def _text_steps(self, code_field: str, atoms: Sequence[CodeAtom]) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps over the distinct texts of a field of codes: raw, in normal form, and with verdicts."""
        if not self.distinct:
            return
        field_atoms = in_field(atoms, code_field)
        texts, normal, decided = (part(code_field, step) for step in ("texts", "normal", "found"))
        key = self._column(text_name(code_field))
        if texts not in self.kept:
            yield texts, self._texts_step(code_field)
        if self._is_ordered(code_field, field_atoms):
            separated = part(code_field, "separated")
            columns = [key.copy(), separated_text([key.copy()], self.dialect).as_(self._name(code_field))]
            yield separated, exp.Select(expressions=columns).from_(self._joinable(texts))
            text_of_codes = without_fillers(self._column(code_field), self.dialect, self.binding, code_field)
        else:
            separated = texts
            text_of_codes = self._normal_text([key.copy()], code_field, field_atoms)
        columns = [key.copy(), text_of_codes.as_(self._name(code_field))]
        yield normal, exp.Select(expressions=columns).from_(self._joinable(separated))
        verdicts = [self._text_verdict(atom) for atom in field_atoms]
        yield decided, exp.Select(expressions=[key.copy(), *verdicts]).from_(self._step(normal))

    def _texts_step(self, code_field: str, *counts: exp.Expr) -> exp.Select:
        """Select the distinct texts of a field of codes, and further columns about the rows with each."""
        raw = self._raw_text(code_field)
        every_text = exp.Select(expressions=[raw, *counts]).from_(self._activity_table())
        return self._within_scope(every_text).group_by(raw.this.copy())

    def _text_verdict(self, atom: CodeAtom) -> exp.Expr:
        condition = text_condition(atom, self._column(atom.code_field), self.dialect, self.binding)
        return as_number(condition).as_(self._name(self._verdict_column(atom)))

    def _raw_text(self, code_field: str) -> exp.Alias:
        raw = [self._raw_column(column) for column in self.binding.code_columns(code_field)]
        return exp.Alias(this=raw_text(raw, self.dialect), alias=self._name(text_name(code_field)))

    def _normal_text(self, columns: Sequence[exp.Expr], code_field: str, atoms: Sequence[CodeAtom]) -> exp.Expr:
        """Return the codes in some columns as one text in normal form, in order if an atom needs it."""
        return code_text(columns, self.dialect, self._is_ordered(code_field, atoms), self.binding, code_field)

    def _is_ordered(self, code_field: str, atoms: Sequence[CodeAtom]) -> bool:
        """Return whether an atom needs the codes of a field in order, without what stands for no code."""
        return any(needs_order(atom, self.binding) for atom in atoms if atom.code_field == code_field)

    def _carried(self, name: str) -> str:
        """Return the column of a field in the steps: a recoded field's codes have a name of their own.

        In some warehouses a name in a SELECT refers to the column that the same SELECT calls so.
        """
        return f"{name}_code" if name in self.binding.recodings else name


def _code_fields(atoms: Sequence[CodeAtom]) -> list[str]:
    """Return the fields of codes that atoms are about, each once."""
    return list(dict.fromkeys(atom.code_field for atom in atoms))


def text_name(code_field: str) -> str:
    """Return the name of the column with the text of a field's codes as the table has it."""
    return f"{code_field}_text"


def verdict_name(atom: CodeAtom | InList) -> str:
    """Return the name of the column of a verdict: lumbar_spine, primary_cancer, nicip_mri_of_knee, ..."""
    match atom:
        case InList(listed):
            return f"{atom.field}_{listed.name}"
        case HasCode(codes, Position.ANY):
            return codes.name
        case HasCode(codes, position):
            return f"{position.value}_{codes.name}"
        case FollowedBy(first, second):
            return f"{first.name}_then_{second.name}"
        case Recorded():
            return f"{KINDS[atom.code_field]}_recorded"
    assert False, f"Unhandled node: {atom}"


def _code_atoms(criteria: Iterable[Criterion]) -> Iterator[CodeAtom]:
    for criterion in criteria:
        yield from code_atoms(criterion)


def name_verdicts(
    criteria: Iterable[Criterion], binding: Binding, further: Sequence[CodeAtom] = ()
) -> dict[CodeAtom | InList, str]:
    """Return the name of the column of the verdict on each code atom, and on each list of imaging codes.

    Args:
        criteria: The criteria that contain the atoms.
        binding: The layout; the names of its columns are not used.
        further: Further atoms.

    Returns:
        `verdict_name` of each atom, with something added if the name is taken, or could be that of a step's column.
    """
    every = list(criteria)
    children = [child for code_field in CODE_FIELDS if (child := binding.child(code_field))]
    taken = {name.upper() for name in (binding.key, *FIELDS, *CODE_FIELDS)}
    taken |= {text_name(name).upper() for name in CODE_FIELDS}
    taken |= {column.upper() for child in children for column in (child.key, child.position) if column}
    names: dict[CodeAtom | InList, str] = {}
    for atom in (*_code_atoms(every), *lists_of(every), *further):
        if atom not in names:
            plain = verdict_name(atom)
            plain = f"listed_{plain}" if _OF_STEPS.fullmatch(plain) else plain
            others = (f"{plain}_{number}" for number in count(2))
            names[atom] = next(name for name in chain([plain], others) if name.upper() not in taken)
            taken.add(names[atom].upper())
    return names
