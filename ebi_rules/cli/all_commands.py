"""All commands in one group."""

from ebi_rules.cli import audit_command, extract_commands, measure_commands, rule_commands, rule_file_commands
from ebi_rules.cli.command_line import command_group

__all__ = ["command_group"]

for module in (extract_commands, audit_command, measure_commands, rule_commands, rule_file_commands):
    for command in module.COMMANDS:
        command_group.add_command(command)
