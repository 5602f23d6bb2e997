"""Report the progress of a long step: rows done and estimated time left. How it is displayed is up to the caller."""

import threading
import time
from collections.abc import Callable

Progress = Callable[[str], None]
"""Receives a line of text about what is being done."""

_EVERY_SECONDS = 0.25


def quiet(step: str) -> None:
    """Report nothing."""


class RowsDone:
    """Count rows from any thread and report progress a few times a second.

    Args:
        progress: Receives the reports.
        step: The name of the step, for the reports.
        total: The number of rows to come.

    Attributes:
        done: The number of rows so far.
    """

    def __init__(self, progress: Progress, step: str, total: int) -> None:
        self._progress, self._step, self._total = progress, step, total
        self._lock = threading.Lock()
        self._started = self._reported = time.monotonic()
        self.done = 0

    def add(self, rows: int) -> None:
        """Add to the count of rows, and report progress if it is time."""
        with self._lock:
            self.done += rows
            now = time.monotonic()
            if now - self._reported >= _EVERY_SECONDS and self.done:
                self._reported = now
                seconds_left = (now - self._started) * max(self._total - self.done, 0) / self.done
                self._progress(f"{self._step}: {self.done:,} of {self._total:,} rows, {_clock(seconds_left)} left")


def _clock(seconds: float) -> str:
    """Return seconds as minutes and seconds: 1:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
