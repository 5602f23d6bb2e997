"""The folder of runs of a monthly refresh: each run's figures, in a folder of its own that is named by its time.

The exact cube of a run has the same name in another folder, so that the folder of runs can be shared and that one not.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.clock import now
from ebi_rules._support.errors import DataFileError, UsageError
from ebi_rules.cube import read_cube

CHANGES_FILE, SUMMARY_FILE = "changes.csv", "summary.json"

_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}")


@dataclass(frozen=True)
class EarlierRun:
    """A run whose figures are kept.

    Attributes:
        folder: Its figures.
        cube_file: Its exact cube; it may have been removed.
    """

    folder: Path
    cube_file: Path

    @property
    def name(self) -> str:
        """The run's name, which is when it began: 2026-11-27-070000."""
        return self.folder.name

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the run said of itself. Raises `DataFileError` if it cannot be read."""
        return self._read(SUMMARY_FILE)

    @cached_property
    def record(self) -> dict[str, Any]:
        """What was run. Raises `DataFileError` if it cannot be read."""
        return self._read("run.json")

    @cached_property
    def trend(self) -> pl.DataFrame:
        """The counts that it showed by month, as text: rule, provider, month, eligible, flagged.

        Raises:
            DataFileError: The table cannot be read.
        """
        try:
            table = pl.read_csv(self.folder / "trend.csv", infer_schema=False)
            return table.select("rule", "provider", "month", "eligible", "flagged")
        except (pl.exceptions.PolarsError, OSError):
            raise self._damaged("trend.csv") from None

    def cube(self) -> pl.DataFrame | None:
        """Return its exact cube; None if that was removed."""
        return read_cube(self.cube_file) if self.cube_file.exists() else None

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            raise self._damaged(name)
        return content

    def _damaged(self, name: str) -> DataFileError:
        return DataFileError(
            f"{self.folder / name} of an earlier run cannot be read: restore it, or remove {self.folder}."
        )


def last_run(runs: Path, exact: Path) -> EarlierRun | None:
    """Return the latest run, None if there is none yet.

    Args:
        runs: The folder of runs; it need not exist.
        exact: The folder of exact cubes; it need not exist.
    """
    folders = [folder for folder in runs.iterdir() if _NAME.fullmatch(folder.name)] if runs.is_dir() else []
    latest = max(folders, default=None)
    return None if latest is None else EarlierRun(latest, cube_file(exact, latest.name))


def cube_file(exact: Path, name: str) -> Path:
    """Return the file of a run's exact cube."""
    return exact / f"{name}.parquet"


def new_name(earlier: EarlierRun | None) -> str:
    """Return the name of a run that begins now.

    Raises:
        UsageError: The last run has that name or a later one, so that the order of runs would be lost.
    """
    name = f"{now():%Y-%m-%d-%H%M%S}"
    if earlier is not None and earlier.name >= name:
        raise UsageError(f"the last run is {earlier.name}, which is not before now ({name}): check the clock.")
    return name
