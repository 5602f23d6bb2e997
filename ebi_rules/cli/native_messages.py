"""Keep what libraries print off the screen: Polars when it panics, Java when Spark starts, warnings to programmers.

Such lines are no sentence, and may contain values of the extract. The error that follows says what happened.
"""

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden_native_messages(hide: bool) -> Iterator[None]:
    """Show neither Python's warnings nor what is written past `sys.stderr`, while the block lasts.

    Args:
        hide: Whether to do that; with `--debug` everything is shown.
    """
    if not hide:
        yield
        return
    warnings.simplefilter("ignore")
    sys.stderr.flush()
    kept, shown = os.dup(2), sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = io.TextIOWrapper(
        os.fdopen(os.dup(kept), "wb"), encoding=shown.encoding, errors=shown.errors, write_through=True
    )
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = shown
        os.dup2(kept, 2)
        os.close(kept)
