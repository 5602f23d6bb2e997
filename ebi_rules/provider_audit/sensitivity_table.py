"""What each variant of a rule flags, from counts as they may be shown."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ebi_rules.cube import AuditedRule
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.rule_model.rule_logic import DEFAULT


def sensitivity_table(counts: Counts, audited: Sequence[AuditedRule]) -> pl.DataFrame:
    """Give what each reading of a rule flags, and for how much activity it judges otherwise than the one counted.

    Columns: rule, variant (`default` first), flagged, difference (of the numbers shown, from the reading counted),
    differs (activity judged otherwise), about (what the variant is, or why this extract cannot answer it).
    """
    rows: list[tuple[Any, ...]] = []
    for entry in audited:
        own, own_withheld = counts.total(entry.key, "flagged")
        for name, variant in entry.rule.interpretations.items():
            if name in entry.skipped:
                rows.append((entry.key, name, None, None, None, f"not available: {entry.skipped[name]}", False, False))
                continue
            counted = name == entry.counted_as
            flagged, withheld = (own, own_withheld) if counted else counts.total(entry.key, "variant", name)
            differs, unsaid = (0, False) if counted else counts.total(entry.key, "differs", name)
            difference = None if flagged is None or own is None else flagged - own
            if difference is None:
                # Beside a count that is not shown, this would narrow it down.
                differs, unsaid = None, True
            about = variant.documentation.variant_about or ("the rule as designed" if name == DEFAULT else "")
            rows.append((entry.key, name, flagged, difference, differs, about, withheld, unsaid))
    schema = {
        "rule": pl.String,
        "variant": pl.String,
        "flagged": pl.Int64,
        "difference": pl.Int64,
        "differs": pl.Int64,
        "about": pl.String,
        f"flagged{WITHHELD}": pl.Boolean,
        f"differs{WITHHELD}": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
