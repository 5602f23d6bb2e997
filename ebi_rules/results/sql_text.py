"""Rules and measures as SQL text for a warehouse."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.criteria.areas import recodings
from ebi_rules.cube import cube_dimensions
from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import Layout, find_layout
from ebi_rules.layouts.scope import Scope
from ebi_rules.pathways.definitions import measure as find_measure
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.wait_rows import STATUSES
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.availability import available_rules
from ebi_rules.rule_model.catalogue import RuleNames
from ebi_rules.rule_model.catalogue import rules as find_rules
from ebi_rules.statements.check_sql import STANDARD_FIELDS, check_statement
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.statements.measure_sql import COUNTS, ROWS, measure_statement
from ebi_rules.statements.rule_sql import SHAPES, rule_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.statements.wait_sql import TOTALS, wait_statements
from ebi_rules.translate.dialects.dialect import find_dialect, with_like_alone

CUBE, CHECKS = "cube", "checks"


def sql(
    rules: RuleNames,
    dialect: str | Path,
    layout: str | Path | Layout,
    table: str,
    shape: str = "flags",
    columns: Mapping[str, str] | None = None,
    child_tables: Mapping[str, str] | None = None,
    by: Sequence[str] = (),
    months: str | None = None,
    providers: Sequence[str] = (),
    areas: str | Path | None = None,
    any_dataset: bool = False,
    strategy: str | None = None,
    plain: bool = False,
) -> str:
    """Return rules as SQL text in a warehouse's dialect.

    Args:
        rules: Names of rules, rules, variants or editions, or folders and files with rules; one or several.
        dialect: The name of a dialect, or a dialect file.
        layout: The name of a layout, a layout file, or a layout.
        table: The name of the activity table, such as sus.opa.
        shape: `flags` (the key and a 1/0 column per rule), `view`, `counts` (by provider and month), `predicate`
            (one rule's condition), `case`, `cube` (all that an audit needs), or `checks` (how many values of the
            fields that the rules need are missing, unknown or malformed).
        columns: Columns by canonical field, where they differ from the layout's.
        child_tables: Names of the tables of codes by field, if they are not the layout's own names.
        by: For the shape cube: further fields to count by.
        months: For the shape cube: the months to count, "2024-04" or "2024-04..2025-03".
        providers: For the shape cube: codes of the providers to count.
        areas: For the shape cube: a CSV file that says in which area each GP practice or LSOA is.
        any_dataset: Allow rules for another dataset than the layout's.
        strategy: `distinct` decides each distinct text of codes once, `inline` decides every row; by default
            whichever the dialect runs faster.
        plain: Compare every code by plain LIKE, also where the dialect has regular expressions or classes.

    Raises:
        UsageError: A name is unknown, or options do not fit together.
        DialectError: The dialect cannot express the statement.
        ExtractError: The layout lacks a field that a rule needs, or is of another dataset.

    Example:
        >>> import ebi_rules as ebi
        >>> print(ebi.sql("2S", "tsql", layout="ncdr-opa", table="sus.opa")[:13])
        WITH activity
    """
    chosen = find_rules(rules)
    target = with_like_alone(find_dialect(dialect)) if plain else find_dialect(dialect)
    source = TableSource(bind(find_layout(layout), None, columns).recoded(recodings(areas)), table, child_tables or {})
    available_rules([rule.logic for rule in chosen], source.binding, any_dataset=any_dataset)
    scope = Scope.of(months, providers)
    if shape == CUBE:
        audited = [AuditedRule.of(rule, rule, source.binding) for rule in chosen]
        return cube_statement(audited, cube_dimensions(by), target, source, strategy, scope)
    if shape == CHECKS:
        fields = [name for rule in chosen for name in rule.logic.fields_needed]
        return check_statement(target, source, [*fields, *STANDARD_FIELDS], scope)
    if shape not in SHAPES:
        raise UsageError(unknown("shape", shape, [*SHAPES, CUBE, CHECKS]))
    if by:
        raise UsageError("--by is for the shape cube.")
    if scope != Scope():
        raise UsageError("--months and --provider are for the shape cube.")
    return rule_statement([rule.logic for rule in chosen], target, source, shape, strategy)


def measure_sql(
    measure: str | Measure,
    dialect: str | Path,
    tables: Mapping[str, str] | Sequence[tuple[str | Path | Layout, str]],
    shape: str = ROWS,
    columns: Mapping[str, str] | None = None,
    strategy: str | None = None,
) -> str:
    """Return a pathway measure as SQL text, over one or several tables of the same people.

    Args:
        measure: The measure, or its key.
        dialect: The name of a dialect, or a dialect file.
        tables: Names of tables by layout, or pairs of layout and name.
        shape: `rows`, one row per index activity, or `counts`, by provider and month; of a measure of waits `counts`
            alone, which are waits that are alike (`wait_sql.wait_statements`).
        columns: Columns by canonical field, for every table.
        strategy: As for `sql`.

    Raises:
        UsageError: A name is unknown.
        DialectError: The dialect cannot express the statement.
        ExtractError: No table has what the measure needs.

    Example:
        >>> import ebi_rules as ebi
        >>> "is_index" in ebi.measure_sql("repeat_imaging", "duckdb", {"ncdr-opa": "sus.opa"})
        True
    """
    chosen = measure if isinstance(measure, Measure) else find_measure(measure)
    pairs = tables.items() if isinstance(tables, Mapping) else tables
    sources = [TableSource(bind(find_layout(layout), None, columns), name) for layout, name in pairs]
    if chosen.wait:
        if shape != COUNTS:
            raise UsageError(f"{chosen.key} puts the rows of a wait together: use --shape {COUNTS}.")
        return wait_statements(chosen, dialect, sources, ["provider", "month"], STATUSES)[TOTALS] + ";"
    return measure_statement(chosen, dialect, sources, shape, strategy)
