"""Say how far a long step has come: rows done, and the time that is left."""

import threading
import time
from collections.abc import Callable

Progress = Callable[[str], None]
_EVERY_SECONDS = 0.25


def quiet(step: str) -> None:
    """Say nothing."""


class RowsDone:
    """Count rows as they pass, from any thread, and say every so often how many of how many they are."""

    def __init__(self, progress: Progress, step: str, total: int) -> None:
        self._progress, self._step, self._total = progress, step, total
        self._lock = threading.Lock()
        self._started = self._said = time.monotonic()
        self.done = 0

    def add(self, rows: int) -> None:
        """Count rows."""
        with self._lock:
            self.done += rows
            now = time.monotonic()
            if now - self._said >= _EVERY_SECONDS and self.done:
                self._said = now
                left = (now - self._started) * max(self._total - self.done, 0) / self.done
                self._progress(f"{self._step}: {self.done:,} of {self._total:,} rows, {_clock(left)} left")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
