"""Count an extract into the cube with Polars: `polars_groups` groups the rows in one pass, and this adds groups up."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import polars as pl

from ebi_rules._support.progress import Progress, RowsDone, quiet
from ebi_rules.criteria.nodes import CODE_FIELD
from ebi_rules.cube import (
    ALWAYS_CHECKED,
    EARLY,
    EARLY_DAYS,
    FIRST_DATE,
    LAST_DATE,
    LATE,
    LATE_DAYS,
    TREATMENT,
    in_order,
    missing_counted,
    normal_values,
    schema,
    treatment_fields,
)
from ebi_rules.engines.checked_extract import checked_rows, fields_to_read
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.grouped_rows import GroupedRows, Places
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_groups import ROWS, Grouping, coded_counts, malformed_counts, with_codes
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.rule_logic import criteria_of
from ebi_rules.translate.view_table import Numbers


class _Label(NamedTuple):
    """What one count of the cube counts.

    Attributes:
        rule: The rule's key; None for a count of the activity itself.
        measure: What is counted, a key of `cube.MEASURES`.
        item: What the measure is about, such as the name of a criterion.
    """

    rule: str | None
    measure: str
    item: str | None


def count_frame(
    extract: FrameExtract,
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    progress: Progress = quiet,
) -> CountedCube:
    """Check an extract and count it.

    Args:
        extract: The extract.
        audited: The rules to count.
        dimensions: provider, month, age_band, sex and further fields.
        progress: Receives a line of text about each step.

    Raises:
        ExtractError: A column has a type or a value that its field cannot have.
    """
    variants = [logic for entry in audited for logic in (entry.counted.logic, *entry.compared)]
    further = [criterion for entry in audited for criterion in entry.further_criteria]
    criteria = list(dict.fromkeys([*criteria_of(variants), *further]))
    fields = [*dimensions, *missing_counted(dimensions), *ALWAYS_CHECKED, *treatment_fields(extract.binding)]
    grouping = Grouping(*fields_to_read(extract, criteria, fields), criteria, dimensions)
    groups = grouping.groups(RowsDone(progress, "checking and counting", _rows_to_come(extract)))
    checked = checked_rows(grouping.reader, criteria)
    progress("adding up")
    return CountedCube(_cube(groups, grouping, audited, dimensions), checked.rows, checked.notices, checked.findings)


def _rows_to_come(extract: FrameExtract) -> int:
    """Return about how many rows there are to read: a scope leaves rows of files out."""
    files = extract.table.files
    return sum(file.rows for file in files) if files else collect(extract.table.frame.select(pl.len())).item()


def _cube(
    groups: GroupedRows, grouping: Grouping, audited: Sequence[AuditedRule], dimensions: Sequence[str]
) -> pl.DataFrame:
    """Add groups up."""
    parts = [
        _days_of_months(grouping.reader.days(), dimensions),
        _treatments(grouping, dimensions),
        _of_activity(groups, grouping, dimensions),
    ]
    last = in_order(pl.concat(parts).filter(pl.col("count") > 0), dimensions)
    return pl.concat([_of_rules(groups, grouping, audited, dimensions), last])


def _days_of_months(days: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the measures in `DAY_MEASURES`, by month."""
    day, rows = pl.col("day"), pl.col("rows").cast(pl.Int64)
    number = day.dt.strftime("%Y%m%d").cast(pl.Int64)
    figures = {
        FIRST_DATE: number.min(),
        LAST_DATE: number.max(),
        EARLY: rows.filter(day.dt.day() <= EARLY_DAYS).sum(),
        LATE: rows.filter(day.dt.day() > LATE_DAYS).sum(),
    }
    by_month = days.group_by(day.dt.strftime("%Y-%m").alias("month")).agg(**figures)
    long = by_month.unpivot(index="month", variable_name="measure", value_name="count")
    others = [pl.lit(None, dtype).alias(name) for name, dtype in schema(dimensions).items() if name not in long.columns]
    return long.with_columns(others).select(list(schema(dimensions))).cast(pl.Schema(schema(dimensions)))


def _treatments(grouping: Grouping, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return how much activity each provider has by treatment function and month."""
    fields, counts = treatment_fields(grouping.binding), grouping.treatments
    if not counts.height:
        return pl.DataFrame(schema=schema(dimensions))
    rows = counts.with_columns(normal_values(counts[name]) for name in fields).select(
        pl.lit(None, pl.String).alias("rule"),
        *(
            pl.col(name) if name in ("provider", "month") else pl.lit(None, pl.String).alias(name)
            for name in dimensions
        ),
        pl.lit(TREATMENT).alias("measure"),
        pl.col(fields[-1]).alias("item"),
        pl.col(ROWS).cast(pl.Int64).alias("count"),
    )
    summed = rows.group_by(pl.exclude("count")).agg(pl.col("count").sum())
    return summed.select(list(schema(dimensions))).cast(pl.Schema(schema(dimensions)))


def _of_rules(
    groups: GroupedRows, grouping: Grouping, audited: Sequence[AuditedRule], dimensions: Sequence[str]
) -> pl.DataFrame:
    """Return the rows of the cube about rules, in order: cells are, and so are the counts of a rule."""
    rules = [_of_rule(grouping, entry) for entry in sorted(audited, key=lambda entry: entry.key)]
    ordered = [
        dict(sorted(counts.items(), key=lambda count: (count[0].measure, count[0].item or ""))) for counts in rules
    ]
    starts = accumulate(map(len, ordered), initial=0)
    counted = groups.counts([list(counts.values()) for counts in ordered])
    pieces = [(cell, place + start, count) for start, (cell, place, count) in zip(starts, counted, strict=False)]
    return _labelled(groups.cells, pieces, [label for counts in ordered for label in counts], dimensions)


def _of_activity(groups: GroupedRows, grouping: Grouping, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the cube that are the same for all rules."""
    activity = groups.activity()
    counts = {_Label(None, "activity", None): activity}
    for name in grouping.code_fields:
        if name in CODE_FIELD.values():
            counts[_Label(None, "recorded", name)] = groups.sums[with_codes(name)]
            counts[_Label(None, "codes", name)] = groups.sums[coded_counts(name)]
            counts[_Label(None, "invalid", name)] = groups.sums[malformed_counts(name)]
    for name in missing_counted(dimensions):
        label = _Label(None, "missing", name)
        if name in dimensions:
            counts[label] = np.where(groups.cells[name].is_null().to_numpy(), activity, 0)
        else:
            answer = grouping.answer(grouping.missing[name]) if name in grouping.missing else None
            counts[label] = activity if answer is None else groups.where(answer)
    cells = [np.flatnonzero(column) for column in counts.values()]
    pieces = [
        (cell, np.full(len(cell), place), column[cell])
        for place, (cell, column) in enumerate(zip(cells, counts.values(), strict=True))
    ]
    return _labelled(groups.cells, pieces, list(counts), dimensions)


def _labelled(
    cells: pl.DataFrame,
    pieces: Sequence[tuple[Places, Places, Numbers]],
    labels: Sequence[_Label],
    dimensions: Sequence[str],
) -> pl.DataFrame:
    """Return rows of the cube.

    Args:
        cells: The dimensions of each cell.
        pieces: For each row its cell, the place of its label, and its count, in pieces.
        labels: What can be counted.
        dimensions: The names of the dimensions.
    """
    every = schema(dimensions)
    if not pieces:
        return pl.DataFrame(schema=every)
    cell, place, count = (np.concatenate(column) for column in zip(*pieces, strict=True))
    of_labels = [(label.rule, label.measure, label.item) for label in labels]
    names = pl.DataFrame(of_labels, schema=dict.fromkeys(("rule", "measure", "item"), pl.String), orient="row")
    names = names.cast({name: every[name] for name in names.columns})
    return pl.concat([cells[cell], names[place]], how="horizontal").select(
        *(pl.col(name).cast(dtype) for name, dtype in every.items() if name != "count"),
        pl.Series("count", count),
    )


def _of_rule(grouping: Grouping, entry: AuditedRule) -> dict[_Label, pl.Expr]:
    """Return a rule's counts, each with the expression that is true where it counts."""
    key, criteria = entry.key, list(entry.counted.criteria.values())
    denominator = [entry.counted.criteria[name] for name in entry.counted.logic.eligible]
    flagged = grouping.holds(criteria)
    counts = {
        _Label(key, "eligible", None): grouping.holds(denominator),
        _Label(key, "flagged", None): flagged,
    }
    for place, name in enumerate(entry.counted.criteria, start=1):
        counts[_Label(key, "left", name)] = grouping.holds(criteria[:place])
    if entry.compare_within is not None:
        counts[_Label(key, "comparable", None)] = grouping.holds([*denominator, entry.compare_within])
        counts[_Label(key, "compared", None)] = grouping.holds([*criteria, entry.compare_within])
    if entry.without_diagnosis is not None:
        counts[_Label(key, "undiagnosed", None)] = grouping.holds([*criteria, entry.without_diagnosis])
    for variant in entry.compared:
        by_variant = grouping.holds(variant.criteria.values())
        counts[_Label(key, "variant", variant.variant_name)] = by_variant
        if variant.variant_name != entry.counted.variant_name:
            counts[_Label(key, "differs", variant.variant_name)] = by_variant != flagged
    return counts
