"""The command line: `ebi-rules`, also `python -m ebi_rules`."""

import os
import signal
import sys

from ebi_rules.cli import audit_command as audits
from ebi_rules.cli import extract_commands as extracts
from ebi_rules.cli import measure_commands as pathways
from ebi_rules.cli import rule_commands as rules
from ebi_rules.cli import rule_file_commands as files
from ebi_rules.cli.command_line import cli

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
