"""Read a small CSV file that an option names. The content is not checked."""

from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError


def read_small_csv(path: str | Path, option: str) -> pl.DataFrame:
    """Read a CSV file with a header.

    Args:
        path: The file.
        option: The option that named the file, for error messages.

    Returns:
        All columns as String, with their names in lower case and without surrounding blanks.

    Raises:
        UsageError: The file does not exist or cannot be read as CSV.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise UsageError(f"{option}: there is no file {path}.") from None
    except (pl.exceptions.PolarsError, OSError):
        raise UsageError(f"{option} {path} cannot be read: it must be CSV with a header.") from None
    return frame.rename({name: name.strip().lower() for name in frame.columns})
