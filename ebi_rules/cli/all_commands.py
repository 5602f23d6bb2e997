"""All commands in one group."""

from ebi_rules.cli.audit_command import COMMANDS as AUDIT
from ebi_rules.cli.command_line import command_group
from ebi_rules.cli.compare_command import COMMANDS as COMPARE
from ebi_rules.cli.doctor_command import COMMANDS as DOCTOR
from ebi_rules.cli.extract_commands import COMMANDS as EXTRACTS
from ebi_rules.cli.measure_commands import COMMANDS as MEASURES
from ebi_rules.cli.refresh_command import COMMANDS as REFRESH
from ebi_rules.cli.review_commands import COMMANDS as REVIEW
from ebi_rules.cli.rule_commands import COMMANDS as RULES
from ebi_rules.cli.rule_file_commands import COMMANDS as RULE_FILES

__all__ = ["command_group"]

for command in (*DOCTOR, *EXTRACTS, *AUDIT, *REFRESH, *COMPARE, *REVIEW, *MEASURES, *RULES, *RULE_FILES):
    command_group.add_command(command)
