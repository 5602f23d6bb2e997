"""A cube that an earlier audit saved, to which later months are added: the rest of the extract is not counted again.

That months before were restated since cannot be seen without counting them: the last ones are always counted again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules._support.made_up_mark import MARK
from ebi_rules.cube import add_up, dimensions_of, read_cube
from ebi_rules.layouts.scope import read_month
from ebi_rules.provider_audit.plausible_months import end_of_bulk

USUAL_RECOUNT = 3
"""So many months are counted again: SUS is restated for about that long."""

_RECORD = "ebi_rules"
_COUNTED_BY = {
    "version": "the version of ebi-rules",
    "engine": "the engine",
    "layout": "the layout",
    "columns": "the columns",
    "by": "the fields to count by",
    "variant": "the variant",
    "providers": "the providers",
    "rules": "the rules",
    "settings_files": "the files of settings",
    "areas": "the file of areas",
    "merged_providers": "the merged providers",
}
"""What two counts must have in common to be parts of one cube, in words."""


@dataclass(frozen=True)
class EarlierCube:
    """A saved cube, and from which month it is counted again.

    Attributes:
        path: Its file.
        cube: The cube.
        record: How it was counted.
        since: The first month to count again, as a number such as 202404.
    """

    path: Path
    cube: pl.DataFrame
    record: Mapping[str, Any]
    since: int

    @property
    def month(self) -> str:
        """The first month to count again, "2024-04"."""
        return f"{self.since // 100:04}-{self.since % 100:02}"

    def differences(self, run: Mapping[str, Any]) -> list[str]:
        """Return in words what is not the same in the count of the cube and in a run."""
        now = json.loads(json.dumps(how_counted(run)))
        return [words for name, words in _COUNTED_BY.items() if now[name] != self.record.get(name)]

    def require_counted_as(self, run: Mapping[str, Any]) -> None:
        """Raise `ExtractError` if the cube was counted in another way than a run counts."""
        if other := self.differences(run):
            raise ExtractError(
                f"{self.path} was counted with other settings than these: {', '.join(other)} differ. Count everything "
                "once, and save it with --save-cube to a new file."
            )

    def from_first_restated(self, activity: pl.DataFrame) -> "EarlierCube":
        """Return the cube with the first month whose activity differs now as the first to count again.

        Args:
            activity: A cube of all months as they are now, without rules: activity, and how much of it has codes. If a
                code was replaced by another and these counts stayed the same, it cannot be seen in it.
        """
        kept = [_activity_before(cube, self.month) for cube in (self.cube, activity)]
        keys = kept[0].columns[:-1]
        either = kept[0].join(kept[1], on=keys, how="full", nulls_equal=True, suffix="_now", coalesce=True)
        first = either.filter(pl.col("count").ne_missing(pl.col("count_now")))["month"].min()
        return self if first is None else replace(self, since=read_month(str(first), "month"))

    def with_months(self, counted: pl.DataFrame) -> pl.DataFrame:
        """Return the cube with the months that were counted again in the place of its own."""
        kept = self.cube.filter(pl.col("month").is_not_null() & (pl.col("month").cast(pl.String) < self.month))
        return add_up([kept, counted])[0]


def read_earlier_cube(
    path: str | Path, recount: int | None = None, recount_from: str | None = None
) -> EarlierCube | None:
    """Read a cube to add to; None if there is no file yet.

    Args:
        path: The file, as `save_cube` wrote it.
        recount: How many of its last months are counted again; by default `USUAL_RECOUNT`.
        recount_from: Or the first month that is counted again, "2024-04".

    Raises:
        UsageError: Both are given, or a month is malformed, or months between would be missing.
        ExtractError: The file is not such a cube.
    """
    if recount is not None and recount_from is not None:
        raise UsageError("give either --recount or --recount-from.")
    if recount is not None and recount < 0:
        raise UsageError("--recount must be 0 or more months.")
    since = None if recount_from is None else _number(str(read_month(recount_from, "--recount-from")))
    path = Path(path)
    if not path.exists():
        return None
    record, cube = _record_of(path), read_cube(path)
    # Months after the one in which the cube was counted were not complete, however much is booked for them.
    counted_in = str(record["started"])[:7]
    dated = cube.filter(pl.col("measure") == "activity", pl.col("month").cast(pl.String) <= counted_in)
    activity = dated.group_by(pl.col("month").cast(pl.String)).agg(pl.col("count").sum()).sort("month")
    if not activity.height:
        raise ExtractError(f"{path} has no months: later months cannot be added to it.")
    # A few wrong dates behind the last month do not say that the months before them were complete.
    last = end_of_bulk(activity)
    after_last = _number(last) + 1
    if since is None:
        since = after_last - (USUAL_RECOUNT if recount is None else recount)
    elif since > after_last:
        raise UsageError(
            f"--recount-from {recount_from}: the months between would be missing, as {path} ends in {last}."
        )
    return EarlierCube(path, cube, record, _as_month(since))


def save_cube(cube: pl.DataFrame, run: Mapping[str, Any], target: Path) -> None:
    """Write a cube as CSV or, with how it was counted and whether the data are made up, as parquet."""
    if target.suffix.lower() == ".csv":
        cube.write_csv(target)
        return
    mark = MARK if any(file.get("made_up") for file in run["inputs"]) else {}
    cube.write_parquet(target, metadata={_RECORD: json.dumps(how_counted(run)), **mark})


def how_counted(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return from the record of a run what two counts must have in common to be parts of one cube."""
    options = run["options"]
    rules = [{name: rule[name] for name in ("key", "edition", "variant", "content_hash")} for rule in run["rules"]]
    files = {**run.get("settings_files", {}), **({"areas": run["areas"]} if run.get("areas") else {})}
    prints = {name: file["fingerprint"] for name, file in files.items()}
    return {
        "version": run["version"],
        "engine": run.get("engine"),
        "layout": run["layout"],
        "columns": run["columns"],
        "by": options["by"],
        "variant": options["variant"],
        "providers": options.get("providers"),
        "rules": sorted(rules, key=lambda rule: str(rule["key"])),
        "areas": prints.pop("areas", None),
        "settings_files": prints,
        "merged_providers": options.get("merged_providers", {}),
        "started": run["started"],
    }


def _activity_before(cube: pl.DataFrame, month: str) -> pl.DataFrame:
    """Return the counts of activity before a month, such as how much there is and how much of it has codes."""
    keys = [*dimensions_of(cube), "measure", "item"]
    rows = cube.filter(pl.col("rule").is_null()).select(pl.col(keys).cast(pl.String), "count")
    return rows.filter(pl.col("month") < month)


def _record_of(path: Path) -> dict[str, Any]:
    try:
        text = pl.read_parquet_metadata(path).get(_RECORD)
    except (pl.exceptions.PolarsError, OSError):
        text = None
    if text is None:
        raise ExtractError(
            f"{path} does not say how it was counted. Save the cube as parquet with --save-cube, and add to that."
        )
    record: dict[str, Any] = json.loads(text)
    return record


def _number(month: str) -> int:
    """Return a month as the number of months since the year 0."""
    return int(month[:4]) * 12 + int(month[-2:]) - 1


def _as_month(number: int) -> int:
    return number // 12 * 100 + number % 12 + 1
