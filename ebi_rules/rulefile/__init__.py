"""Rule files: TOML read to a `Rule`, with everything checked and every problem at its line."""

from ebi_rules.rulefile.coded import Shared
from ebi_rules.rulefile.reading import (
    read_rule,
    read_rule_file,
    read_shared,
    read_text,
    read_with_problems,
)
from ebi_rules.rulefile.source import find_line

__all__ = [
    "Shared",
    "find_line",
    "read_rule",
    "read_rule_file",
    "read_shared",
    "read_text",
    "read_with_problems",
]
