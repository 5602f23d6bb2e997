"""Keep the counts of measures and flows of some months and providers: those in which the index activity is.

What happened before and after is still looked for in all data, whenever and wherever it was.
"""

from dataclasses import replace

import polars as pl

from ebi_rules._support.errors import ExtractError
from ebi_rules.cube import DAY_MEASURES
from ebi_rules.layouts.scope import Scope
from ebi_rules.pathways.pathway_counts import PathwayCounts


def within(counts: PathwayCounts, scope: Scope) -> PathwayCounts:
    """Return the counts of index activity in the months and at the providers of a scope.

    Args:
        counts: The counts of a run.
        scope: The months and providers; those of an index activity. A flow keeps the quarters that lie within the
            months as a whole. Contacts have neither a month nor a provider, and are left out.

    Returns:
        The counts, with notices about what is left out.

    Raises:
        ExtractError: Nothing is left.
    """
    if not scope.months and not scope.providers:
        return counts
    is_of_days = pl.col("measure").cast(pl.String).is_in(DAY_MEASURES)
    cube = counts.cube.filter(_holds(scope, "provider", "month") | is_of_days)
    moves = tuple(each.filter(_holds(scope, "provider", "quarter")) for each in counts.moves)
    index = cube.filter(~is_of_days)
    if not index.height and not any(each.height for each in moves):
        raise ExtractError(
            "there is no index activity in these months at these providers: check --months and --provider."
        )
    notices = list(counts.notices)
    if scope.months and moves:
        notices.append("flows are of the quarters that lie within the months as a whole.")
    if counts.contacts.height:
        notices.append("contacts by attendance status are left out: they are counted over all months and providers.")
    found = {*index["provider"].unique().cast(pl.String)}.union(*(set(each["provider"].unique()) for each in moves))
    missing = [code for code in scope.providers or () if code not in found]
    notices += [f"there is no index activity of the provider {code}." for code in missing]
    return replace(
        counts,
        cube=cube,
        spread=counts.spread.filter(_holds(scope, "provider", "month")),
        waits=counts.waits.filter(_holds(scope, "provider", "month")),
        contacts=counts.contacts.clear(),
        moves=moves,
        notices=tuple(notices),
    )


def _holds(scope: Scope, provider: str, point: str) -> pl.Expr:
    """Return whether rows are of the months and providers; a quarter is if all its months are."""
    holds = pl.lit(True)
    if scope.providers:
        holds &= pl.col(provider).cast(pl.String).is_in(list(scope.providers)).fill_null(False)
    if scope.months:
        first, last = (f"{month // 100}-{month % 100:02}" for month in scope.months)
        text = pl.col(point).cast(pl.String)
        length = len("2024-04")
        holds &= (text.str.slice(0, length) >= first).fill_null(False)
        holds &= (text.str.slice(-length) <= last).fill_null(False)
    return holds
