"""Collect lazy frames by the streaming engine: in one place, so that tests can run on the other engine."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import polars as pl

from ebi_rules._support.errors import DISK_FULL, EngineError, ExtractError

_DAMAGE = ("out of specification", "decompress", "zstd error", "snappy")
"""What Polars says where a file is not as its format requires."""

ENGINE: Literal["streaming", "in-memory"] = "streaming"


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the rows of a lazy frame, read by the Polars engine that `ENGINE` names.

    Raises:
        DamagedExtractError: A file is damaged, or has a value that Polars cannot hold.
    """
    with naming_damage():
        return frame.collect(engine=ENGINE)


class DamagedExtractError(ExtractError):
    """A file is damaged, or has a value that Polars cannot hold."""

    def __init__(self, columns: Iterable[str] = ()) -> None:
        names = ", ".join(columns)
        super().__init__(
            f"the extract is damaged{f' in the column {names}' if names else ''}, or has a value that Polars cannot "
            "hold: write the file again from where it came."
        )


@contextmanager
def naming_damage() -> Iterator[None]:
    """Turn what Polars does with a damaged file into an error: it fails, or panics, which is no `Exception`.

    Raises:
        DamagedExtractError: A file is damaged.
        EngineError: The disk is full.
    """
    try:
        yield
    except (pl.exceptions.PanicException, pl.exceptions.ComputeError, OSError) as error:
        if any(sign in str(error) for sign in DISK_FULL):
            raise EngineError("the disk has no space for the output. No partial output is left.") from None
        if isinstance(error, pl.exceptions.PanicException) or any(sign in str(error) for sign in _DAMAGE):
            raise DamagedExtractError from None
        raise


def damaged_columns(frame: pl.LazyFrame, columns: Iterable[str]) -> list[str]:
    """Return the columns of a damaged extract that cannot be read, trying one after another."""
    damaged = []
    for column in columns:
        try:
            collect(frame.select(pl.col(column).hash().max()))
        except DamagedExtractError:
            damaged.append(column)
    return damaged
