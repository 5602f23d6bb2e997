"""Write an output completely or not at all, and never over what somebody else has saved.

The output is written into a hidden folder beside it, then moved into place. Whether it may be replaced is looked at
again when that happens, and where the system can exchange two folders in one step, nothing can come between. If the
run fails, no partial output is left and an existing file or folder is unchanged.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import combinations, count
from pathlib import Path

from ebi_rules._support.errors import EbiError, EngineError, UsageError
from ebi_rules._support.moving import exchange, move_new
from ebi_rules._support.output_lock import SCRATCH, reserved, scratch_path

__all__ = [
    "remove_leftovers",
    "require_apart",
    "require_free",
    "require_replaceable",
    "reserved_output",
    "whole_file",
    "whole_folder",
]

_OLD = "old"
"""The name, in the hidden folder, of an earlier output that was moved aside."""

_AS_IT_WAS = "It is as it was left, and nothing was written."

_KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}

Snapshot = dict[str, tuple[int, int, int]]
"""For each file of a folder, what shows whether it was changed: its number, size and time of change."""


@contextmanager
def whole_file(path: Path, force: bool = False) -> Iterator[Path]:
    """Yield a path to write to, and move it to `path` if the block succeeds.

    Args:
        path: The file to write. Of a link to a file, the file is written.
        force: Whether to replace an existing file.

    Raises:
        UsageError: `path` exists and `force` is false, it is no file, it was changed or created meanwhile, another
            program has it open, or its folder does not exist.
        EngineError: The disk cannot be written to.
    """
    with reserved_output(path, force) as place:
        if place.is_dir():
            raise UsageError(f"{path} is a folder: name a file.")
        before = _identity(place)
        with _scratch_folder(place) as scratch:
            target = scratch / place.name
            yield target
            with _explaining(path):
                if before is None:
                    move_new(target, place)
                else:
                    _replace_file(target, place, before)


@contextmanager
def whole_folder(path: Path, replaceable: re.Pattern[str], force: bool = False) -> Iterator[Path]:
    """Yield a folder to write to, and move it to `path` if the block succeeds.

    Args:
        path: The folder to write.
        replaceable: The names of files that may be replaced, relative to the folder and with forward slashes. An
            existing folder that contains any other file is never replaced.
        force: Whether to replace an existing folder.

    Raises:
        UsageError: `path` exists and `force` is false, it contains files that may not be replaced, it is no folder,
            something in it was saved meanwhile, another program has a file of it open, or its parent folder does not
            exist.
        EngineError: The disk cannot be written to.
    """
    with reserved_output(path, force) as place:
        if path.is_symlink():
            raise UsageError(f"{path} is a link to a folder: name the folder itself.")
        if place.exists() and not place.is_dir():
            raise UsageError(f"{path} is a file: name a folder.")
        before = _contents(place, replaceable) if place.exists() else None
        with _scratch_folder(place) as scratch:
            target = scratch / "new"
            target.mkdir()
            yield target
            with _explaining(path):
                if before is None:
                    move_new(target, place)
                else:
                    _replace_folder(target, place, before)


@contextmanager
def reserved_output(path: Path, force: bool) -> Iterator[Path]:
    """Check that an output can be written, and reserve it for this run while the block lasts.

    Yields:
        The output itself: of a link to a file, the file.

    Raises:
        UsageError: The output cannot be written, or another run is writing to it.
        EngineError: Its folder cannot be written to.
    """
    _require_place(path)
    place = Path(os.path.realpath(path))
    with reserved(place):
        _restore(scratch_path(place) / _OLD, place)
        require_free(path, force)
        yield place


def remove_leftovers(folder: Path) -> None:
    """Remove what runs that were killed left in a folder whose outputs have a new name each time.

    An output with the same name as before removes its own. Nobody else may be writing to the folder.
    """
    for leftover in folder.glob(f"{SCRATCH}*") if folder.is_dir() else ():
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def require_apart(output: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is not one of the inputs, in an input folder, or a folder that contains an input.

    Raises:
        UsageError: The output overlaps an input.
    """
    output_path = Path(os.path.realpath(output))
    for source in inputs:
        input_path = Path(os.path.realpath(source))
        if output_path == input_path or input_path in output_path.parents or output_path in input_path.parents:
            raise UsageError(f"the output {output} overlaps the input {source}: choose another output.")


def require_distinct(outputs: Iterable[Path]) -> None:
    """Check that no output of one run is another, or in another.

    Raises:
        UsageError: Two outputs overlap.
    """
    for one, other in combinations(outputs, 2):
        one_path, other_path = Path(os.path.realpath(one)), Path(os.path.realpath(other))
        if one_path == other_path or one_path in other_path.parents or other_path in one_path.parents:
            raise UsageError(f"the outputs {one} and {other} overlap: choose places beside each other.")


def require_replaceable(folder: Path, replaceable: re.Pattern[str]) -> None:
    """Check, before work begins, that a folder may be replaced: it does not exist, or has only our files.

    Raises:
        UsageError: The folder contains a file that may not be replaced.
    """
    if folder.is_dir():
        _contents(folder, replaceable)


def require_free(path: Path, force: bool) -> None:
    """Check that an output can be written: its folder exists, and the output does not or `force` is true.

    Raises:
        UsageError: The output cannot be written.
    """
    _require_place(path)
    if path.exists() and not force:
        raise UsageError(f"{path} already exists. Use --force to replace it, or choose another name.")


def _require_place(path: Path) -> None:
    """Raise `UsageError` if an output cannot be at a path, whether or not something is there."""
    if not path.name:
        raise UsageError("the output has no name: name a file or a folder.")
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path} is a link that leads nowhere: remove it, or choose another name.")
    mode = path.stat().st_mode if path.exists() else 0
    for is_kind, kind in _KINDS.items():
        if is_kind(mode):
            raise UsageError(f"{path} is {kind}: choose another name.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.absolute().parent} does not exist.")


def _contents(folder: Path, replaceable: re.Pattern[str]) -> Snapshot:
    """Return what a folder contains; raise `UsageError` if any of it may not be replaced."""
    contents = _snapshot(folder)
    for name in sorted(contents):
        if not replaceable.fullmatch(name):
            raise UsageError(f"{folder} contains {name}, which this command did not write: choose another folder.")
    return contents


def _snapshot(folder: Path) -> Snapshot:
    entries = (entry for entry in folder.rglob("*") if entry.is_symlink() or not entry.is_dir())
    return {entry.relative_to(folder).as_posix(): identity for entry in entries if (identity := _identity(entry))}


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _replace_file(new: Path, place: Path, before: tuple[int, int, int]) -> None:
    """Put a new file in the place of an old one, unless somebody has saved the old one meanwhile."""
    ours = _identity(new)
    if _identity(place) != before:
        raise UsageError(f"{place} was changed while this ran. {_AS_IT_WAS}")
    if not exchange(new, place):
        new.replace(place)
    elif _identity(new) != before:
        exchange(new, place)
        if _identity(new) != ours:
            _keep(new, place)
        raise UsageError(f"{place} was changed while this ran. {_AS_IT_WAS}")


def _replace_folder(new: Path, place: Path, before: Snapshot) -> None:
    """Put a new folder in the place of an old one, unless somebody has saved something in the old one meanwhile."""
    ours = _snapshot(new)
    if exchange(new, place):
        if _snapshot(new) == before:
            return
        exchange(new, place)
        if _snapshot(new) != ours:
            _keep(new, place)
    else:
        old = new.with_name(_OLD)
        place.replace(old)
        if _snapshot(old) == before:
            move_new(new, place)
            shutil.rmtree(old)
            return
    raise UsageError(f"something in {place} was saved while this ran. {_AS_IT_WAS}")


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Turn an error of the system at the last step into a sentence."""
    try:
        yield
    except EbiError:
        raise
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise UsageError(f"{path} was created while this ran. {_AS_IT_WAS}") from None
    except PermissionError:
        text = f"{path}, or a file in it, is open in another program, such as Excel, or may not be replaced"
        raise UsageError(f"{text}: close the file and run this again. Nothing was lost.") from None
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise UsageError(f"{path} was created while this ran. {_AS_IT_WAS}") from None
        raise


@contextmanager
def _scratch_folder(place: Path) -> Iterator[Path]:
    """Yield a hidden folder beside an output, and remove it at the end in any case.

    One that is there already is left from a run that was killed, as the output is reserved.
    """
    folder = scratch_path(place)
    try:
        if folder.exists():
            _restore(folder / _OLD, place)
            shutil.rmtree(folder)
        folder.mkdir()
    except OSError as error:
        raise EngineError(f"{place} cannot be written: {error.strerror}.") from None
    try:
        yield folder
    finally:
        _restore(folder / _OLD, place)
        shutil.rmtree(folder, ignore_errors=True)


def _restore(old: Path, place: Path) -> None:
    """Put an earlier output back that was moved aside; beside its place, if something else is there."""
    if not old.exists():
        return
    if os.path.lexists(place):
        _keep(old, place)
    else:
        old.replace(place)


def _keep(saved: Path, place: Path) -> None:
    """Move what must not be lost beside the place where it belongs, under the first name that is free."""
    numbers = count(1)
    while os.path.lexists(kept := place.with_name(f"{place.name}.kept-{next(numbers)}")):
        pass
    move_new(saved, kept)
