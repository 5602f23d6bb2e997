"""Write outputs whole or not at all: under a name of our own beside the target, then moved into place."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ebi_rules._support.errors import EngineError, UsageError


@contextmanager
def whole_file(path: Path, force: bool = False) -> Iterator[Path]:
    """Give a path to write to; it becomes `path` when the block ends well and is removed when it does not.

    Raises `UsageError` when `path` exists and `force` is not given, or its folder does not exist.
    """
    require_free(path, force)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file.")
    with _scratch(path) as scratch:
        target = scratch / path.name
        yield target
        target.replace(path)


@contextmanager
def whole_folder(path: Path, ours: re.Pattern[str], force: bool = False) -> Iterator[Path]:
    """Give a folder to write to; it becomes `path` when the block ends well and is removed when it does not.

    With `force` an existing folder is replaced as a whole, but only when every file in it has a name that `ours`
    matches (relative to the folder, with strokes): nothing else of the user's is ever taken away.
    """
    require_free(path, force)
    _require_ours(path, ours)
    with _scratch(path) as scratch:
        target = scratch / "new"
        target.mkdir()
        yield target
        old = scratch / "old"
        if path.exists():
            path.replace(old)
        try:
            target.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise


def require_apart(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that is one of the inputs, stands in a folder that is one, or is a folder that holds one."""
    place = output.resolve()
    for source in inputs:
        read = source.resolve()
        if place == read or read in place.parents or place in read.parents:
            raise UsageError(f"the output {output} would stand in the place of the input {source}: choose another.")


def require_free(path: Path, force: bool) -> None:
    """Refuse an output that exists, unless `force`, or whose folder does not. Raises `UsageError`."""
    if path.exists() and not force:
        raise UsageError(f"{path} exists already. Use --force to replace it, or choose another name.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.absolute().parent} does not exist.")


def _require_ours(folder: Path, ours: re.Pattern[str]) -> None:
    if folder.is_file():
        raise UsageError(f"{folder} is a file: name a folder.")
    for found in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = found.relative_to(folder).as_posix()
        if not found.is_dir() and not ours.fullmatch(name):
            raise UsageError(f"{folder} holds {name}, which was not written by this command: choose another folder.")


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Give a hidden folder on the same disk as `path`, gone at the end whatever happens."""
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".ebi-rules-", dir=path.absolute().parent))
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
