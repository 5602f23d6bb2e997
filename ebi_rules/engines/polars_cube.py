"""Count an extract into the cube with Polars: `polars_groups` groups the rows in one pass, and this adds groups up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ebi_rules._support.progress import Progress, RowsDone, quiet
from ebi_rules.criteria.code_need import needs_codes
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELD, Criterion, Or
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
    sorted_by_texts,
    treatment_fields,
)
from ebi_rules.engines.checked_extract import checked_rows, fields_to_read
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_groups import ROWS, UPPER_HALF, Grouping, coded_counts, with_codes
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.rule_logic import criteria_of
from ebi_rules.translate.text_numbers import Numbers

_ROWS_AT_ONCE = 250_000


@dataclass(frozen=True, eq=False)
class _Count:
    """One count of the cube.

    Attributes:
        rule: The rule's key; None for a count of the activity itself.
        measure: What is counted, a key of `cube.MEASURES`.
        item: What the measure is about, such as the name of a criterion.
        expression: What to add up over groups.
    """

    rule: str | None
    measure: str
    item: str | None
    expression: pl.Expr


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


def _normalised(wide: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Put values of fields into normal form, and add up rows that differed only in spelling."""
    coded = [normal_values(wide[name]) for name in dimensions if name in FIELDS]
    added = wide.with_columns(coded).group_by(dimensions).agg(pl.all().sum())
    return added.cast({name: pl.Categorical() for name in dimensions})


def _cube(
    groups: pl.DataFrame, grouping: Grouping, audited: Sequence[AuditedRule], dimensions: Sequence[str]
) -> pl.DataFrame:
    """Add groups up: counts of all activity over all groups, counts that need codes over the few that have them."""
    over_all = [*_of_activity(grouping, dimensions), *_eligible(grouping, audited)]
    over_few: list[_Count] = []
    conditions: list[Criterion] = []
    for count, criteria in (pair for entry in audited for pair in _of_rule(grouping, entry)):
        needing_codes = _first_needing_codes(criteria)
        if needing_codes is None:
            over_all.append(count)
        else:
            over_few.append(count)
            conditions.append(needing_codes)
    few = groups.filter(grouping.any_holds(dict.fromkeys(conditions)))
    whole = sorted_by_texts(_normalised(_summed(groups, over_all, dimensions), dimensions), dimensions)
    part = _normalised(_summed(few, over_few, dimensions), dimensions)
    columns = {**_columns(whole, over_all), **_placed(whole, part, _columns(part, over_few), dimensions)}
    of_activity = {count: column for count, column in columns.items() if count.rule is None}
    parts = [
        _days_of_months(grouping.reader.days(), dimensions),
        _treatments(grouping, dimensions),
        _long(whole, of_activity, dimensions),
        _missing_dimensions(whole, dimensions),
    ]
    last = in_order(pl.concat(parts).filter(pl.col("count") > 0), dimensions)
    return pl.concat([_of_rules(whole, columns, dimensions), last])


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


def _summed(groups: pl.DataFrame, counts: Sequence[_Count], dimensions: Sequence[str]) -> pl.DataFrame:
    """Add up each different expression once, in columns whose names are numbers."""
    distinct = {str(count.expression): count.expression for count in counts}
    sums = [expression.sum().cast(pl.Int64).alias(str(place)) for place, expression in enumerate(distinct.values())]
    return collect(groups.lazy().group_by(dimensions).agg(sums))


def _columns(wide: pl.DataFrame, counts: Sequence[_Count]) -> dict[_Count, Numbers]:
    """Return the value of each count in every row."""
    places = {text: str(place) for place, text in enumerate(dict.fromkeys(str(count.expression) for count in counts))}
    return {count: wide[places[str(count.expression)]].to_numpy() for count in counts}


def _placed(
    whole: pl.DataFrame, part: pl.DataFrame, columns: Mapping[_Count, Numbers], dimensions: Sequence[str]
) -> dict[_Count, Numbers]:
    """Return the values of counts over the rows of `part` as values over those of `whole`, of which they are some."""
    numbered = whole.select(dimensions).with_row_index("place")
    found = part.select(dimensions).join(numbered, on=dimensions, how="left", nulls_equal=True, maintain_order="left")
    places = found["place"].to_numpy()
    placed = {}
    for count, column in columns.items():
        placed[count] = np.zeros(whole.height, np.int64)
        placed[count][places] = column
    return placed


def _of_rules(whole: pl.DataFrame, columns: Mapping[_Count, Numbers], dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the cube about rules, in order: the rows of `whole` are, and so are the counts of a rule."""
    by_rule: dict[str, list[_Count]] = {}
    for count in sorted(columns, key=lambda count: (count.measure, count.item or "")):
        if count.rule is not None:
            by_rule.setdefault(count.rule, []).append(count)
    labels = [count for rule in sorted(by_rule) for count in by_rule[rule]]
    rows, label, values, before = [], [], [], 0
    for rule in sorted(by_rule):
        counts = by_rule[rule]
        for start in range(0, whole.height, _ROWS_AT_ONCE):
            table = np.stack([columns[count][start : start + _ROWS_AT_ONCE] for count in counts], axis=1).ravel()
            found = np.flatnonzero(table > 0)
            row, place = np.divmod(found, len(counts))
            rows.append(row + start)
            label.append(place + before)
            values.append(table[found])
        before += len(counts)
    return _labelled(whole, rows, label, values, labels, dimensions)


def _long(wide: pl.DataFrame, columns: Mapping[_Count, Numbers], dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of each count that are above 0."""
    rows = [np.flatnonzero(column > 0) for column in columns.values()]
    label = [np.full(len(found), place) for place, found in enumerate(rows)]
    values = [column[found] for column, found in zip(columns.values(), rows, strict=True)]
    return _labelled(wide, rows, label, values, list(columns), dimensions)


def _missing_dimensions(wide: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the counts of activity without a value in a dimension: those of its group null."""
    activity = wide["0"].to_numpy()  # The first count is of all activity.
    counts = {
        _Count(None, "missing", name, pl.col("0")): np.where(wide[name].is_null().to_numpy(), activity, 0)
        for name in missing_counted(dimensions)
        if name in dimensions
    }
    return _long(wide, counts, dimensions)


def _labelled(
    wide: pl.DataFrame,
    rows: Sequence[Numbers],
    label: Sequence[Numbers],
    values: Sequence[Numbers],
    counts: Sequence[_Count],
    dimensions: Sequence[str],
) -> pl.DataFrame:
    """Return rows of the cube.

    Args:
        wide: Has the dimensions.
        rows: The rows of `wide`, in pieces.
        label: The place in `counts` of what is counted in each row, in the same pieces.
        values: The counts.
        counts: What is counted.
        dimensions: The names of the dimensions.
    """
    every = schema(dimensions)
    if not rows:
        return pl.DataFrame(schema=every)
    labels = [(count.rule, count.measure, count.item) for count in counts]
    names = pl.DataFrame(labels, schema=dict.fromkeys(("rule", "measure", "item"), pl.String), orient="row")
    names = names.cast({name: every[name] for name in names.columns})
    found = wide.select(dimensions)[np.concatenate(rows)]
    return pl.concat([found, names[np.concatenate(label)]], how="horizontal").select(
        *(pl.col(name).cast(dtype) for name, dtype in every.items() if name != "count"),
        pl.Series("count", np.concatenate(values)),
    )


def _of_activity(grouping: Grouping, dimensions: Sequence[str]) -> Iterator[_Count]:
    yield _Count(None, "activity", None, pl.col(ROWS))
    for name in grouping.code_fields:
        if name in CODE_FIELD.values():
            yield _Count(None, "recorded", name, pl.col(with_codes(name)))
            yield _Count(None, "codes", name, pl.col(coded_counts(name)) % UPPER_HALF)
            yield _Count(None, "invalid", name, pl.col(coded_counts(name)) // UPPER_HALF)
    for name in missing_counted(dimensions):
        if name in dimensions:
            continue
        missing = grouping.missing.get(name)
        answer = grouping.answer(missing) if missing else None
        yield _Count(None, "missing", name, pl.col(ROWS) if answer is None else _rows_where(answer))


def _eligible(grouping: Grouping, audited: Sequence[AuditedRule]) -> Iterator[_Count]:
    for entry in audited:
        denominator = [entry.counted.criteria[name] for name in entry.counted.logic.eligible]
        yield _Count(entry.key, "eligible", None, _rows_where(grouping.holds(denominator)))
        if entry.compare_within is not None:
            within = grouping.holds([*denominator, entry.compare_within])
            yield _Count(entry.key, "comparable", None, _rows_where(within))


def _of_rule(grouping: Grouping, entry: AuditedRule) -> Iterator[tuple[_Count, Sequence[Criterion]]]:
    """Return a rule's counts, each with criteria that all hold in every group that it counts."""
    criteria = list(entry.counted.criteria.items())
    for place, (name, _) in enumerate(criteria, start=1):
        so_far = [criterion for _, criterion in criteria[:place]]
        yield _Count(entry.key, "left", name, _rows_where(grouping.holds(so_far))), so_far
    counted_criteria = list(entry.counted.criteria.values())
    flagged = grouping.holds(counted_criteria)
    yield _Count(entry.key, "flagged", None, _rows_where(flagged)), counted_criteria
    for measure, criterion in (("compared", entry.compare_within), ("undiagnosed", entry.without_diagnosis)):
        if criterion is not None:
            both = grouping.holds([*counted_criteria, criterion])
            yield _Count(entry.key, measure, None, _rows_where(both)), counted_criteria
    for variant in entry.compared:
        variant_criteria = list(variant.criteria.values())
        by_variant = grouping.holds(variant_criteria)
        yield _Count(entry.key, "variant", variant.variant_name, _rows_where(by_variant)), variant_criteria
        if variant.variant_name != entry.counted.variant_name:
            # A group differs where exactly one of the two holds, so codes are needed only if both need codes.
            pair = (_first_needing_codes(variant_criteria), _first_needing_codes(counted_criteria))
            needing_codes = [criterion for criterion in pair if criterion]
            either: list[Criterion] = [Or(tuple(needing_codes))] if len(needing_codes) > 1 else []
            yield _Count(entry.key, "differs", variant.variant_name, _rows_where(by_variant != flagged)), either


def _rows_where(truth: pl.Expr) -> pl.Expr:
    """Return a group's number of rows where an expression is true in it, else 0."""
    return pl.when(truth).then(pl.col(ROWS)).otherwise(0)


def _first_needing_codes(criteria: Sequence[Criterion]) -> Criterion | None:
    """Return the first criterion that can hold only with a code in a list; None if there is no such criterion."""
    return next(filter(needs_codes, criteria), None)
