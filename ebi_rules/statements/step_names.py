"""Names of the parts of a statement: its steps, their columns, and a prefix for each table if there are several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.dialects.printing import identifier, print_sql, table_name
from ebi_rules.translate.sql_parts import number, text

_FORMATS = {"YEAR": "%Y", "MONTH": "%m", "DAY": "%d"}


@dataclass
class Naming:
    """Name the steps and columns of a statement in one dialect.

    Attributes:
        dialect: The dialect.
        prefix: What the names of steps begin with, to distinguish those of several tables.
        kept: Tables that contain the result of a step already, by its name.
    """

    dialect: Dialect
    prefix: str = field(default="", kw_only=True)
    kept: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def _name(self, name: str) -> exp.Identifier:
        return identifier(name, self.dialect)

    def _step_name(self, name: str) -> exp.Identifier:
        return self._name(self.prefix + name)

    def _step(self, name: str) -> exp.Table:
        return exp.Table(this=self._step_name(name))

    def _joinable(self, name: str) -> exp.Expr:
        """Return a step to join, or the table that it is kept in: Spark forgets of a step that its rows are few."""
        kept = self.kept.get(name)
        return table_name(kept, self.dialect).as_(self._step_name(name)) if kept else self._step(name)

    def _cte(self, name: str, query: exp.Expr) -> exp.CTE:
        return exp.CTE(this=query, alias=exp.TableAlias(this=self._step_name(name)))

    def _column(self, name: str, step: str | None = None) -> exp.Column:
        return exp.Column(this=self._name(name), table=self._step_name(step) if step else None)

    def _month(self, date: exp.Expr) -> exp.Expr:
        """Return the month of a date as a number: 202404."""
        if not self.dialect.extract:
            return exp.cast(exp.TimeToStr(this=date.copy(), format=text("%Y%m")), "int")
        year, month = (self._date_part(date, part) for part in ("YEAR", "MONTH"))
        return exp.Add(this=exp.Mul(this=year, expression=number(100)), expression=month)

    def _day_of_year(self, date: exp.Expr) -> exp.Expr:
        """Return month and day of a date as one number: 328 for 28 March."""
        if not self.dialect.extract:
            return exp.cast(exp.TimeToStr(this=date.copy(), format=text("%m%d")), "int")
        month, day = (self._date_part(date, part) for part in ("MONTH", "DAY"))
        return exp.Add(this=exp.Mul(this=month, expression=number(100)), expression=day)

    def _date_part(self, date: exp.Expr, part: str) -> exp.Expr:
        """Return the YEAR, MONTH or DAY of a date as a number."""
        if not self.dialect.extract:
            return exp.cast(exp.TimeToStr(this=date.copy(), format=text(_FORMATS[part])), "int")
        return exp.Extract(this=exp.var(part), expression=date.copy())

    def _rows_of_constants(self, rows: Sequence[Mapping[str, exp.Expr]]) -> exp.Expr:
        """Return a select of constants, one row each."""
        selects = [exp.Select(expressions=[value.as_(self._name(name)) for name, value in row.items()]) for row in rows]
        if self.dialect.from_nothing:
            one_row = exp.Table(this=exp.Identifier(this=self.dialect.from_nothing))
            selects = [select.from_(one_row.copy()) for select in selects]
        return union(selects)

    def _chosen(self, columns: Sequence[tuple[int, exp.Expr]], step: str) -> exp.Expr:
        """Return the column whose number is in the column `place` of a step, halving the columns at every CASE."""
        if len(columns) == 1:
            return columns[0][1]
        middle = len(columns) // 2
        in_first_half = exp.LT(this=self._column("place", step), expression=number(columns[middle][0]))
        first_half = exp.If(this=in_first_half, true=self._chosen(columns[:middle], step))
        return exp.Case(ifs=[first_half], default=self._chosen(columns[middle:], step))

    def _print(self, tree: exp.Expr) -> str:
        return print_sql(tree, self.dialect)


def union(selects: Sequence[exp.Expr]) -> exp.Expr:
    """Return a select of the rows of all selects, in one UNION ALL."""
    tree = selects[0]
    for select in selects[1:]:
        tree = exp.Union(this=tree, expression=select, distinct=False)
    return tree
