"""The file of settings for a monthly refresh, to fill in."""

import json
import os
from pathlib import Path

_TEXT = """\
# What `ebi-rules run` repeats. Paths are relative to the folder of this file.

extract = {extract}
runs = "runs"     # A folder for each run: its tables, its report, and what changed.
exact = "exact"   # The exact cube of each run: keep it inside your organisation.
recount = 3       # So many of the last months are counted again, more where activity has changed; "all" for everything.

[audit]           # Options of `ebi-rules audit`, without their dashes. Remove the # of what you want.
layout = {layout}
# rule = ["2S"]                     # By default all rules for the extract's dataset.
# rules = ["my-rules"]              # Your own rules or a policy.
# by = ["gp_practice"]
# names = "names.csv"               # Providers' names: code, name.
# merge-providers = "mergers.csv"   # Providers that merged: old, new, from.
# disclosure = "hes"                # hes, midpoint6, or none for exact counts.
# release = "releases.jsonl"        # The ledger of what left, if the figures leave.
# xlsx = true
"""


def refresh_template(extract: str, layout: str, folder: Path | None = None) -> str:
    """Return a file of settings for an extract.

    Args:
        extract: The extract.
        layout: The name of its layout.
        folder: The folder of the file, to which the extract's path is relative; None for the current folder.

    Example:
        >>> refresh_template("opa.parquet", "ncdr-opa").splitlines()[2]
        'extract = "opa.parquet"'
    """
    path = os.path.relpath(extract, folder) if folder is not None and not Path(extract).is_absolute() else extract
    return _TEXT.format(extract=json.dumps(Path(path).as_posix()), layout=json.dumps(layout))
