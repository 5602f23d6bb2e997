"""Tables of an audit, each made from the cube alone."""

from collections.abc import Sequence

import polars as pl

from ebi_rules.audit.cube import ACTIVITY, ELIGIBLE, FLAGGED, LEFT, VARIANT, Audited
from ebi_rules.rules import DEFAULT

PER = 1000


def by_dimension(cube: pl.DataFrame, dimension: str) -> pl.DataFrame:
    """Give activity, eligible, flagged and the rate per 1,000 eligible, a row for each rule and value.

    Columns: rule, the dimension (null where not recorded), activity, eligible, flagged, rate_per_1000_eligible
    (null where nothing is eligible). Sorted by rule, then value.
    """
    return _rates(cube, ["rule", dimension])


def totals(cube: pl.DataFrame) -> pl.DataFrame:
    """Give the same over the whole extract, a row a rule."""
    return _rates(cube, ["rule"])


def _rates(cube: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    measures = [ACTIVITY, ELIGIBLE, FLAGGED]
    counts = [pl.col("count").filter(pl.col("measure") == measure).sum().alias(measure) for measure in measures]
    rate = pl.when(pl.col(ELIGIBLE) > 0).then((pl.col(FLAGGED) / pl.col(ELIGIBLE) * PER).round(3))
    return (
        cube.group_by(keys).agg(counts).with_columns(rate.alias("rate_per_1000_eligible")).sort(keys, nulls_last=True)
    )


def attrition(cube: pl.DataFrame, audited: Sequence[Audited]) -> pl.DataFrame:
    """Give how much activity is left after each criterion, in the rule's order.

    Columns: rule, step (0 is all activity), criterion (null for step 0), left, removed (null for step 0).
    """
    totals = _totals(cube)
    rows: list[tuple[object, ...]] = []
    for entry in audited:
        left = totals.get((entry.key, ACTIVITY, None), 0)
        rows.append((entry.key, 0, None, left, None))
        for step, name in enumerate(entry.reading.criteria, start=1):
            before, left = left, totals.get((entry.key, LEFT, name), 0)
            rows.append((entry.key, step, name, left, before - left))
    schema = {"rule": pl.String, "step": pl.Int64, "criterion": pl.String, "left": pl.Int64, "removed": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def sensitivity(cube: pl.DataFrame, audited: Sequence[Audited]) -> pl.DataFrame:
    """Give what each reading of a rule flags.

    Columns: rule, variant (`default` first), flagged (null for a variant this extract cannot answer),
    difference (from the default), about (what the variant is, or why it is not available).
    """
    totals = _totals(cube)
    rows: list[tuple[object, ...]] = []
    for entry in audited:
        default = totals.get((entry.key, VARIANT, DEFAULT), 0)
        for name, reading in entry.rule.readings().items():
            if name in entry.skipped:
                rows.append((entry.key, name, None, None, f"not available: {entry.skipped[name]}"))
                continue
            flagged = totals.get((entry.key, VARIANT, name), 0)
            rows.append((entry.key, name, flagged, flagged - default, reading.variant_about or "the rule as designed"))
    schema = {"rule": pl.String, "variant": pl.String, "flagged": pl.Int64, "difference": pl.Int64, "about": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _totals(cube: pl.DataFrame) -> dict[tuple[str, str, str | None], int]:
    sums = cube.group_by("rule", "measure", "item").agg(pl.col("count").sum())
    return {(rule, measure, item): count for rule, measure, item, count in sums.iter_rows()}
