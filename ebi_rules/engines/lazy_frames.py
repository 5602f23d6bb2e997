"""Collect lazy frames by the streaming engine: in one place, so that tests can run on the other engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import polars as pl

from ebi_rules._support.errors import ExtractError

ENGINE: Literal["streaming", "in-memory"] = "streaming"


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the rows of a lazy frame, read by the Polars engine that `ENGINE` names.

    Raises:
        ExtractError: A file is damaged, or has a value that Polars cannot hold.
    """
    with stopping_panics():
        return frame.collect(engine=ENGINE)


@contextmanager
def stopping_panics() -> Iterator[None]:
    """Turn a panic of Polars, which no `except Exception` catches, into an error with a sentence.

    Raises:
        ExtractError: Polars panicked.
    """
    try:
        yield
    except pl.exceptions.PanicException:
        raise ExtractError(
            "Polars cannot read a value of this extract: a file is damaged, or a number or a date is beyond what it "
            "can hold. Write the file again, or leave out the columns that no rule needs."
        ) from None
