"""Read a table: its columns as text, number or date, its ages, and the rows within a scope."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CodeAtom, InList
from ebi_rules.cube import EARLIEST
from ebi_rules.layouts.binding import BIRTH_AND_ACTIVITY, Binding
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.statements.step_names import Naming
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.printing import identifier, table_name
from ebi_rules.translate.sql import SqlTranslator
from ebi_rules.translate.sql_parts import as_number, negate, number, text
from ebi_rules.translate.sql_values import as_text, as_whole_number, normal_text


@dataclass
class TableReading(Naming):
    """Read the columns of a table and of its tables of codes.

    Attributes:
        source: The activity table and its tables of codes.
        verdict_names: The column of the verdict on each code atom, and on each list of imaging codes.
        scope: The months and providers to read.
    """

    source: TableSource
    verdict_names: Mapping[CodeAtom | InList, str]
    scope: Scope = field(default=EVERYTHING, kw_only=True)

    @property
    def binding(self) -> Binding:
        """The layout of the activity table, bound to its columns."""
        return self.source.binding

    def _verdict_column(self, atom: CodeAtom | InList) -> str:
        return self.verdict_names[atom]

    def _activity_table(self) -> exp.Expr:
        """Return the activity table; with the rows of its second table, if it has one."""
        table, joined = table_name(self.source.table, self.dialect), self.binding.joined
        if joined is None:
            return table
        first, second = (self._name(name) for name in ("first_table", joined.called))
        beside = self._table_beside(joined.called, joined.table)
        own = [column for name in self.binding.fields for column in self.binding.fields[name]]
        of_second = {name: column for column, name in joined.columns.items()}
        columns = [
            exp.Column(this=self._raw_column(name).this, table=first.copy())
            for name in dict.fromkeys([joined.key, *own])
            if name not in of_second
        ]
        keys = [
            exp.Column(this=self._raw_column(name).this, table=step.copy())
            for name, step in ((joined.key, first), (joined.other_key, second))
        ]
        # Where no row is joined, ClickHouse has a default in place of NULL.
        is_joined = exp.EQ(this=keys[1], expression=keys[0])
        others = []
        for name, column in of_second.items():
            value = exp.Column(this=self._raw_column(column).this, table=second.copy())
            others.append(exp.Case(ifs=[exp.If(this=is_joined.copy(), true=value)]).as_(self._raw_column(name).this))
        select = exp.Select(expressions=[*columns, *others]).from_(table.as_(first, table=True))
        select = select.join(beside.as_(second, table=True), on=is_joined.copy(), join_type="left")
        return exp.Subquery(this=select, alias=exp.TableAlias(this=self._name("joined_tables")))

    def _table_beside(self, name: str, table: str) -> exp.Table:
        """Return a further table: the one that the user named, or the layout's own beside the activity table."""
        if name in self.source.child_tables:
            return table_name(self.source.child_tables[name], self.dialect)
        beside = table_name(self.source.table, self.dialect)
        beside.set("this", identifier(table, self.dialect))
        return beside

    def _within_scope(self, select: exp.Select) -> exp.Select:
        """Add the conditions of the scope to a select from the activity table."""
        self.scope.check(self.binding)
        if self.scope.months:
            first, last = self.scope.months
            month = self._month(self._raw_field("activity_date"))
            select = select.where(exp.Between(this=month, low=number(first), high=number(last)))
        if self.scope.since:
            month = exp.Coalesce(this=self._month(self._raw_field("activity_date")), expressions=[number(0)])
            earliest = EARLIEST.year * 100 + EARLIEST.month
            before = exp.Between(this=month, low=number(earliest), high=number(self.scope.since - 1))
            select = select.where(negate(before))
        provider = self.scope.provider_criterion()
        if provider:
            select = select.where(SqlTranslator(self.dialect, self._raw_field, no_codes).visit(provider))
        return select

    def _raw_column(self, name: str) -> exp.Column:
        in_children = {column for field in self.binding.codes for column in self._child_columns(field)}
        as_read = self.source.as_read and name not in in_children
        return exp.Column(this=identifier(name, self.dialect, as_read))

    def _child_columns(self, code_field: str) -> tuple[str, ...]:
        """Return the layout's names of a child table's columns, which were not read from the table."""
        child = self.binding.child(code_field)
        return tuple(filter(None, (child.key, child.code, child.position))) if child else ()

    def _read_column(self, name: str) -> exp.Expr:
        """Return a raw column under its bare name, as later steps call it."""
        column = self._raw_column(name)
        return column.as_(self._name(name)) if column.this.quoted != self._name(name).quoted else column

    def _raw_field(self, name: str) -> exp.Expr:
        """Return a field as text, number or date: whatever type the table has, unless its types are known."""
        if not self.binding.fields[name]:
            # An imaging code of the kind that the table does not have is missing, as an empty text is.
            return self._age_at_activity() if name == "age" else text("")
        first, *rest = [self._typed(FIELDS[name].kind, column) for column in self.binding.fields[name]]
        # COALESCE in COALESCE is one.
        every = [each for value in (first, *rest) for each in _coalesced(value)]
        return exp.Coalesce(this=every[0], expressions=every[1:]) if rest else first

    def _read_field(self, name: str) -> exp.Expr:
        """Return a field as the steps read it: as `_raw_field`, and in normal form if `_is_normal`."""
        raw, columns = self._raw_field(name), self.binding.fields[name]
        if not self._is_normal(name) or not columns:
            return raw
        is_text = all(self.source.types.get(column) is Kind.CODE for column in columns)
        return normal_text(raw, self.dialect, list(FIELDS[name].meanings) if is_text else [])

    def _is_normal(self, name: str) -> bool:
        """Return whether the steps put a field into normal form as they read it: fields with few different values."""
        recoding = self.binding.recodings.get(name)
        source = name if recoding is None or recoding.is_split else recoding.field
        return bool(FIELDS[source].meanings or FIELDS[source].width)

    def _age_at_activity(self) -> exp.Expr:
        """Return the age in completed years at the date of the activity; NULL where either date is missing."""
        birth, day = (self._raw_field(name) for name in BIRTH_AND_ACTIVITY)
        before = exp.LT(this=self._day_of_year(day), expression=self._day_of_year(birth))
        years = exp.Sub(this=self._date_part(day, "YEAR"), expression=self._date_part(birth, "YEAR"))
        return exp.Sub(this=years, expression=as_number(before))

    def _typed(self, kind: Kind, name: str) -> exp.Expr:
        column = self._raw_column(name)
        if kind is Kind.DATE or self.source.types.get(name) is kind:
            return column
        if kind is Kind.NUMBER:
            return as_whole_number(column, self.dialect)
        return as_text(column, self.dialect)


def _coalesced(value: exp.Expr) -> list[exp.Expr]:
    """Return the values of which a COALESCE returns the first, or a value alone."""
    return [value.this, *value.expressions] if isinstance(value, exp.Coalesce) else [value]


def no_codes(atom: CodeAtom) -> exp.Expr:
    """Fail on an atom about codes, where there can be none."""
    assert False, f"An atom about codes: {atom}"
