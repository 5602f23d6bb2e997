"""The cube as one SQL statement, which a warehouse runs so that only counts leave it.

After the steps that group rows (`cube_groups`), `answers` takes the numbers apart again, and `criteria` and `variants`
decide the rules, on groups or on their patterns (`cube_totals`). The result has one row per count above 0, as in
`ebi_rules.cube`. Values of fields are returned as the table has them: `cube.read_cube` puts them into normal form and
adds up again.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlglot import exp

from ebi_rules.cube import TREATMENT, treatment_fields
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.statements.cube_counts import PLACE
from ebi_rules.statements.cube_totals import TOTALS, CubeTotals
from ebi_rules.statements.step_names import union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.sql_parts import number, text


def cube_statement(
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    dialect: str | Path | Dialect,
    source: TableSource,
    strategy: str | None = None,
    scope: Scope = EVERYTHING,
) -> str:
    """Return the SQL text that counts the cube of rules over a table.

    Codes themselves, and malformed ones, are not counted: SQL that means the same everywhere has no patterns.

    Args:
        audited: The rules to count.
        dimensions: provider, month, age_band, sex and further fields.
        dialect: A dialect, its name, or a dialect file.
        source: The table.
        strategy: `distinct` or `inline`; by default what the dialect runs faster. `distinct` also decides rules on the
            distinct patterns of answers, and reads some steps twice.
        scope: The months and providers to count.

    Raises:
        UsageError: A name is unknown.
        DialectError: The dialect cannot express the statement.
        ExtractError: The layout lacks a field.
    """
    return _CubeWriter.of(audited, dimensions, dialect, source, strategy, scope).cube() + ";"


class _CubeWriter(CubeTotals):
    """Write the cube's statement for one dialect, layout and table."""

    def cube(self) -> str:
        """Return the statement that selects the rows of a cube, without its semicolon."""
        steps = [*self._steps_to_groups(), *self._steps_to_totals(), ("measures", self._measures_step())]
        named = [self._column(name, "measures").as_(self._name(name)) for name in ("rule", "measure", "item")]
        keys = [self._column(name, TOTALS).as_(self._name(name)) for name in self.dimensions]
        count = self._column("count", TOTALS)
        select = exp.Select(expressions=[named[0], *keys, *named[1:], count.as_(self._name("count"))])
        is_place = exp.EQ(this=self._column(PLACE, "measures"), expression=self._column(PLACE, TOTALS))
        select = select.from_(self._step(TOTALS)).join(self._step("measures"), on=is_place)
        selects: list[exp.Expr] = [select.where(exp.GT(this=count.copy(), expression=number(0)))]
        if treatment_fields(self.binding):
            steps.append(("treatments", self._treatments_step({"rule": text(""), "measure": text(TREATMENT)})))
            columns = [self._column(name) for name in select.named_selects]
            selects.append(exp.Select(expressions=columns).from_(self._step("treatments")))
        return self._printed(union(selects), steps)
