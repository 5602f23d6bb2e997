"""Write an output completely or not at all.

The output is written under a temporary name on the same disk, then moved into place. If the run fails, no partial
output is left and an existing file or folder is unchanged.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ebi_rules._support.errors import EngineError, UsageError


@contextmanager
def whole_file(path: Path, force: bool = False) -> Iterator[Path]:
    """Yield a path to write to, and move it to `path` if the block succeeds.

    Args:
        path: The file to write.
        force: Whether to replace an existing file.

    Raises:
        UsageError: `path` exists and `force` is false, `path` is a folder, or its folder does not exist.
        EngineError: The disk cannot be written to.
    """
    require_free(path, force)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file.")
    with _temporary_folder(path) as temporary:
        target = temporary / path.name
        yield target
        target.replace(path)


@contextmanager
def whole_folder(path: Path, replaceable: re.Pattern[str], force: bool = False) -> Iterator[Path]:
    """Yield a folder to write to, and move it to `path` if the block succeeds.

    Args:
        path: The folder to write.
        replaceable: The names of files that may be replaced, relative to the folder and with forward slashes. An
            existing folder that contains any other file is never replaced.
        force: Whether to replace an existing folder.

    Raises:
        UsageError: `path` exists and `force` is false, it contains files that may not be replaced, it is a file, or
            its parent folder does not exist.
        EngineError: The disk cannot be written to.
    """
    require_free(path, force)
    _require_replaceable(path, replaceable)
    with _temporary_folder(path) as temporary:
        target = temporary / "new"
        target.mkdir()
        yield target
        old = temporary / "old"
        if path.exists():
            path.replace(old)
        try:
            target.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise


def require_apart(output: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is not one of the inputs, in an input folder, or a folder that contains an input.

    Raises:
        UsageError: The output overlaps an input.
    """
    output_path = output.resolve()
    for source in inputs:
        input_path = source.resolve()
        if output_path == input_path or input_path in output_path.parents or output_path in input_path.parents:
            raise UsageError(f"the output {output} overlaps the input {source}: choose another output.")


def require_free(path: Path, force: bool) -> None:
    """Check that an output can be written: its folder exists, and the output does not or `force` is true.

    Raises:
        UsageError: The output cannot be written.
    """
    if path.exists() and not force:
        raise UsageError(f"{path} already exists. Use --force to replace it, or choose another name.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.absolute().parent} does not exist.")


def _require_replaceable(folder: Path, replaceable: re.Pattern[str]) -> None:
    """Raise `UsageError` if the folder is a file or contains a file that may not be replaced."""
    if folder.is_file():
        raise UsageError(f"{folder} is a file: name a folder.")
    for entry in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = entry.relative_to(folder).as_posix()
        if not entry.is_dir() and not replaceable.fullmatch(name):
            raise UsageError(f"{folder} contains {name}, which this command did not write: choose another folder.")


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `path`, and remove it at the end in any case."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".ebi-rules-", dir=path.absolute().parent))
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
