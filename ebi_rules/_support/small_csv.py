"""Read a small text file with a table, such as one that an option names. The content is not checked."""

from pathlib import Path

import polars as pl

from ebi_rules._support.errors import EbiError, UsageError
from ebi_rules._support.text_table import open_text_table


def read_small_csv(path: str | Path, name: str, error: type[EbiError] = UsageError) -> pl.DataFrame:
    """Read a text file with headings. Its separator and encoding are recognised.

    Args:
        path: The file.
        name: What messages call the file before its path, such as the option that named it.
        error: The class of error to raise.

    Returns:
        All columns as String, with their names in lower case and without surrounding blanks.

    Raises:
        EbiError: Of the class `error`: the file does not exist or cannot be read as a table.
    """
    if not Path(path).is_file():
        raise error(f"{name}: there is no file {path}.")
    frame = open_text_table(Path(path), error, f"{name} {path}").read()
    return frame.rename({column: column.strip().lower() for column in frame.columns})
