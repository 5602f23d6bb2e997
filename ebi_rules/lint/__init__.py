"""What is wrong, or odd, in a rule file: findings with severity, line and repair.

Reading a file refuses what cannot be read. This looks further: at what criteria can mean together (decided, by
`ebi_rules.logic`), at code lists, at examples and, with the user's own classification files, at the codes.
"""

from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Finding
from ebi_rules.lint.linting import lint

__all__ = ["ERROR", "NOTE", "WARNING", "Finding", "lint"]
