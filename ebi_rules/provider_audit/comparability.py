"""Which providers are of the same kind as others, so that a comparison means something.

An eye hospital among trusts has hardly any of the patients that a rule about backs is about. Where its treatment
functions are other than those of all others, or little of its activity is within what a rule compares, it has no
signal.
"""

import polars as pl

from ebi_rules.cube import TREATMENT
from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, controlled
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.signals import LITTLE_COMPARED, OTHER_FUNCTIONS

_SCHEMA = {"rule": pl.String, "provider": pl.String, "not_judged": pl.String}


def rules_not_compared(counts: Counts, settings: Settings) -> list[str]:
    """Return the keys of the rules by which providers, areas and practitioners are not compared.

    Args:
        counts: The counts of the audit.
        settings: Whether rules that are not fit for it are compared all the same.
    """
    return [entry.key for entry in counts.audited if not (entry.allows_comparison or settings.compare_unfit)]


def not_comparable(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Return the providers that cannot be compared with others.

    Args:
        counts: The counts of the audit.
        settings: From which differences on providers are not comparable.

    Returns:
        One row per rule and provider: rule, provider, not_judged (why).
    """
    distance = distances(counts)
    others = distance.filter(pl.col("distance") > settings.most_different)["provider"]
    parts = [pl.DataFrame(schema=_SCHEMA)]
    for entry in counts.audited:
        parts.append(
            pl.DataFrame({"rule": entry.key, "provider": others, "not_judged": OTHER_FUNCTIONS}, schema=_SCHEMA)
        )
    if counts.compared_rules:
        table = counts.table("provider").filter(pl.col("rule").is_in(list(counts.compared_rules)))
        share = stand_in(pl.col("comparable")) / stand_in(pl.col("eligible"))
        little = table.filter(pl.col("eligible").fill_null(1) > 0, share < settings.least_within)
        parts.append(little.select("rule", "provider", not_judged=pl.lit(LITTLE_COMPARED)))
    return pl.concat(parts).unique(["rule", "provider"], keep="first", maintain_order=True)


def distances(counts: Counts) -> pl.DataFrame:
    """Return how far the treatment functions of each provider are from those of all others together.

    Args:
        counts: The counts of the audit; nothing is returned if treatment functions were not counted.

    Returns:
        One row per provider with known treatment functions: provider, distance (total variation: half the sum of the
        differences of shares, from 0 for the same to 1 for no function in common).
    """
    rows = counts.exact_cube.filter(
        pl.col("measure") == TREATMENT, pl.col("item").is_not_null(), pl.col("provider").is_not_null()
    )
    # As shown, so that the answer tells nothing about small counts.
    shown = controlled(pl.col("count"), counts.method).fill_null(SMALLEST_SHOWN // 2).cast(pl.Float64)
    long = rows.select(pl.col("provider", "item").cast(pl.String), count=shown)
    long = long.group_by("provider", "item").agg(pl.col("count").sum())
    grid = long.select("provider").unique().join(long.select("item").unique(), how="cross")
    filled = grid.join(long, on=["provider", "item"], how="left").with_columns(pl.col("count").fill_null(0))
    all_of_item, all_of_provider = pl.col("count").sum().over("item"), pl.col("count").sum().over("provider")
    everything = pl.col("count").sum()
    here = pl.col("count") / all_of_provider
    elsewhere = (all_of_item - pl.col("count")) / (everything - all_of_provider)
    difference = filled.select("provider", difference=(here - elsewhere).abs())
    summed = difference.group_by("provider").agg(distance=pl.col("difference").sum() / 2)
    return summed.filter(pl.col("distance").is_finite()).sort("provider")
