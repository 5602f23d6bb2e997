"""A cube made here from groups of rows that a warehouse counted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELD
from ebi_rules.cube import AGE_BANDS, DAY_MEASURES, normal_fields
from ebi_rules.engines.cube_of_groups import AnsweredGroups, cube_of_groups
from ebi_rules.engines.distinct_numbers import distinct, number_rows
from ebi_rules.engines.findings import Finding, notices_of
from ebi_rules.engines.grouped_rows import GroupedRows, cells_in_order, table_of_rows
from ebi_rules.engines.value_checks import DATE
from ebi_rules.rule_model.audited_rule import AuditedRule, criteria_counted
from ebi_rules.statements.cube_counts import DAYS, ROWS
from ebi_rules.statements.group_statements import LAST_MONTH, NO_BAND, NO_MONTH, GroupStatements, Words
from ebi_rules.statements.packed_answers import Numbers as AnswersByNumber
from ebi_rules.translate.view_table import Numbers

_MONTH = "month"


def cube_of_warehouse(
    groups: pl.DataFrame, by_month: pl.DataFrame, statements: GroupStatements, audited: Sequence[AuditedRule]
) -> pl.DataFrame:
    """Return the cube of groups.

    Args:
        groups: What `GroupStatements.groups` selects; the columns may have other names.
        by_month: What `GroupStatements.by_month` selects, likewise.
        statements: The statements.
        audited: The rules to count.

    Raises:
        ExtractError: A date is in a year that a cube cannot have.
    """
    by_month.columns = list(statements.selected_by_month)
    notices_of(_impossible_dates(by_month, statements))
    clean = _clean(by_month)
    groups.columns = [*statements.texts_to_group_by, *statements.words, ROWS]
    groups = _apart(groups, statements.words)
    dimensions = list(statements.dimensions)
    of_cells = {name: _texts(groups[name]) for name in dimensions}
    cells, cell = cells_in_order(of_cells, groups.height)
    numbers = [groups[name].to_numpy() for name in statements.numbers]
    first, combination = number_rows(numbers, groups.height)
    combinations = _taken_apart([number[first] for number in numbers], statements.numbers)
    table = table_of_rows(cell, combination, groups[ROWS].cast(pl.Int64).to_numpy(), combinations.height)
    rows = GroupedRows(cells, combinations, table)
    truths = {node: pl.col(column) for node, column in statements.answers.items()}
    missing = {name: pl.col(column) for name, column in statements.missing.items()}
    recorded = {
        ("recorded", atom.code_field): rows.where(truths[atom])
        for atom in statements.recorded
        if atom.code_field in CODE_FIELD.values()
    }
    answered = AnsweredGroups.decided(rows, criteria_counted(audited), truths.get, missing, recorded)
    return cube_of_groups(answered, audited, dimensions, _days(clean), _treatments(clean))


def _impossible_dates(by_month: pl.DataFrame, statements: GroupStatements) -> list[Finding]:
    """Return how many rows have a date before the year 0 or after 9999, as `by_month` has them."""
    if _MONTH not in by_month.columns:
        return []
    rows = pl.col(ROWS).cast(pl.Int64)
    beyond = by_month.filter(~pl.col(_MONTH).cast(pl.Int64).is_between(1, LAST_MONTH)).select(rows.sum()).item()
    column = statements.binding.named_columns("activity_date")
    return [Finding("activity_date", column, "malformed", beyond, by_month.select(rows.sum()).item(), DATE)]


def _texts(values: pl.Series) -> tuple[pl.Series, Numbers]:
    """Return the different values of a dimension in normal form, and the place of each group's."""
    is_number = values.dtype.is_integer() and not (values < 0).any()
    categories = values if is_number else values.cast(pl.String).cast(pl.Categorical())
    numbers, place = distinct(categories.to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 1)
    known = pl.Series(values.name, numbers - 1, dtype=pl.Int64)
    known = known.set(known < 0, None)
    found = known if is_number else known.cast(pl.UInt32).cat.to(pl.Categorical()).cast(pl.String)
    return _normal(found.to_frame()).to_series(), place


def _normal(counts: pl.DataFrame) -> pl.DataFrame:
    """Return dimensions, as a warehouse has them, in the normal form of a cube."""
    changes = []
    if "age_band" in counts.columns:
        bands = pl.Series([*AGE_BANDS, None], dtype=pl.String)
        place = pl.col("age_band").cast(pl.String).str.to_integer(strict=False).fill_null(len(AGE_BANDS))
        changes.append(pl.lit(bands).gather(place).alias("age_band"))
    if _MONTH in counts.columns:
        text = pl.col(_MONTH).cast(pl.Int64, strict=False).cast(pl.String).str.zfill(6)
        changes.append(pl.concat_str([text.str.slice(0, 4), pl.lit("-"), text.str.slice(4)]).alias(_MONTH))
    return normal_fields(counts.with_columns(changes))


def _apart(groups: pl.DataFrame, words: Words) -> pl.DataFrame:
    """Return groups with a column for each small number in the place of those of whole numbers."""
    columns = []
    for word, parts in words.items():
        number, below = groups[word].cast(pl.Int64).to_numpy(), 0
        for name, bits in parts.items():
            columns.append(pl.Series(name, number >> below & 2**bits - 1))
            below += bits
    missing = {"month": NO_MONTH, "age_band": NO_BAND}
    columns = [each.set(each == missing[each.name], None) if each.name in missing else each for each in columns]
    return groups.drop(words).with_columns(columns)


def _taken_apart(numbers: Sequence[Numbers], answers: AnswersByNumber) -> pl.DataFrame:
    """Return a boolean column for each answer in some numbers."""
    columns: dict[str, npt.NDArray[np.bool_]] = {}
    for number, names in zip(numbers, answers.values(), strict=True):
        columns |= {name: number >> bit & 1 != 0 for bit, name in enumerate(names)}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Boolean))


def _clean(by_month: pl.DataFrame) -> pl.DataFrame:
    """Return counts by month whose fields are in normal form, and whose numbers are whole."""
    numbers = [name for name in by_month.columns if name in (ROWS, *DAYS)]
    return _normal(by_month.with_columns(pl.col(numbers).cast(pl.Int64)))


def _days(by_month: pl.DataFrame) -> pl.DataFrame:
    """Return the measures of the days of each month."""
    if _MONTH not in by_month.columns:
        return pl.DataFrame(schema=dict.fromkeys((_MONTH, *DAY_MEASURES), pl.Int64))
    first, last, *counted = DAYS
    figures = [pl.col(first).min(), pl.col(last).max(), *(pl.col(name).sum() for name in counted)]
    days = by_month.filter(pl.col(_MONTH).is_not_null()).group_by(_MONTH).agg(figures)
    return days.rename(dict(zip(DAYS, DAY_MEASURES, strict=True)))


def _treatments(by_month: pl.DataFrame) -> pl.DataFrame:
    """Return how much activity each provider has by treatment function and month."""
    if "treatment_function" not in by_month.columns:
        return pl.DataFrame(schema={"count": pl.Int64})
    keys = [name for name in ("provider", _MONTH, "treatment_function") if name in by_month.columns]
    counts = by_month.group_by(keys).agg(pl.col(ROWS).sum().alias("count"))
    return counts.rename({"treatment_function": "item"})
