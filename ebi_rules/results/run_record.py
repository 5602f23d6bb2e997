"""What made a result, and when: the beginning of every run.json."""

import platform
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from ebi_rules._support.clock import is_fixed
from ebi_rules.version import __version__


def started_at(run: Mapping[str, Any]) -> datetime:
    """Return when a run started, without its time zone, as workbooks state it."""
    return datetime.fromisoformat(str(run["started"])).replace(tzinfo=None)


def program_record(started: datetime, clock: float) -> dict[str, Any]:
    """Return the program, its version, and the start and duration of a run.

    Args:
        started: When the run started.
        clock: The value of `time.perf_counter` when the run started.
    """
    return {
        "program": "ebi-rules",
        "version": __version__,
        "python": platform.python_version(),
        "polars": pl.__version__,
        "started": started.isoformat(timespec="seconds"),
        "seconds": None if is_fixed() else round(time.perf_counter() - clock, 3),
    }
