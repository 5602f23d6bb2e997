"""The command line: `ebi-rules`, also `python -m ebi_rules`."""

import os
import signal
import sys

from ebi_rules.cli import audits, extracts, files, pathways, rules
from ebi_rules.cli.common import cli

__all__ = ["cli", "main"]

for module in (extracts, audits, pathways, rules, files):
    for command in module.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Run the command line; also the entry point `ebi-rules`."""
    # Polars reads many row groups ahead. Over wide extracts that is gigabytes, and on two cores no faster.
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "2")
    # A polite end is an end like Ctrl-C's: what was half written goes.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    cli(prog_name="ebi-rules")
