"""A monthly refresh: count what changed since the last run, keep the run's figures, and say what changed and why."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.atomic_output import (
    remove_leftovers,
    require_apart,
    require_distinct,
    reserved_output,
    whole_file,
)
from ebi_rules._support.errors import EngineError
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.results.audit_result import Audit
from ebi_rules.results.earlier_runs import CHANGES_FILE, SUMMARY_FILE, EarlierRun, cube_file, last_run, new_name
from ebi_rules.results.run_changes import (
    CHANGED,
    GONE_MONTH,
    HIDDEN,
    NEW_MONTH,
    causes,
    changed_counts,
    changes_in_words,
    shown_alike,
)
from ebi_rules.version import __version__

COUNTED, UNCHANGED = "counted", "unchanged"


@dataclass(frozen=True)
class RunInputs:
    """What the figures of a run rest on: where all of it is the same, another run would give the same figures.

    Attributes:
        settings: A fingerprint of the settings.
        files: The fingerprint of each file that is read, by its path; None for a table in a warehouse, where nothing
            says whether it changed.
        rules: What each rule counts, as its hash, by its key.
    """

    settings: str
    files: Mapping[str, str] | None
    rules: Mapping[str, str]

    def as_record(self) -> dict[str, Any]:
        """Return it as the summary of a run has it."""
        files = None if self.files is None else dict(sorted(self.files.items()))
        return {"version": __version__, "settings": self.settings, "files": files, "rules": dict(self.rules)}


@dataclass(frozen=True)
class Refresh:
    """Where a refresh keeps its runs.

    Attributes:
        runs: The folder of runs, each with its figures under disclosure control.
        exact: The folder of exact cubes, which stays inside the organisation.
        appends: Whether months are added to the cube of the last run; if not, everything is counted in every run.
    """

    runs: Path
    exact: Path
    appends: bool = True

    def run(
        self,
        inputs: RunInputs,
        count: Callable[[Path | None], Audit],
        write: Callable[[Audit, Path, Mapping[str, str]], None],
        again: bool = False,
    ) -> dict[str, Any]:
        """Count and keep the figures, unless nothing has changed since the last run.

        Args:
            inputs: What the figures rest on.
            count: Returns the audit; it is given the cube to which it may add months, or None.
            write: Writes an audit to a folder, with further files of these names and texts.
            again: Count although nothing has changed.

        Returns:
            The summary of the run, as summary.json has it.

        Raises:
            UsageError: Another run is busy, a folder cannot be written to, or inputs and outputs overlap.
            DataFileError: An earlier run is damaged.
            EbiError: Whatever counting and writing raise.
        """
        require_distinct([self.runs, self.exact])
        for folder in (self.runs, self.exact):
            require_apart(folder, map(Path, inputs.files or ()))
        with reserved_output(self.runs, force=True), reserved_output(self.exact, force=True):
            for folder in (self.runs, self.exact):
                remove_leftovers(folder)
            earlier = last_run(self.runs, self.exact)
            if earlier is not None and not again and _is_same(earlier, inputs):
                return {"status": UNCHANGED, "since": earlier.name}
            return self._counted(earlier, inputs, count, write)

    def _counted(
        self,
        earlier: EarlierRun | None,
        inputs: RunInputs,
        count: Callable[[Path | None], Audit],
        write: Callable[[Audit, Path, Mapping[str, str]], None],
    ) -> dict[str, Any]:
        name = new_name(earlier)
        has_cube = earlier is not None and earlier.cube_file.exists()
        audit = count(earlier.cube_file if earlier is not None and has_cube and self.appends else None)
        again = audit.run.get("counted_again")
        if again is None:
            reason = "the settings ask for it" if self.appends is False else "there is no earlier cube to add to"
            again = f"everything, as {reason}"
        summary: dict[str, Any] = {
            "status": COUNTED,
            "run": name,
            "since": earlier.name if earlier else None,
            "counted_again": again,
            "reasons": _reasons(earlier, inputs, audit),
            "new_months": [],
            "gone_months": [],
            "changed_months": [],
            "changes": ["This is the first run."],
            "rules": audit.totals().to_dicts(),
            "warnings": list(audit.warnings),
            "inputs": inputs.as_record(),
        }
        files = {}
        if earlier is not None:
            changes = changed_counts(earlier, audit)
            of_all = changes.filter(pl.col("provider") == ALL_PROVIDERS, pl.col("why").ne_missing(HIDDEN))
            for key, change in (("new_months", NEW_MONTH), ("gone_months", GONE_MONTH), ("changed_months", CHANGED)):
                summary[key] = of_all.filter(change=change)["month"].unique().sort().to_list()
            summary["changes"] = list(changes_in_words(changes, shown_alike(earlier.record, audit.run)))
            files[CHANGES_FILE] = changes.write_csv()
        files[SUMMARY_FILE] = json.dumps(summary, indent=2) + "\n"
        with ExitStack() as outputs:
            for folder in (self.runs, self.exact):
                _make(folder)
            target = outputs.enter_context(whole_file(cube_file(self.exact, name)))
            audit.save_cube(target)
            write(audit, self.runs / name, files)
        return summary


def _is_same(earlier: EarlierRun, inputs: RunInputs) -> bool:
    return inputs.files is not None and earlier.summary.get("inputs") == inputs.as_record()


def _reasons(earlier: EarlierRun | None, inputs: RunInputs, audit: Audit) -> list[str]:
    """Return in words what is not as it was in the last run."""
    if earlier is None:
        return []
    before, now = earlier.summary.get("inputs", {}), inputs.as_record()
    files_before, files_now = before.get("files") or {}, now["files"] or {}
    reasons = [f"{path} is new" for path in files_now if path not in files_before]
    reasons += [
        f"{path} has changed" for path in files_now if files_before.get(path, files_now[path]) != files_now[path]
    ]
    reasons += [f"{path} is not read any more" for path in files_before if path not in files_now]
    different = causes(earlier.record, audit.run)
    reasons += [words for of_cause in different.values() for words in of_cause.values()]
    if not different and before.get("settings") != now["settings"]:
        reasons.append("the settings have changed")
    return reasons


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise EngineError(f"the folder {folder} cannot be made: {error.strerror}.") from None
