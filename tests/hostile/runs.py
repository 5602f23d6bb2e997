"""Run a command as a process of its own, and say what is wrong with how it ended."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.makers import CANARY

CODES = {0, 2, 3, 4, 5, 130, 141, 143}
"""The exit codes that there are: done, the five kinds of error, and three ways to be stopped."""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class End:
    """How a run ended.

    Attributes:
        code: The exit code.
        text: What it printed, on both streams.
    """

    code: int
    text: str


def start(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "ebi_rules", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def finish(process: subprocess.Popen[str], reads: bool = True, seconds: float = 120) -> End:
    """Wait for a run, and return how it ended; without reading what it prints, if `reads` is false."""
    if not reads:
        assert process.stdout
        process.stdout.close()
        process.stdout = None
    out, errors = process.communicate(timeout=seconds)
    return End(process.returncode, (out or "") + errors)


def faults(end: End, before: Mapping[str, bytes], folder: Path, writes: Sequence[str]) -> Iterator[str]:
    """Return what is wrong with an end: whatever the case, none of these may be."""
    if end.code not in CODES:
        yield f"exit code {end.code}"
    for sign in ("Traceback", "panicked", "unexpected error", "Exception ignored"):
        if sign in end.text:
            yield f"the text has {sign!r}: {end.text[-400:]}"
    if CANARY in end.text:
        yield "the text has a value of the extract, or a secret"
    if end.code in (2, 3, 4, 5) and not end.text.strip():
        yield "no message"
    after = contents(folder)
    for name in before:
        if after.get(name) != before[name]:
            yield f"{name} was changed or lost"
    for name in set(after) - set(before):
        if end.code not in (0, 141) or not name.startswith(tuple(writes)):
            yield f"{name} was left"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file, link and pipe of a folder by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink()).encode()
        elif path.is_file():
            found[name] = path.read_bytes()
        elif not path.is_dir():
            found[name] = b"no file"
    return found
