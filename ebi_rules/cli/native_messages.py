"""Keep what libraries print past Python off the screen: Polars when it panics, Java when Spark starts.

Such lines are no sentence, and may contain values of the extract. The error that follows says what happened.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden_native_messages(hide: bool) -> Iterator[None]:
    """Send what is written to the file of standard error past `sys.stderr` nowhere, while the block lasts.

    Args:
        hide: Whether to do that; with `--debug` everything is shown.
    """
    if not hide:
        yield
        return
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
