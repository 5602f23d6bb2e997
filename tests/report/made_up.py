"""Random cubes of any size, by seed: for the report, for simulations and for attacks on disclosure control."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ebi_rules.cube import schema
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.audit_result import Audit
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import rules
from ebi_rules.rule_model.rule import Rule

DIMENSIONS = ("provider", "month", "age_band", "sex")
BANDS = ("20-24", "45-49", "65-69", "80-84")


def months(count: int, first: int = 2023) -> list[str]:
    """Return consecutive months, such as 2023-01, from January of a year."""
    return [f"{first + place // 12}-{place % 12 + 1:02d}" for place in range(count)]


def audited(count: int) -> list[AuditedRule]:
    """Return this many rules to audit: those of the catalogue, then copies under other keys."""
    catalogue = rules()
    chosen = [_copy(catalogue[place % len(catalogue)], place // len(catalogue)) for place in range(count)]
    return [AuditedRule(rule, rule) for rule in chosen]


def _copy(rule: Rule, number: int) -> Rule:
    return replace(rule, logic=replace(rule.logic, key=f"{rule.key}_{number}")) if number else rule


def made_up_audit(cube: pl.DataFrame, entries: Sequence[AuditedRule], settings: Settings | None = None) -> Audit:
    """Return the audit of a cube that no engine counted."""
    return Audit(AuditTables(cube, tuple(entries), settings or Settings(), run_record()))


def with_settings(audit: Audit, settings: Settings) -> Audit:
    """Return the same audit, shown and compared in another way."""
    return Audit(replace(audit.tables, settings=settings))


def cube_of(
    entries: Sequence[AuditedRule], cells: Mapping[str, Sequence[str | None]], eligible: np.ndarray, flagged: np.ndarray
) -> pl.DataFrame:
    """Return a cube of cells (one list per dimension) with eligible and flagged counts of shape (rules, cells).

    Counts left after a criterion are a little above those flagged, variants flag what the rule does, and about a third
    of activity has a procedure.
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
        left = flagged[place] + rng.poisson(flagged[place] * 0.2 * (len(entry.steps) > 1))
        for name in entry.steps:
            parts.append(_rows(base, entry.key, "left", name, flagged[place] if name == entry.steps[-1] else left))
        parts += [_rows(base, entry.key, "variant", name, flagged[place]) for name in entry.rule.interpretations]
    return pl.concat(parts)


def _rows(base: pl.DataFrame, rule: str | None, measure: str, item: str | None, count: np.ndarray) -> pl.DataFrame:
    rows = base.with_columns(
        pl.lit(rule, pl.String).alias("rule"),
        pl.lit(measure).alias("measure"),
        pl.lit(item, pl.String).alias("item"),
        pl.Series("count", count),
    )
    columns = schema(base.columns)
    return rows.filter(pl.col("count") > 0).select(list(columns)).cast(pl.Schema(columns))


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


def trend_audit(flagged: list[list[int]], method: str = "none") -> Audit:
    """Return the audit of providers with these counts by month, of 1,000 eligible each."""
    names, size = [f"Z{place}" for place in range(len(flagged))], len(flagged[0])
    cells = {
        "provider": [name for name in names for _ in range(size)],
        "month": months(size) * len(names),
        "age_band": ["45-49"] * size * len(names),
        "sex": ["1"] * size * len(names),
    }
    entries = audited(1)
    counts = np.array([flagged]).reshape(1, -1)
    return made_up_audit(
        cube_of(entries, cells, np.full(counts.shape, 1_000), counts), entries, Settings(disclosure=method)
    )
