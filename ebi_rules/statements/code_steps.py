"""The steps of a statement: `activity` reads the columns, `codes` decides once which code lists each activity meets.

What stands between depends on where codes are kept and how they are decided: texts in every row (`inline`), every
distinct text (`distinct`), or the rows of a child table. Whatever comes after selects from `codes`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    Position,
    Recorded,
    code_atoms,
    fields_needed,
)
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import ChildTable
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.statements.step_names import Naming
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.dialects.printing import identifier, table_name
from ebi_rules.translate.sql import (
    SqlTranslator,
    all_of,
    any_of,
    as_number,
    coalesce,
    code_text,
    is_code,
    like,
    like_patterns,
    needs_order,
    number,
    raw_text,
    single_code,
    text_condition,
)
from opcs_icd import CodeList

STRATEGIES = ("inline", "distinct")
"""How codes in the activity table are decided: in every row, or in every distinct text, which rows are joined to."""

_KINDS = {"procedures": "procedure", "diagnoses": "diagnosis"}


def decides_distinct(strategy: str | None, dialect: Dialect) -> bool:
    """Say whether codes are decided on distinct texts. Raises `UsageError` for a strategy that is none."""
    if strategy is None:
        return dialect.distinct
    if strategy not in STRATEGIES:
        raise UsageError("--strategy: " + unknown("strategy", strategy, STRATEGIES))
    return strategy == "distinct"


@dataclass
class Steps(Naming):
    """Write the steps for one dialect, layout and table; `scope` is the part of the table that is asked for."""

    source: TableSource
    verdict_names: Mapping[CodeAtom, str]
    distinct: bool
    scope: Scope = EVERYTHING

    @property
    def binding(self) -> Binding:
        """The layout of the activity table."""
        return self.source.binding

    def keys(self) -> str:
        """Give the keys of all activities in the scope."""
        key = self._raw_column(self.binding.key).as_(self._name("activity_key"))
        return self._print(self.narrowed(exp.Select(expressions=[key]).from_(self._activity_table())))

    def _translator(self) -> SqlTranslator:
        """Translate over the columns that the step `codes` has."""
        return SqlTranslator(
            self.dialect,
            self._column,
            lambda atom: exp.EQ(this=self._column(self._verdict_column(atom)), expression=number(1)),
        )

    def _with_steps(
        self, select: exp.Expr, criteria: Sequence[Criterion], carried: Sequence[str], further: Sequence[CodeAtom] = ()
    ) -> exp.Expr:
        """Put the steps `activity` and `codes` before a select; `further` are code atoms that no criterion asks."""
        steps = self._read_and_decide(criteria, carried, further)
        select.set("with_", exp.With(expressions=[self._cte(name, query) for name, query in steps]))
        return select

    def _read_and_decide(
        self, criteria: Sequence[Criterion], carried: Sequence[str], further: Sequence[CodeAtom] = ()
    ) -> list[tuple[str, exp.Expr]]:
        """Give the steps up to `codes`, which has the fields carried, those of the criteria, and every verdict."""
        atoms = list(dict.fromkeys([*_code_atoms(criteria), *further]))
        needed = {name for criterion in criteria for name in fields_needed(criterion)}
        fields = [name for name in self.binding.fields if name in {*needed, *carried}]
        for name in carried:
            if name not in fields:
                raise UsageError(f"the layout names no column for {name}. Use --column {name}=COLUMN.")
        steps = [
            step
            for name in _code_fields(atoms)
            for step in (self._child_steps(name, atoms) if self.binding.child(name) else self._text_steps(name, atoms))
        ]
        steps.append(("activity", self._activity_step(fields, atoms)))
        steps.append(("codes", self._codes_step(fields, atoms)))
        return steps

    def _activity_step(self, fields: Sequence[str], atoms: Sequence[CodeAtom]) -> exp.Expr:
        columns = [self._raw_field(name).as_(self._name(self._carried(name))) for name in fields]
        for name in _code_fields(atoms):
            if not self.binding.child(name):
                asked = [atom for atom in atoms if atom.code_field == name]
                columns.append(self._raw_text(name) if self.distinct else self._code_text(name, asked))
        select = exp.Select(expressions=[self._raw_column(self.binding.key), *columns]).from_(self._activity_table())
        return self.narrowed(select)

    def _codes_step(self, fields: Sequence[str], atoms: Sequence[CodeAtom]) -> exp.Expr:
        """Decide every code atom of every activity: over its own text, or from what the step `found` says."""
        joined = [name for name in _code_fields(atoms) if self.distinct or self.binding.child(name)]
        activity = "activity" if joined else None
        columns: list[exp.Expr] = [
            self._column(name, activity).as_(self._name(name)) if activity else self._column(name)
            for name in (self.binding.key, *map(self._carried, fields))
        ]
        select = exp.Select().from_(self._step("activity"))
        for code_field in joined:
            child, found = self.binding.child(code_field), _part(code_field, "found")
            own, other = (self.binding.key, child.key) if child else (_text_name(code_field),) * 2
            same = exp.EQ(this=self._column(other, found), expression=self._column(own, activity))
            select = select.join(self._step(found), on=same, join_type="left")
        for atom in atoms:
            name = self._verdict_column(atom)
            if atom.code_field in joined:
                verdict = coalesce(self._column(name, _part(atom.code_field, "found")), number(0))
            else:
                verdict = as_number(text_condition(atom, self._column(atom.code_field), self.dialect))
            columns.append(verdict.as_(self._name(name)))
        return select.select(*columns)

    def _text_steps(self, code_field: str, atoms: Sequence[CodeAtom]) -> Iterator[tuple[str, exp.Expr]]:
        """Give the steps over the distinct texts of a field of codes: in normal form, and with their verdicts."""
        if not self.distinct:
            return
        asked = [atom for atom in atoms if atom.code_field == code_field]
        texts, normal, found = (_part(code_field, what) for what in ("texts", "normal", "found"))
        own = self._column(_text_name(code_field))
        raw = self._raw_text(code_field)
        every = exp.Select(expressions=[raw]).from_(self._activity_table())
        yield texts, self.narrowed(every).group_by(raw.this.copy())
        ordered = any(map(needs_order, asked))
        text_of_codes = code_text([own.copy()], self.dialect, ordered).as_(self._name(code_field))
        yield normal, exp.Select(expressions=[own.copy(), text_of_codes]).from_(self._step(texts))
        verdicts = [
            as_number(text_condition(atom, self._column(code_field), self.dialect)).as_(
                self._name(self._verdict_column(atom))
            )
            for atom in asked
        ]
        yield found, exp.Select(expressions=[own.copy(), *verdicts]).from_(self._step(normal))

    def narrowed(self, select: exp.Select) -> exp.Select:
        """Leave out of a select from the activity table what the scope leaves out."""
        self.scope.check(self.binding)
        if self.scope.months:
            first, last = self.scope.months
            month = self._month(self._raw_field("activity_date"))
            select = select.where(exp.Between(this=month, low=number(first), high=number(last)))
        provider = self.scope.provider_criterion()
        if provider:
            select = select.where(SqlTranslator(self.dialect, self._raw_field, no_codes).visit(provider))
        return select

    def _raw_text(self, code_field: str) -> exp.Alias:
        raw = [self._raw_column(column) for column in self.binding.code_columns(code_field)]
        return exp.Alias(this=raw_text(raw, self.dialect), alias=self._name(_text_name(code_field)))

    def _code_text(self, code_field: str, asked: Sequence[CodeAtom]) -> exp.Expr:
        raw = [self._raw_column(column) for column in self.binding.code_columns(code_field)]
        return code_text(raw, self.dialect, any(map(needs_order, asked))).as_(self._name(code_field))

    def _activity_table(self) -> exp.Table:
        return table_name(self.source.table, self.dialect)

    def _child_steps(self, code_field: str, atoms: Sequence[CodeAtom]) -> Iterator[tuple[str, exp.Expr]]:
        """Give the steps over a child table: its codes in normal form, where each activity's first code stands if
        any atom asks for it, and the verdicts, a row an activity.

        Verdicts are found by GROUP BY and joined, because many warehouses refuse EXISTS inside CASE.
        """
        child = self.binding.child(code_field)
        asked = [atom for atom in atoms if atom.code_field == code_field]
        if not child:
            return
        codes, first, found = (_part(code_field, what) for what in ("codes", "first", "found"))
        columns: list[exp.Expr] = [self._raw_column(child.key)]
        if child.position:
            columns.append(self._raw_column(child.position))
        columns.append(single_code(self._raw_column(child.code), self.dialect).as_(self._name("code")))
        yield codes, exp.Select(expressions=columns).from_(self._child_table(code_field, child))

        key = self._column(child.key, codes)
        named_key = key.as_(self._name(child.key))
        select = exp.Select().from_(self._step(codes))
        if any(isinstance(atom, HasCode) and atom.position is not Position.ANY for atom in asked):
            earliest = exp.Min(this=self._position(child, codes)).as_(self._name("first_position"))
            with_codes = select.select(named_key, earliest).where(is_code(self._column("code", codes), self.dialect))
            yield first, with_codes.group_by(key)
            same = exp.EQ(this=self._column(child.key, first), expression=key.copy())
            select = select.join(self._step(first), on=same, join_type="left")
        verdicts = [self._child_verdict(atom, child).as_(self._name(self._verdict_column(atom))) for atom in asked]
        yield found, select.select(named_key, *verdicts).group_by(key)

    def _child_verdict(self, atom: CodeAtom, child: ChildTable) -> exp.Expr:
        """Ask a code atom of all child rows of one activity: 1 or 0."""
        codes = _part(atom.code_field, "codes")
        column = self._column("code", codes)
        match atom:
            case HasCode(listed, Position.ANY):
                return exp.Max(this=as_number(self._begins(column, listed.codes)))
            case HasCode(listed, position):
                first = self._column("first_position", _part(atom.code_field, "first"))
                order = exp.EQ if position is Position.PRIMARY else exp.GT
                placed = order(this=self._position(child, codes), expression=first)
                return exp.Max(this=as_number(all_of([placed, self._begins(column, listed.codes)])))
            case FollowedBy(first_list, second_list):
                earliest, latest = (
                    function(
                        this=exp.Case(
                            ifs=[exp.If(this=self._begins(column, listed.codes), true=self._position(child, codes))]
                        )
                    )
                    for function, listed in ((exp.Min, first_list), (exp.Max, second_list))
                )
                return as_number(exp.LT(this=earliest, expression=latest))
            case Recorded():
                return exp.Max(this=as_number(is_code(column, self.dialect)))
        assert False, f"Unhandled node: {atom}"

    def _carried(self, name: str) -> str:
        """Give the name under which a step has a field: where it is recoded its codes have a name of their own.

        Some warehouses take a name in a SELECT for what the same SELECT calls so.
        """
        return f"{name}_code" if name in self.binding.recodings else name

    def _verdict_column(self, atom: CodeAtom) -> str:
        return self.verdict_names[atom]

    def _child_table(self, code_field: str, child: ChildTable) -> exp.Table:
        """Give the table of codes: the one named, or the layout's own beside the activity table."""
        if code_field in self.source.child_tables:
            return table_name(self.source.child_tables[code_field], self.dialect)
        beside = table_name(self.source.table, self.dialect)
        beside.set("this", identifier(child.table, self.dialect))
        return beside

    def _begins(self, column: exp.Expr, codes: CodeList) -> exp.Expr:
        return any_of([like(column, f"{code}%") for code in like_patterns(codes, self.dialect)])

    def _position(self, child: ChildTable, table: str) -> exp.Expr:
        assert child.position, "a criterion about order was refused before"
        return self._column(child.position, table)

    def _raw_field(self, name: str) -> exp.Expr:
        first, *rest = [self._raw_column(column) for column in self.binding.fields[name]]
        return exp.Coalesce(this=first, expressions=rest) if rest else first

    def _raw_column(self, name: str) -> exp.Column:
        return exp.Column(this=identifier(name, self.dialect))


def no_codes(atom: CodeAtom) -> exp.Expr:
    """Refuse an atom about codes, where there can be none."""
    assert False, f"an atom about codes: {atom}"


def _code_fields(atoms: Sequence[CodeAtom]) -> list[str]:
    """Give the fields of codes that atoms ask about, each once."""
    return list(dict.fromkeys(atom.code_field for atom in atoms))


def _text_name(code_field: str) -> str:
    """Give the name of the column that holds a field's codes as they stand."""
    return f"{code_field}_text"


def _part(code_field: str, what: str) -> str:
    """Give the name of a step over a field of codes: procedure_codes, diagnosis_found, ..."""
    return f"{_KINDS.get(code_field, code_field)}_{what}"


def verdict_name(atom: CodeAtom) -> str:
    """Give the name of the column that holds a code atom's verdict: lumbar_spine, primary_cancer, ..."""
    match atom:
        case HasCode(codes, Position.ANY):
            return codes.name
        case HasCode(codes, position):
            return f"{position.value}_{codes.name}"
        case FollowedBy(first, second):
            return f"{first.name}_then_{second.name}"
        case Recorded():
            return f"{_KINDS[atom.code_field]}_recorded"
    assert False, f"Unhandled node: {atom}"


def _code_atoms(criteria: Iterable[Criterion]) -> Iterator[CodeAtom]:
    for criterion in criteria:
        yield from code_atoms(criterion)


def name_verdicts(
    criteria: Iterable[Criterion], binding: Binding, further: Sequence[CodeAtom] = ()
) -> dict[CodeAtom, str]:
    """Name the column of each code atom's verdict: as `verdict_name` does, with a number where a name is taken.

    `further` are atoms that no criterion asks.
    """
    children = [child for code_field in CODE_FIELDS if (child := binding.child(code_field))]
    taken = {name.upper() for name in (binding.key, *FIELDS, *CODE_FIELDS)}
    taken |= {_text_name(name).upper() for name in CODE_FIELDS}
    taken |= {column.upper() for child in children for column in (child.key, child.position) if column}
    names: dict[CodeAtom, str] = {}
    for atom in (*_code_atoms(criteria), *further):
        if atom not in names:
            plain = verdict_name(atom)
            others = (f"{plain}_{number}" for number in count(2))
            names[atom] = next(name for name in chain([plain], others) if name.upper() not in taken)
            taken.add(names[atom].upper())
    return names
