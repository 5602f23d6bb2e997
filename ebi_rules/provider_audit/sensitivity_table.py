"""The sensitivity table of an audit: what each variant of a rule flags.

It is made only from counts that may be shown.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.shown_counts import Counts, shown_as, withheld_as
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_logic import DEFAULT

_SCHEMA = {
    "rule": pl.String,
    "variant": pl.String,
    "flagged": pl.Int64,
    "difference": pl.Int64,
    "differs": pl.Int64,
    "about": pl.String,
    f"flagged{WITHHELD}": pl.Boolean,
    f"differs{WITHHELD}": pl.Boolean,
}


def sensitivity_table(counts: Counts, audited: Sequence[AuditedRule]) -> pl.DataFrame:
    """Return what each variant of a rule flags, and for how much activity it differs from the variant counted.

    Args:
        counts: The counts that may be shown.
        audited: The rules that were audited.

    Returns:
        One row per rule and variant: rule, variant (`default` first), flagged, difference (of the flagged counts
        shown: this variant minus the variant counted), differs (activity that the two variants decide differently),
        about (what the variant is, or why the extract cannot answer it).
    """
    rows = [
        (entry.key, name, *_row(counts, entry, name, variant))
        for entry in audited
        for name, variant in entry.rule.interpretations.items()
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def provider_sensitivity(counts: Counts, audited: Sequence[AuditedRule]) -> pl.DataFrame:
    """Return what each variant of a rule flags at each provider.

    Args:
        counts: The counts that may be shown.
        audited: The rules that were audited.

    Returns:
        One row per rule, provider and variant other than the one counted: rule, provider, variant, flagged, difference
        (of the flagged counts shown: this variant minus the variant counted), differs. Null where suppressed.
    """
    cells = counts.cells.filter(pl.col("table") == "provider", pl.col("rule").is_not_null())
    keys = ["rule", "provider"]

    def shown(measure: str, *further: str) -> pl.DataFrame:
        return cells.filter(measure=measure).select(*keys, *further, shown_as(measure), withheld_as(measure))

    table = shown("variant", "item").join(
        shown("differs", "item"), on=[*keys, "item"], nulls_equal=True, maintain_order="left"
    )
    table = table.join(shown("flagged"), on=keys, nulls_equal=True, maintain_order="left")
    is_hidden = pl.col("variant").is_null() | pl.col("flagged").is_null()
    rule_order = {entry.key: place for place, entry in enumerate(audited)}
    place = pl.col("rule").replace_strict(rule_order, default=len(rule_order), return_dtype=pl.Int64)
    return table.sort(place, "provider", maintain_order=True, nulls_last=True).select(
        *keys,
        variant="item",
        flagged="variant",
        difference=pl.col("variant") - pl.col("flagged"),
        # Beside a flagged count that is not shown, this count would narrow it down.
        differs=pl.when(~is_hidden).then("differs"),
        flagged_withheld=f"variant{WITHHELD}",
        differs_withheld=pl.col(f"differs{WITHHELD}") | is_hidden,
    )


def _row(counts: Counts, entry: AuditedRule, name: str, variant: Rule) -> tuple[Any, ...]:
    """Return the row of one variant of a rule, from `flagged` on."""
    if name in entry.skipped:
        return None, None, None, f"not available: {entry.skipped[name]}", False, False
    counted_flagged, counted_withheld = counts.total(entry.key, "flagged")
    differs: int | None
    if name == entry.counted_as:
        flagged, flagged_withheld = counted_flagged, counted_withheld
        differs, differs_withheld = 0, False
    else:
        flagged, flagged_withheld = counts.total(entry.key, "variant", name)
        differs, differs_withheld = counts.total(entry.key, "differs", name)
    difference = None if flagged is None or counted_flagged is None else flagged - counted_flagged
    if difference is None:
        # Beside a flagged count that is not shown, this count would narrow it down.
        differs, differs_withheld = None, True
    about = variant.documentation.variant_about or ("the rule as designed" if name == DEFAULT else "")
    return flagged, difference, differs, about, flagged_withheld, differs_withheld
