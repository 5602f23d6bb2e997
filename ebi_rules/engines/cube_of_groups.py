"""A cube made of groups of rows: what is counted, for all activity and for each rule, whichever engine grouped them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import Criterion
from ebi_rules.cube import DAY_MEASURES, TREATMENT, in_order, missing_counted, schema
from ebi_rules.engines.grouped_rows import GroupedRows, Places
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.polars_answers import all_hold
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.translate.polars import Answering
from ebi_rules.translate.view_table import Numbers


@dataclass(frozen=True, eq=False)
class AnsweredGroups:
    """Groups of rows, and where their answers are.

    Attributes:
        rows: The groups, by cell and by combination of answers.
        columns: The boolean column of the combinations for each criterion.
        missing: Whether a field that is not grouped by is missing, over the combinations; a field without an expression
            is missing everywhere.
        sums: Further counts of activity or codes, by measure and item: a number for each cell.
    """

    rows: GroupedRows
    columns: Mapping[Criterion, str]
    missing: Mapping[str, pl.Expr]
    sums: Mapping[tuple[str, str], Numbers]

    @classmethod
    def decided(
        cls,
        rows: GroupedRows,
        criteria: Iterable[Criterion],
        answer: Callable[[Criterion], pl.Expr | None],
        missing: Mapping[str, pl.Expr],
        sums: Mapping[tuple[str, str], Numbers],
    ) -> "AnsweredGroups":
        """Decide criteria once for each combination of answers.

        Args:
            rows: The groups.
            criteria: The criteria.
            answer: Returns the expression of the answer to a node over the combinations; None if they have none.
            missing: As the attribute.
            sums: As the attribute.
        """
        columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}
        translator = Answering(answer)
        decided = [translator.visit(criterion).alias(name) for criterion, name in columns.items()]
        return cls(replace(rows, combinations=rows.combinations.with_columns(decided)), columns, missing, sums)

    def holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Return the expression that all the criteria hold in a combination of answers."""
        return all_hold(self.columns[criterion] for criterion in criteria)


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


def cube_of_groups(
    groups: AnsweredGroups,
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    days: pl.DataFrame,
    treatments: pl.DataFrame,
) -> pl.DataFrame:
    """Add groups up.

    Args:
        groups: The groups.
        audited: The rules to count.
        dimensions: The fields to count by.
        days: `month`, and the measures in `DAY_MEASURES`, a row for each month; empty without days.
        treatments: `provider`, `month`, `item` (a treatment function) and `count`; empty without them.
    """
    long = days.unpivot(on=DAY_MEASURES, index="month", variable_name="measure", value_name="count")
    of_treatments = treatments.with_columns(pl.lit(TREATMENT).alias("measure"))
    parts = [*(_as_rows(part, dimensions) for part in (long, of_treatments)), _of_activity(groups, dimensions)]
    last = in_order(pl.concat(parts).filter(pl.col("count") > 0), dimensions)
    return pl.concat([_of_rules(groups, audited, dimensions), last])


def _as_rows(counts: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return counts as rows of a cube, in which whatever they have no column for is missing."""
    every = schema(dimensions)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in every.items() if name not in counts.columns]
    return counts.with_columns(missing).select(list(every)).cast(pl.Schema(every))


def _of_rules(groups: AnsweredGroups, audited: Sequence[AuditedRule], dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the cube about rules, in order: cells are, and so are the counts of a rule."""
    rules = [_of_rule(groups, entry) for entry in sorted(audited, key=lambda entry: entry.key)]
    ordered = [
        dict(sorted(counts.items(), key=lambda count: (count[0].measure, count[0].item or ""))) for counts in rules
    ]
    starts = accumulate(map(len, ordered), initial=0)
    counted = groups.rows.counts([list(counts.values()) for counts in ordered])
    pieces = [(cell, place + start, count) for start, (cell, place, count) in zip(starts, counted, strict=False)]
    return _labelled(groups.rows.cells, pieces, [label for counts in ordered for label in counts], dimensions)


def _of_activity(groups: AnsweredGroups, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the cube that are the same for all rules."""
    activity = groups.rows.activity()
    counts = {_Label(None, "activity", None): activity}
    counts |= {_Label(None, measure, item): counted for (measure, item), counted in groups.sums.items()}
    for name in missing_counted(dimensions):
        label = _Label(None, "missing", name)
        if name in dimensions:
            counts[label] = np.where(groups.rows.cells[name].is_null().to_numpy(), activity, 0)
        else:
            counts[label] = groups.rows.where(groups.missing[name]) if name in groups.missing else activity
    cells = [np.flatnonzero(column) for column in counts.values()]
    pieces = [
        (cell, np.full(len(cell), place), column[cell])
        for place, (cell, column) in enumerate(zip(cells, counts.values(), strict=True))
    ]
    return _labelled(groups.rows.cells, pieces, list(counts), dimensions)


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


def _of_rule(groups: AnsweredGroups, entry: AuditedRule) -> dict[_Label, pl.Expr]:
    """Return a rule's counts, each with the expression that is true where it counts."""
    key, criteria = entry.key, list(entry.counted.criteria.values())
    denominator = [entry.counted.criteria[name] for name in entry.counted.logic.eligible]
    flagged = groups.holds(criteria)
    counts = {
        _Label(key, "eligible", None): groups.holds(denominator),
        _Label(key, "flagged", None): flagged,
    }
    for place, name in enumerate(entry.counted.criteria, start=1):
        counts[_Label(key, "left", name)] = groups.holds(criteria[:place])
    if entry.compare_within is not None:
        counts[_Label(key, "comparable", None)] = groups.holds([*denominator, entry.compare_within])
        counts[_Label(key, "compared", None)] = groups.holds([*criteria, entry.compare_within])
    if entry.without_diagnosis is not None:
        counts[_Label(key, "undiagnosed", None)] = groups.holds([*criteria, entry.without_diagnosis])
    for variant in entry.compared:
        by_variant = groups.holds(variant.criteria.values())
        counts[_Label(key, "variant", variant.variant_name)] = by_variant
        if variant.variant_name != entry.counted.variant_name:
            counts[_Label(key, "differs", variant.variant_name)] = by_variant != flagged
    return counts
