"""Who asked: the share of each setting of referrals or requests in the activity of a provider or an area.

The shares are made only from counts that may be shown.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ebi_rules.criteria.labels import ASKED_BY, REFERRAL_SETTING
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.rule_model.audited_rule import AuditedRule

EVERY_UNIT = "all"
_COUNTS = ("count", "of_all")


def _schema(field: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("rule", "level", "unit", field, "of"), pl.String),
        **dict.fromkeys(_COUNTS, pl.Int64),
        **dict.fromkeys(PERCENT, pl.Float64),
        **{f"{name}{WITHHELD}": pl.Boolean for name in _COUNTS},
    }


def parted(entry: AuditedRule) -> str:
    """Return the counts of which settings have shares: flagged, or eligible.

    They are eligible for a rule that depends on who asked, because its flagged activity has few settings.
    """
    return "eligible" if set(ASKED_BY.values()) & set(entry.counted.logic.fields_needed) else "flagged"


def referral_shares(counts: Counts, audited: Sequence[AuditedRule]) -> pl.DataFrame:
    """Return the shares of settings in all activity, and in that of each unit.

    Args:
        counts: The counts that may be shown.
        audited: The rules that were audited.

    Returns:
        One row per rule, unit and setting: rule, level (all, provider, commissioner, or an area), unit,
        referral_setting or request_setting, of (flagged or eligible, see `parted`), count, of_all (the unit's total),
        percent, percent_lower_95, percent_upper_95 (Wilson's interval). If a count is suppressed, so is what comes
        from it. Without such settings in the cube there are no rows.
    """
    field = counts.asked_by or REFERRAL_SETTING
    by_unit = [_of_units(counts, audited, table, units, field) for table, (units, _) in counts.crossed.items()]
    if not by_unit:
        return pl.DataFrame(schema=_schema(field))
    table = pl.concat([_of_all(counts, audited, field), *by_unit])
    return with_percent(table, "count", "of_all").select(list(_schema(field)))


def settings_in_order(table: pl.DataFrame, field: str, known: tuple[str, ...]) -> list[str]:
    """Return the settings in a table, in the order of `known`, followed by others in alphabetical order.

    Example:
        >>> table = pl.DataFrame({"referral_setting": ["other", "a clinic", "GP"]})
        >>> settings_in_order(table, "referral_setting", ("GP", "consultant", "other"))
        ['GP', 'other', 'a clinic']
    """
    settings = table[field].unique().to_list()
    return [name for name in known if name in settings] + sorted(name for name in settings if name not in known)


def _of_all(counts: Counts, audited: Sequence[AuditedRule], field: str) -> pl.DataFrame:
    parts = counts.table(field).with_columns(unit=pl.lit(None, pl.String))
    wholes = counts.table("total").with_columns(unit=pl.lit(None, pl.String))
    return _with_wholes(audited, EVERY_UNIT, parts, wholes, field)


def _of_units(counts: Counts, audited: Sequence[AuditedRule], table: str, units: str, field: str) -> pl.DataFrame:
    column = "provider" if units == "provider" else "value"
    wholes = counts.table(units).with_columns(pl.col(column).alias("unit"))
    return _with_wholes(audited, units, counts.table(table), wholes, field)


def _with_wholes(
    audited: Sequence[AuditedRule], level: str, parts: pl.DataFrame, wholes: pl.DataFrame, field: str
) -> pl.DataFrame:
    """Return each part of a unit with the whole of that unit, of the counts that `parted` returns for the rule."""
    tables = []
    for entry in audited:
        measure = parted(entry)
        count, withheld = pl.col(measure), pl.col(f"{measure}{WITHHELD}")
        of_unit = wholes.filter(rule=entry.key)
        of_unit = of_unit.select("unit", count.alias("of_all"), withheld.alias(f"of_all{WITHHELD}"))
        setting = pl.col("value").alias(field)
        of_setting = parts.filter(rule=entry.key)
        of_setting = of_setting.select(
            "rule", "unit", setting, count.alias("count"), withheld.alias(f"count{WITHHELD}")
        )
        joined = of_setting.join(of_unit, on="unit", how="left", nulls_equal=True, maintain_order="left")
        tables.append(joined.with_columns(level=pl.lit(level), of=pl.lit(measure)))
    return pl.concat(tables)
