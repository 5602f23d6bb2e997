"""Reserve an output for one run: a second run to the same output is refused while the first is busy."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ebi_rules._support.errors import EngineError, UsageError

SCRATCH = ".ebi-rules-"
"""How the names of hidden files and folders beside outputs begin."""

_reserved: set[Path] = set()
"""The outputs that this process has reserved."""


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Reserve an output as long as the block lasts. The same process may reserve it again inside the block.

    Args:
        path: The output, with links resolved.

    Raises:
        UsageError: Another run is writing to the output.
        EngineError: The output's folder cannot be written to.
    """
    if path in _reserved:
        yield
        return
    file = scratch_path(path).with_suffix(".lock")
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"another run is writing to {path}: wait until it ends, or choose another output.") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or "files cannot be locked there"
        raise EngineError(f"{path} cannot be written: {reason}.") from None
    _reserved.add(path)
    try:
        yield
    finally:
        _reserved.discard(path)
        with suppress(OSError):  # On Windows an open file cannot be removed; the lock removes it.
            file.unlink(missing_ok=True)
        lock.release()


def scratch_path(path: Path) -> Path:
    """Return the hidden folder beside an output in which the output is written.

    It is the same in every run, so that a run finds what an earlier one left that was killed.
    """
    name = hashlib.sha256(os.path.normcase(path.name).encode()).hexdigest()[:16]
    return path.parent / f"{SCRATCH}{name}"
