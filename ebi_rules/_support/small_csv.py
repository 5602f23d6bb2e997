"""Read a small CSV that an option names: as text, its headings in small letters."""

from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError


def read_small_csv(path: str | Path, option: str) -> pl.DataFrame:
    """Read a CSV with a header. Raises `UsageError` that names the option."""
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise UsageError(f"{option}: there is no file {path}.") from None
    except (pl.exceptions.PolarsError, OSError):
        raise UsageError(f"{option} {path} cannot be read: it must be CSV with a header.") from None
    return frame.rename({name: name.strip().lower() for name in frame.columns})
