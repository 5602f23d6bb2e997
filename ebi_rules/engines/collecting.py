"""How this package collects lazy frames: in streams. One place, so that tests can run on the other engine."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

ENGINE: Literal["streaming", "in-memory"] = "streaming"


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Collect a lazy frame by the engine in use."""
    return frame.collect(engine=ENGINE)


def collect_all(frames: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    """Collect lazy frames together, so that what they share is done once."""
    return pl.collect_all(frames, engine=ENGINE)
