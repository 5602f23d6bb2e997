"""How this package collects a lazy frame: in streams. One place, so that tests can run on the other engine."""

from typing import Literal

import polars as pl

ENGINE: Literal["streaming", "in-memory"] = "streaming"


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Collect a lazy frame by the engine in use."""
    return frame.collect(engine=ENGINE)
