"""The command line: `ebi-rules`, also `python -m ebi_rules`. Commands are thin: the library does the work."""

import os
import signal
import sys

from ebi_rules.cli import audit_command, extract_commands, measure_commands, rule_commands, rule_file_commands
from ebi_rules.cli.command_line import command_group

__all__ = ["command_group", "main"]

for module in (extract_commands, audit_command, measure_commands, rule_commands, rule_file_commands):
    for command in module.COMMANDS:
        command_group.add_command(command)


def main() -> None:
    """Run the command line; also the entry point `ebi-rules`."""
    # Polars reads many row groups ahead. For wide extracts that takes gigabytes, and on two cores it is no faster.
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "2")
    # SIGTERM ends the program as Ctrl-C does, so that no partial output is left.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    command_group(prog_name="ebi-rules")
