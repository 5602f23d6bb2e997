"""The audit: from an extract to the cube, and from the cube to tables that compare providers.

`audit` runs the rules, `audit_cube` starts from a cube; an `Audit` holds the results and writes them.
"""

from ebi_rules.audit.audit import OURS, Audit
from ebi_rules.audit.running import audit, audit_cube
from ebi_rules.audit.settings import Population, Settings

__all__ = ["OURS", "Audit", "Population", "Settings", "audit", "audit_cube"]
