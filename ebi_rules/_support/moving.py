"""Move files and folders so that nothing is overwritten, in one step where the system can."""

import ctypes
import os
import sys
from pathlib import Path

_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux's renameat2."""

_AT_FDCWD = -100


def move_new(source: Path, place: Path) -> None:
    """Move a file or a folder to a place where nothing is.

    Raises:
        FileExistsError: Something is there. It is unchanged.
        OSError: The system cannot move it. Of a folder that is there and not empty, this has the number ENOTEMPTY.
    """
    if source.is_dir() or os.name == "nt":
        source.rename(place)  # On Windows this never replaces; elsewhere a folder replaces an empty folder alone.
        return
    try:
        os.link(source, place)
    except FileExistsError:
        raise
    except OSError:  # The file system has no links: take the place first, then move.
        os.close(os.open(place, os.O_CREAT | os.O_EXCL))
        source.replace(place)
        return
    source.unlink()


def exchange(one: Path, other: Path) -> bool:
    """Exchange two files or folders on one disk in one step; return whether the system did that."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0
