"""Check that what a cube counts of a rule can be: no part is larger than its whole, at any provider or in any group."""

from collections.abc import Iterable
from typing import NoReturn

import polars as pl

from ebi_rules._support.errors import ExtractError
from ebi_rules.cube import DAY_MEASURES, TREATMENT, dimensions_of
from ebi_rules.provider_audit.cube_sums import CubeSums
from ebi_rules.rule_model.audited_rule import AuditedRule

_WHOLE = {"flagged": "eligible", "eligible": "activity"}
"""What a count is a part of."""

_OF_CODES = ("codes", "invalid")
"""Measures that count codes and not activity."""


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
    """Raise `ExtractError` if more is counted of a group, such as a provider's month, than it has activity.

    Args:
        sums: The sums of the cube.
    """
    cube, group = sums.cube.lazy(), sums.group(dimensions_of(sums.cube))
    activity = cube.filter(pl.col("measure") == "activity").select(*group, activity="count")
    of_activity = cube.filter(~pl.col("measure").is_in(["activity", *DAY_MEASURES, TREATMENT]))
    counted = of_activity.select("rule", "measure", *group, "count")
    both = counted.join(activity, on=[each.meta.output_name() for each in group], how="left", nulls_equal=True)
    # An activity may have several codes.
    is_more = (pl.col("count") > pl.col("activity")) & ~pl.col("measure").is_in(_OF_CODES)
    wrong = both.filter(is_more | pl.col("activity").is_null()).collect(engine="streaming")
    if wrong.height:
        rule, measure = wrong.select(pl.col("rule", "measure").cast(pl.String)).sort("rule", "measure").row(0)
        _refuse(f"{f'{rule}: ' if rule else ''}more is {measure} than there is activity", wrong.height, "group")


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
