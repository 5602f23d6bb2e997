"""The steps over tables of codes, with one row per code: their codes, first positions, and a row per activity."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from ebi_rules.criteria.nodes import CodeAtom, FollowedBy, HasCode, Position, Recorded
from ebi_rules.layouts.layout import ChildTable
from ebi_rules.statements.table_reading import TableReading
from ebi_rules.translate.sql import has_any
from ebi_rules.translate.sql_parts import all_of, as_number
from ebi_rules.translate.sql_values import is_code, single_code
from opcs_icd import CodeList

KINDS = {"procedures": "procedure", "diagnoses": "diagnosis"}
"""What one code of a field is called in the names of steps."""


@dataclass
class ChildSteps(TableReading):
    """Write the steps over tables of codes."""

    def _child_steps(self, code_field: str, atoms: Sequence[CodeAtom]) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps over a child table: its codes, the first position of each activity, and the verdicts.

        Codes are put into normal form. The step of first positions is there only if an atom needs it. The step of
        verdicts has one row per activity: it uses GROUP BY and a join, because many warehouses refuse EXISTS in CASE.
        """
        child = self.binding.child(code_field)
        field_atoms = in_field(atoms, code_field)
        if not child:
            return
        codes, first, decided = (part(code_field, step) for step in ("codes", "first", "found"))
        columns: list[exp.Expr] = [self._raw_column(child.key)]
        if child.position:
            columns.append(self._raw_column(child.position))
        columns.append(single_code(self._raw_column(child.code), self.dialect).as_(self._name("code")))
        yield codes, exp.Select(expressions=columns).from_(self._table_beside(code_field, child.table))

        key = self._column(child.key, codes)
        named_key = key.as_(self._name(child.key))
        select = exp.Select().from_(self._step(codes))
        if any(isinstance(atom, HasCode) and atom.position is not Position.ANY for atom in field_atoms):
            earliest = exp.Min(this=self._position(child, codes)).as_(self._name("first_position"))
            with_codes = select.select(named_key, earliest).where(self._is_code(code_field))
            yield first, with_codes.group_by(key)
            same = exp.EQ(this=self._column(child.key, first), expression=key.copy())
            select = select.join(self._step(first), on=same, join_type="left")
        verdicts = [
            self._child_verdict(atom, child).as_(self._name(self._verdict_column(atom))) for atom in field_atoms
        ]
        yield decided, select.select(named_key, *verdicts).group_by(key)

    def _child_verdict(self, atom: CodeAtom, child: ChildTable) -> exp.Expr:
        """Return the verdict on a code atom, 1 or 0, over all child rows of one activity."""
        codes = part(atom.code_field, "codes")
        match atom:
            case HasCode(listed, Position.ANY):
                return exp.Max(this=as_number(self._is_listed(atom.code_field, listed.codes)))
            case HasCode(listed, position):
                first = self._column("first_position", part(atom.code_field, "first"))
                compare = exp.EQ if position is Position.PRIMARY else exp.GT
                is_placed = compare(this=self._position(child, codes), expression=first)
                return exp.Max(this=as_number(all_of([is_placed, self._is_listed(atom.code_field, listed.codes)])))
            case FollowedBy(first_list, second_list):
                earliest = exp.Min(this=self._position_if_in(first_list.codes, child, atom.code_field))
                latest = exp.Max(this=self._position_if_in(second_list.codes, child, atom.code_field))
                return as_number(exp.LT(this=earliest, expression=latest))
            case Recorded():
                return exp.Max(this=as_number(self._is_code(atom.code_field)))
        assert False, f"Unhandled node: {atom}"

    def _position_if_in(self, listed: CodeList, child: ChildTable, code_field: str) -> exp.Expr:
        """Return the position of a child row whose code is in a list; NULL for other rows."""
        position = self._position(child, part(code_field, "codes"))
        return exp.Case(ifs=[exp.If(this=self._is_listed(code_field, listed), true=position)])

    def _is_listed(self, code_field: str, listed: CodeList) -> exp.Expr:
        """Return the condition that the code of a child row is in a list."""
        begins = self._begins(self._column("code", part(code_field, "codes")), listed)
        fillers = self.binding.not_codes(code_field)
        if not any(filler.startswith(tuple(listed.prefixes)) for filler in fillers):
            return begins
        return all_of([begins, self._is_code(code_field)])

    def _is_code(self, code_field: str) -> exp.Expr:
        """Return the condition that a child row has a code."""
        column = self._column("code", part(code_field, "codes"))
        return is_code(column, self.dialect, self.binding.not_codes(code_field))

    def _begins(self, column: exp.Expr, codes: CodeList) -> exp.Expr:
        return has_any(column, codes, "", self.dialect)

    def _position(self, child: ChildTable, table: str) -> exp.Expr:
        assert child.position, "a criterion about order needs a position"
        return self._column(child.position, table)


def in_field(atoms: Iterable[CodeAtom], code_field: str) -> list[CodeAtom]:
    """Return the atoms about one field of codes."""
    return [atom for atom in atoms if atom.code_field == code_field]


def part(code_field: str, step: str) -> str:
    """Return the name of a step over a field of codes: procedure_codes, diagnosis_found, ..."""
    return f"{KINDS.get(code_field, code_field)}_{step}"
