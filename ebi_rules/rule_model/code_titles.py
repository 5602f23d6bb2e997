"""The user's own classification files, where a folder is named or the variable EBI_REFERENCE names one."""

import os
from collections.abc import Callable
from pathlib import Path

from ebi_rules._support.errors import UsageError
from opcs_icd import CodeSystem
from opcs_icd.reference import Reference, ReferenceFolderError

VARIABLE = "EBI_REFERENCE"

Titles = Callable[[CodeSystem, str], str | None]
"""Gives the title of a code, None where none is known."""


def find_reference(folder: str | Path | None = None) -> Reference | None:
    """Read the folder, or the one that EBI_REFERENCE names; None where neither is there. Raises `UsageError`."""
    named = folder or os.environ.get(VARIABLE)
    if not named:
        return None
    try:
        return Reference.read(named)
    except ReferenceFolderError as error:
        raise UsageError(f"the classification files: {error}") from None
