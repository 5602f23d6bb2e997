"""Check that what a cube counts of a rule can be: no part is larger than its whole, at any provider or in any group."""

from collections.abc import Iterable
from typing import NoReturn

import polars as pl

from ebi_rules._support.errors import ExtractError
from ebi_rules.cube import dimensions_of
from ebi_rules.provider_audit.cube_sums import CubeSums
from ebi_rules.rule_model.audited_rule import AuditedRule

_WHOLE = {"flagged": "eligible", "eligible": "activity"}
"""What a count is a part of."""


def require_consistent(counts: pl.DataFrame, audited: Iterable[AuditedRule]) -> None:
    """Raise `ExtractError` if a provider's counts cannot be.

    More is flagged than eligible, more is eligible than there is activity, or more is left after a criterion than
    before it.

    Args:
        counts: The counts of a cube: rule, measure, item, provider (String), count.
        audited: The rules that are audited.
    """
    by_series = counts.partition_by("rule", "measure", "item", as_dict=True, include_key=False)

    def of(rule: str | None, measure: str, item: str | None = None) -> pl.DataFrame:
        return by_series.get((rule, measure, item), counts.clear().select("provider", "count"))

    activity = of(None, "activity")
    for entry in audited:
        of_rule = {"activity": activity}
        of_rule |= {name: of(entry.key, name) for name in _WHOLE}
        for part, whole in _WHOLE.items():
            _require(of_rule[part], of_rule[whole], f"{entry.key}: more is {part} than {_words(whole)}")
        before, name_before = activity, "activity"
        for name in entry.steps:
            left = of(entry.key, "left", name)
            _require(left, before, f"{entry.key}: more is left after {name} than {_before(name_before)}")
            before, name_before = left, name
        if entry.steps:
            _require(of_rule["flagged"], before, f"{entry.key}: more is flagged than is left after {name_before}")


def require_activity(sums: CubeSums) -> None:
    """Raise `ExtractError` if a rule counts more activity in a group, such as a provider's month, than there is.

    Args:
        sums: The sums of the cube.
    """
    group = sums.group(dimensions_of(sums.cube))
    activity = sums.cube.filter(pl.col("measure") == "activity").select(*group, activity="count")
    counted = sums.cube.filter(pl.col("measure").is_in(list(_WHOLE))).select("rule", "measure", *group, "count")
    keys = [each.meta.output_name() for each in group]
    both = counted.join(activity, on=keys, how="left", nulls_equal=True)
    wrong = both.filter(pl.col("count") > pl.col("activity").fill_null(0))
    if wrong.height:
        rule, measure = wrong.select(pl.col("rule", "measure").cast(pl.String)).sort("rule", "measure").row(0)
        _refuse(f"{rule}: more is {measure} than there is activity", wrong.height, "group")


def _require(part: pl.DataFrame, whole: pl.DataFrame, problem: str) -> None:
    both = part.join(whole, on="provider", how="left", nulls_equal=True, suffix="_of_whole")
    wrong = both.filter(pl.col("count") > pl.col("count_of_whole").fill_null(0)).height
    if wrong:
        _refuse(problem, wrong, "provider")


def _refuse(problem: str, places: int, kind: str) -> NoReturn:
    at = f"{'at' if kind == 'provider' else 'in'} {places:,} {kind}{'' if places == 1 else 's'}"
    raise ExtractError(f"{problem}, {at}. Count the cube again: its rows do not fit together.")


def _words(whole: str) -> str:
    return "there is activity" if whole == "activity" else whole


def _before(name: str) -> str:
    return "there is activity" if name == "activity" else f"after {name}"
