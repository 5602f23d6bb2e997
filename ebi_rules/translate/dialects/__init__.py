"""SQL dialects: one TOML file each, saying where a dialect differs; and the printing of a checked tree.

Only nodes that mean the same everywhere are printed. A tree with any other node is a `DialectError`.
"""

from ebi_rules.translate.dialects.dialect import Dialect, dialects, find_dialect
from ebi_rules.translate.dialects.printing import identifier, print_sql, table_name

__all__ = ["Dialect", "dialects", "find_dialect", "identifier", "print_sql", "table_name"]
