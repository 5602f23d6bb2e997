"""What changed between two runs of the same audit, and why.

It compares only the counts that the two runs show, so that it cannot reveal a suppressed one. Runs that show counts in
different ways are not compared. A count that one run hides is not compared with the one that the other shows: whoever
knew that it had not changed would know the hidden one. Of the exact cubes, only the number of activities is used,
and how much of it has codes, to find out whether the data were restated.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from ebi_rules.disclosure.rounding import SUPPRESSED
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.provider_audit.table_files import text_table
from ebi_rules.results.audit_result import Audit
from ebi_rules.results.earlier_runs import EarlierRun
from ebi_rules.translate.english import listed, month_name

NEW_MONTH, GONE_MONTH, NEW_RULE, GONE_RULE, CHANGED = "new month", "month gone", "new rule", "rule gone", "changed"
"""What can have become of a count."""

RESTATED, RULE, SOFTWARE, SETTINGS = "restated", "rule changed", "ebi-rules changed", "settings changed"
"""Why a count is another one."""

HIDDEN = "hidden in one run"
"""Of a count that one run shows and the other hides: whether it has changed is not said."""

_KEYS = ["rule", "provider", "month"]
_COUNTS = ["eligible", "flagged"]
_OF_THE_DATA = ["activity", "recorded", "codes"]
"""The measures of a cube in which it shows that data were restated: how much there is, and how much of it has codes."""

_ACTIVITY_KEYS = ["provider", "month", "measure", "item"]
_MOST_NAMED = 3
"""So many months of a rule are named on the screen; the file has all."""


def causes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, dict[str | None, str]]:
    """Return what is not the same in the records of two runs and can move figures, in words.

    Args:
        before: run.json of the earlier run.
        now: run.json of this run.

    Returns:
        By cause (SOFTWARE, SETTINGS, RULE): the words by rule, or of all rules under None.
    """
    different: dict[str, dict[str | None, str]] = {}
    if before["version"] != now["version"]:
        different[SOFTWARE] = {None: f"ebi-rules {before['version']} before, {now['version']} now"}
    options = [name for name in ("layout", "columns", "options", "engine") if before.get(name) != now.get(name)]
    options += ["how counts are shown"] if not shown_alike(before, now) else []
    prints = [_prints(run) for run in (before, now)]
    options += sorted({name for name in {*prints[0], *prints[1]} if prints[0].get(name) != prints[1].get(name)})
    if options:
        different[SETTINGS] = {None: f"other settings: {', '.join(options)}"}
    rules = {rule["key"]: rule for rule in before["rules"]}
    for rule in now["rules"]:
        earlier = rules.get(rule["key"], rule)
        if earlier["content_hash"] != rule["content_hash"] or earlier["variant"] != rule["variant"]:
            editions = [f"{each['edition']} {each['variant']}" for each in (earlier, rule)]
            other = f"{editions[0]} before, {editions[1]} now" if editions[0] != editions[1] else "its criteria"
            different.setdefault(RULE, {})[rule["key"]] = f"{rule['key']} was changed: {other}"
    return different


def changed_counts(before: EarlierRun, audit: Audit) -> pl.DataFrame:
    """Return every count by month that one of two runs shows and the other does not, or shows as another.

    Args:
        before: The earlier run.
        audit: This run.

    Returns:
        One row per rule, provider and month, all providers together among them: rule, provider, month, change (see the
        constants), why, eligible_before, eligible, flagged_before, flagged. Counts are texts, as files show them.
        Without rows for counts that changed if the two runs show counts in another way.

    Raises:
        DataFileError: A file of the earlier run cannot be read.
        ExtractError: Its exact cube cannot be read.
    """
    now = text_table(audit.tables.trend).select(*_KEYS, *_COUNTS)
    joined = before.trend.join(now, on=_KEYS, how="full", nulls_equal=True, coalesce=True, suffix="_now")
    pairs = [(name, f"{name}_now") for name in _COUNTS]
    differing = joined.filter(pl.any_horizontal(_known(then).ne_missing(_known(now)) for then, now in pairs))
    kind = (
        pl.when(~pl.col("rule").is_in(before.trend["rule"].unique().to_list()))
        .then(pl.lit(NEW_RULE))
        .when(~pl.col("rule").is_in(now["rule"].unique().to_list()))
        .then(pl.lit(GONE_RULE))
        .when(~pl.col("month").is_in(before.trend["month"].unique().to_list()))
        .then(pl.lit(NEW_MONTH))
        .when(~pl.col("month").is_in(now["month"].unique().to_list()))
        .then(pl.lit(GONE_MONTH))
        .otherwise(pl.lit(CHANGED))
    )
    are_comparable = pl.any_horizontal(
        pl.col(then).ne_missing(pl.col(now)) & ~_is_hidden(then) & ~_is_hidden(now) for then, now in pairs
    )
    rows = differing.with_columns(change=kind, are_comparable=are_comparable).sort(*_KEYS, nulls_last=True)
    if not shown_alike(before.record, audit.run):
        rows = rows.filter(pl.col("change") != CHANGED)
    has_other_activity = _has_other_activity(before, audit.exact_cube)
    known_causes = causes(before.record, audit.run)
    why = [
        _why(known_causes, rule, has_other_activity(provider, month)) if is_comparable else HIDDEN
        for rule, provider, month, is_comparable in rows.select(*_KEYS, "are_comparable").iter_rows()
    ]
    return rows.select(
        *_KEYS,
        "change",
        pl.when(pl.col("change") == CHANGED).then(pl.Series("why", why, pl.String)).alias("why"),
        pl.col("eligible").alias("eligible_before"),
        pl.col("eligible_now").alias("eligible"),
        pl.col("flagged").alias("flagged_before"),
        pl.col("flagged_now").alias("flagged"),
    )


def changes_in_words(changes: pl.DataFrame, is_shown_alike: bool) -> Iterator[str]:
    """Return in sentences what changed, of all providers together.

    Args:
        changes: What `changed_counts` returns.
        is_shown_alike: Whether both runs show counts under the same disclosure control.
    """
    of_all = changes.filter(provider=ALL_PROVIDERS)
    for change, words in ((NEW_MONTH, "New months"), (GONE_MONTH, "Months that are gone")):
        months = of_all.filter(change=change)["month"].unique().sort()
        if months.len():
            yield f"{words}: {listed([month_name(month) for month in months], 'and')}."
    for change, words in ((NEW_RULE, "New rules"), (GONE_RULE, "Rules that are gone")):
        rules = of_all.filter(change=change)["rule"].unique().sort()
        if rules.len():
            yield f"{words}: {listed(rules.to_list(), 'and')}."
    changed = of_all.filter(pl.col("change") == CHANGED, pl.col("why") != HIDDEN)
    for (rule, why), part in changed.group_by("rule", "why", maintain_order=True):
        counts = [
            f"{month_name(row['month'])} {row['flagged_before']} of {row['eligible_before']} before, "
            f"{row['flagged']} of {row['eligible']} now"
            for row in part.head(_MOST_NAMED).iter_rows(named=True)
        ]
        more = f"; and {part.height - _MOST_NAMED} more months" if part.height > _MOST_NAMED else ""
        yield f"{rule} ({why}): {'; '.join(counts)}{more}."
    hidden = of_all.filter(why=HIDDEN).height
    if not is_shown_alike:
        yield "Counts are shown in another way than in that run, so that those of earlier months are not compared."
    elif not changed.height:
        which = " that both runs show" if hidden else ""
        yield f"No count of an earlier month{which}, of all providers together, has changed."
    if hidden:
        counts_are = "1 count is" if hidden == 1 else f"{hidden:,} counts are"
        yield f"Of all providers together, {counts_are} hidden in one of the two runs, and not compared."


def shown_alike(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether two runs show counts under the same disclosure control, by their run.json."""
    return bool(before["shown"]["disclosure"] == now["shown"]["disclosure"])


def _why(known_causes: Mapping[str, Mapping[str | None, str]], rule: str, is_activity_changed: bool) -> str:
    """Return why a count changed; several causes cannot be told apart."""
    names = [name for name in (RULE, SOFTWARE, SETTINGS) if {None, rule} & set(known_causes.get(name, ()))]
    if not names or is_activity_changed:
        names.insert(0, RESTATED)
    return " or ".join(names)


def _has_other_activity(before: EarlierRun, now: pl.DataFrame) -> Callable[[str | None, str], bool]:
    """Return a function of provider and month: can their activity, or how much of it has codes, be another one?

    It says yes to everything if the exact cube of the earlier run was removed.
    """
    cube = before.cube()
    if cube is None:
        return lambda provider, month: True
    counts = [_exact_activity(each) for each in (cube, now)]
    both = counts[0].join(counts[1], on=_ACTIVITY_KEYS, how="full", nulls_equal=True, coalesce=True, suffix="_now")
    other = both.filter(pl.col("count").ne_missing(pl.col("count_now")))
    changed = set(other.select("provider", "month").iter_rows())
    changed |= {(ALL_PROVIDERS, month) for _, month in changed}
    return lambda provider, month: (provider, month) in changed


def _exact_activity(cube: pl.DataFrame) -> pl.DataFrame:
    """Return the exact activity by provider and month, and how much of it has codes."""
    rows = cube.filter(pl.col("measure").cast(pl.String).is_in(_OF_THE_DATA), pl.col("month").is_not_null())
    return rows.group_by(pl.col(_ACTIVITY_KEYS).cast(pl.String)).agg(pl.col("count").sum())


def _known(column: str) -> pl.Expr:
    """Return a count, and one sign for every count that is hidden."""
    return pl.when(_is_hidden(column)).then(pl.lit(SUPPRESSED)).otherwise(column)


def _is_hidden(column: str) -> pl.Expr:
    return pl.col(column).str.starts_with(SUPPRESSED).fill_null(False)


def _prints(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fingerprints of the files on which counts depend, by what they are."""
    files = {**run.get("settings_files", {}), **({"areas": run["areas"]} if run.get("areas") else {})}
    return {f"the file of {name}": file["fingerprint"] for name, file in files.items()}
