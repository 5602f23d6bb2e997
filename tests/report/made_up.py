"""Cubes made up by seed, of any size: for the report, for simulations and for attacks on disclosure control."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ebi_rules.cube import AuditedRule, schema
from ebi_rules.rule_model.catalogue import rules

DIMENSIONS = ("provider", "month", "age_band", "sex")
BANDS = ("20-24", "45-49", "65-69", "80-84")


def months(count: int, first: int = 2023) -> list[str]:
    return [f"{first + place // 12}-{place % 12 + 1:02d}" for place in range(count)]


def audited(count: int) -> list[AuditedRule]:
    """Return so many rules to audit: those of the catalogue and, beyond those, copies under other keys."""
    catalogue = rules()
    chosen = [
        rule if place < len(catalogue) else replace(rule, logic=replace(rule.logic, key=f"{rule.key}_{place}"))
        for place, rule in ((place, catalogue[place % len(catalogue)]) for place in range(count))
    ]
    return [AuditedRule(rule, rule) for rule in chosen]


def cube_of(
    entries: Sequence[AuditedRule], cells: Mapping[str, Sequence[str | None]], eligible: np.ndarray, flagged: np.ndarray
) -> pl.DataFrame:
    """Return the cube of cells (one list per dimension) with eligible and flagged of shape (rules, cells).

    The counts left after criteria are between the two; variants flag as the rule does; a third of activity has a
    procedure.
    """
    rng = np.random.default_rng(0)
    base = pl.DataFrame(dict(cells), schema=dict.fromkeys(cells, pl.String))
    activity = eligible.max(axis=0) + 5
    parts = [_rows(base, None, "activity", None, activity)]
    for measure, share in (("recorded", 0.3), ("codes", 0.5)):
        parts.append(_rows(base, None, measure, "procedures", (activity * share).astype(np.int64)))
    parts.append(_rows(base, None, "missing", "age", activity // 50))
    for place, entry in enumerate(entries):
        parts.append(_rows(base, entry.key, "eligible", None, eligible[place]))
        parts.append(_rows(base, entry.key, "flagged", None, flagged[place]))
        left = flagged[place] + rng.poisson(flagged[place] * 0.2 * (len(entry.counted.criteria) > 1))
        names = list(entry.counted.criteria)
        for step, name in enumerate(names):
            parts.append(_rows(base, entry.key, "left", name, flagged[place] if step == len(names) - 1 else left))
        parts += [_rows(base, entry.key, "variant", name, flagged[place]) for name in entry.rule.interpretations]
    return pl.concat(parts)


def _rows(base: pl.DataFrame, rule: str | None, measure: str, item: str | None, count: np.ndarray) -> pl.DataFrame:
    kept = base.with_columns(
        pl.lit(rule, pl.String).alias("rule"),
        pl.lit(measure).alias("measure"),
        pl.lit(item, pl.String).alias("item"),
        pl.Series("count", count),
    )
    wanted = schema(base.columns)
    return kept.filter(pl.col("count") > 0).select(list(wanted)).cast(pl.Schema(wanted))


def run_record() -> dict[str, object]:
    """Return the record of a run, for an audit that was not run."""
    return {
        "program": "ebi-rules",
        "version": "0",
        "python": "3",
        "polars": "2",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 0.0,
        "rules": [],
        "layout": "a cube",
        "columns": {},
        "options": {"by": list(DIMENSIONS)},
        "inputs": [],
        "rows": 0,
    }
