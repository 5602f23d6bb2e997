"""The user's own classification files, in a folder that is named as an option or by the variable EBI_REFERENCE."""

import os
from pathlib import Path

from ebi_rules._support.errors import UsageError
from opcs_icd.reference import Reference, ReferenceFolderError

VARIABLE = "EBI_REFERENCE"


def find_reference(folder: str | Path | None = None) -> Reference | None:
    """Read the user's classification files.

    Args:
        folder: The folder; None for the one that EBI_REFERENCE names.

    Returns:
        The classifications, or None if no folder is named.

    Raises:
        UsageError: The folder cannot be read.
    """
    chosen = folder or os.environ.get(VARIABLE)
    if not chosen:
        return None
    try:
        return Reference.read(chosen)
    except ReferenceFolderError as error:
        raise UsageError(f"the classification files: {error}") from None
