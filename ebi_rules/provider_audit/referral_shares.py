"""Who asked: the share of each referral setting in what a provider, a commissioner or an area did."""

from collections.abc import Sequence

import polars as pl

from ebi_rules.criteria.labels import REFERRAL_SETTING
from ebi_rules.cube import AuditedRule
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.percentages import with_percent
from ebi_rules.provider_audit.shown_counts import Counts

EVERY_UNIT = "all"
_SOURCE = "referral_source"


def parted(entry: AuditedRule) -> str:
    """Give the measure whose shares tell who asked: activity in scope, or what a rule that asks about it parts."""
    return "eligible" if _SOURCE in entry.counted.logic.fields_needed else "flagged"


def referral_shares(counts: Counts, audited: Sequence[AuditedRule]) -> pl.DataFrame:
    """Give who asked, as shares by referral setting of all activity and of that of each unit.

    Columns: rule, level (all, provider, commissioner, or an area), unit, referral_setting, of (flagged, or eligible for
    a rule that asks who asked), count, of_all (the unit's own), percent, percent_lower_95, percent_upper_95 (Wilson's
    score interval). Counts are those that may be shown; where one is not, nor is what comes from it.
    """
    parts = [_of_units(counts, audited, table, units) for table, (units, _) in counts.crossed.items()]
    if not parts:
        return pl.DataFrame(schema=_SCHEMA)
    table = pl.concat([_of_all(counts, audited), *parts])
    table = with_percent(table, "count", "of_all")
    return table.select(list(_SCHEMA))


_SCHEMA = {
    "rule": pl.String,
    "level": pl.String,
    "unit": pl.String,
    REFERRAL_SETTING: pl.String,
    "of": pl.String,
    "count": pl.Int64,
    "of_all": pl.Int64,
    "percent": pl.Float64,
    "percent_lower_95": pl.Float64,
    "percent_upper_95": pl.Float64,
    f"count{WITHHELD}": pl.Boolean,
    f"of_all{WITHHELD}": pl.Boolean,
}


def _of_all(counts: Counts, audited: Sequence[AuditedRule]) -> pl.DataFrame:
    parts = counts.table(REFERRAL_SETTING).with_columns(unit=pl.lit(None, pl.String))
    wholes = counts.table("total").with_columns(unit=pl.lit(None, pl.String))
    return _joined(audited, EVERY_UNIT, parts, wholes)


def _of_units(counts: Counts, audited: Sequence[AuditedRule], table: str, units: str) -> pl.DataFrame:
    column = "provider" if units == "provider" else "value"
    wholes = counts.table(units).with_columns(pl.col(column).alias("unit"))
    return _joined(audited, units, counts.table(table), wholes)


def _joined(audited: Sequence[AuditedRule], level: str, parts: pl.DataFrame, wholes: pl.DataFrame) -> pl.DataFrame:
    """Put beside each part of a unit the whole of it, of the measure that the rule parts."""
    found = []
    for entry in audited:
        measure = parted(entry)
        held, gone = pl.col(measure), pl.col(f"{measure}{WITHHELD}")
        whole = wholes.filter(rule=entry.key).select("unit", held.alias("of_all"), gone.alias(f"of_all{WITHHELD}"))
        part = parts.filter(rule=entry.key).select(
            "rule", "unit", pl.col("value").alias(REFERRAL_SETTING), held.alias("count"), gone.alias(f"count{WITHHELD}")
        )
        joined = part.join(whole, on="unit", how="left", nulls_equal=True, maintain_order="left")
        found.append(joined.with_columns(level=pl.lit(level), of=pl.lit(measure)))
    return pl.concat(found)


def settings_in_order(table: pl.DataFrame, known: tuple[str, ...]) -> list[str]:
    """Give the settings that a table has, in the order of the recoding."""
    there = table[REFERRAL_SETTING].unique().to_list()
    return [name for name in known if name in there] + sorted(name for name in there if name not in known)
