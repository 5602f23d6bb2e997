"""What changed between two runs of the same audit, and why.

It compares only the counts that the two runs show, so that it cannot reveal a suppressed one. Runs that show counts in
different ways are not compared. The exact cubes are used only to find out why a count changed.
"""

from collections.abc import Iterator, Mapping
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

DISCLOSURE = "disclosure control"
"""Why a count is shown in another way although it is the same: other counts need it hidden, or do not any more."""

_KEYS = ["rule", "provider", "month"]
_COUNTS = ["eligible", "flagged"]
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
    differing = joined.filter(pl.any_horizontal(_known(name).ne_missing(_known(f"{name}_now")) for name in _COUNTS))
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
    exact = _ExactChanges(before.cube(), audit.exact_cube)
    known_causes = causes(before.record, audit.run)
    rows = differing.with_columns(change=kind).sort(*_KEYS, nulls_last=True)
    if not shown_alike(before.record, audit.run):
        rows = rows.filter(pl.col("change") != CHANGED)
    why = [
        _why(known_causes, exact, rule, provider, month) if change == CHANGED else None
        for rule, provider, month, change in rows.select(*_KEYS, "change").iter_rows()
    ]
    return rows.select(
        *_KEYS,
        "change",
        pl.Series("why", why, pl.String),
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
    changed = of_all.filter(pl.col("change") == CHANGED, pl.col("why") != DISCLOSURE)
    for (rule, why), part in changed.group_by("rule", "why", maintain_order=True):
        counts = [
            f"{month_name(row['month'])} {row['flagged_before']} of {row['eligible_before']} before, "
            f"{row['flagged']} of {row['eligible']} now"
            for row in part.head(_MOST_NAMED).iter_rows(named=True)
        ]
        more = f"; and {part.height - _MOST_NAMED} more months" if part.height > _MOST_NAMED else ""
        yield f"{rule} ({why}): {'; '.join(counts)}{more}."
    if not is_shown_alike:
        yield "Counts are shown in another way than in that run, so that those of earlier months are not compared."
    elif not changed.height:
        yield "No count of an earlier month, of all providers together, has changed."


def shown_alike(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether two runs show counts under the same disclosure control, by their run.json."""
    return bool(before["shown"]["disclosure"] == now["shown"]["disclosure"])


class _ExactChanges:
    """Which exact counts are others now.

    Args:
        before: The exact cube of the earlier run; None if it was removed.
        now: The exact cube of this run.
    """

    def __init__(self, before: pl.DataFrame | None, now: pl.DataFrame) -> None:
        self._is_known = before is not None
        self._changed: set[tuple[str | None, str | None, str]] = set()
        if before is None:
            return
        counts = [_exact_counts(cube) for cube in (before, now)]
        keys = counts[0].columns[:-1]
        both = counts[0].join(counts[1], on=keys, how="full", nulls_equal=True, coalesce=True, suffix="_now")
        other = both.filter(pl.col("count").ne_missing(pl.col("count_now")))
        for rule, provider, month in other.select(_KEYS).iter_rows():
            self._changed |= {(rule, provider, month), (rule, ALL_PROVIDERS, month)}

    def of_activity(self, provider: str | None, month: str) -> bool:
        """Return whether a provider has another number of activities in a month, as far as is known."""
        return (None, provider, month) in self._changed

    def none_of(self, rule: str, provider: str | None, month: str) -> bool:
        """Return whether it is known that no count of a rule is another."""
        return self._is_known and (rule, provider, month) not in self._changed


def _why(
    known_causes: Mapping[str, Mapping[str | None, str]],
    exact: _ExactChanges,
    rule: str,
    provider: str | None,
    month: str,
) -> str:
    """Return why a count changed; several causes cannot be told apart."""
    if exact.none_of(rule, provider, month):
        return DISCLOSURE
    names = [name for name in (RULE, SOFTWARE, SETTINGS) if {None, rule} & set(known_causes.get(name, ()))]
    if not names or exact.of_activity(provider, month):
        names.insert(0, RESTATED)
    return " or ".join(names)


def _exact_counts(cube: pl.DataFrame) -> pl.DataFrame:
    """Return the exact activity, and what is eligible and flagged by each rule, by provider and month."""
    is_counted = pl.col("measure").cast(pl.String).is_in(["activity", *_COUNTS])
    rows = cube.filter(is_counted, pl.col("month").is_not_null())
    return rows.group_by(pl.col(*_KEYS, "measure").cast(pl.String)).agg(pl.col("count").sum())


def _known(column: str) -> pl.Expr:
    """Return a count, and one sign for every count that is hidden."""
    return pl.when(pl.col(column).str.starts_with(SUPPRESSED)).then(pl.lit(SUPPRESSED)).otherwise(column)


def _prints(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fingerprints of the files on which counts depend, by what they are."""
    files = {**run.get("settings_files", {}), **({"areas": run["areas"]} if run.get("areas") else {})}
    return {f"the file of {name}": file["fingerprint"] for name, file in files.items()}
