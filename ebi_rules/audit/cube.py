"""The cube: counts of activity by rule, provider and whatever else was asked for. Nothing after it sees a row.

Columns: `rule`; the dimensions (`provider` first), text, null where not recorded; `measure` and `item`, which
say what was counted; `count`. Measures: `activity`; `eligible`; `left` after the criterion `item` and all before
it; `flagged`; `variant`, flagged under the reading `item`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ebi_rules.engines.collecting import collect
from ebi_rules.engines.polars import Prepared
from ebi_rules.rules import Rule

ACTIVITY, ELIGIBLE, LEFT, FLAGGED, VARIANT = "activity", "eligible", "left", "flagged", "variant"

_Counted = tuple[str, str, str | None]


@dataclass(frozen=True)
class Audited:
    """A rule under audit: the reading that is counted, and the readings that it is compared with.

    `skipped` says, by variant, why the extract cannot answer it.
    """

    rule: Rule
    reading: Rule
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.rule.key

    @property
    def compared(self) -> list[Rule]:
        """The rule itself and its variants, without those skipped."""
        return [reading for name, reading in self.rule.readings().items() if name not in self.skipped]


def compute_cube(prepared: Prepared, audited: Sequence[Audited], dimensions: Sequence[str]) -> pl.DataFrame:
    """Count a prepared extract in one pass; `dimensions` are canonical fields, `provider` first."""
    counted: dict[_Counted, pl.Expr] = {}
    for entry in audited:
        rule = entry.reading
        counted[rule.key, ACTIVITY, None] = pl.len()
        eligible = [rule.criteria[name] for name in rule.eligible]
        counted[rule.key, ELIGIBLE, None] = prepared.holds(eligible).sum()
        criteria = list(rule.criteria.items())
        for place, (name, _) in enumerate(criteria, start=1):
            left = [criterion for _, criterion in criteria[:place]]
            counted[rule.key, LEFT, name] = prepared.holds(left).sum()
        counted[rule.key, FLAGGED, None] = prepared.holds(rule.criteria.values()).sum()
        for reading in entry.compared:
            counted[rule.key, VARIANT, reading.variant_name] = prepared.holds(reading.criteria.values()).sum()
    names = {str(place): key for place, key in enumerate(counted)}
    counts = [expression.cast(pl.Int64).alias(name) for name, expression in zip(names, counted.values(), strict=True)]
    groups = prepared.frame.group_by([prepared.field(name).cast(pl.String).alias(name) for name in dimensions])
    return _long(collect(groups.agg(counts)), names, dimensions)


def _long(wide: pl.DataFrame, names: dict[str, _Counted], dimensions: Sequence[str]) -> pl.DataFrame:
    """Turn one column a count into one row a count, in a fixed order."""
    keys = pl.DataFrame(
        {
            "name": list(names),
            "rule": [rule for rule, _, _ in names.values()],
            "measure": [measure for _, measure, _ in names.values()],
            "item": [item for _, _, item in names.values()],
        },
        schema={"name": pl.String, "rule": pl.String, "measure": pl.String, "item": pl.String},
    ).with_row_index("place")
    return (
        wide.unpivot(index=list(dimensions), variable_name="name", value_name="count")
        .join(keys, on="name", how="left")
        .sort("place", *dimensions, nulls_last=True)
        .select("rule", *dimensions, "measure", "item", pl.col("count").cast(pl.Int64))
    )
