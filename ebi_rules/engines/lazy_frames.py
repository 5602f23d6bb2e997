"""Collect lazy frames by the streaming engine: in one place, so that tests can run on the other engine."""

from typing import Literal

import polars as pl

ENGINE: Literal["streaming", "in-memory"] = "streaming"


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the rows of a lazy frame, read by the Polars engine that `ENGINE` names."""
    return frame.collect(engine=ENGINE)
