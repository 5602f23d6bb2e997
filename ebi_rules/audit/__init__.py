"""The audit: from an extract to the cube, and from the cube to tables that compare providers.

`audit` runs the rules; an `Audit` holds the results and writes them.
"""

from ebi_rules.audit.audit import OURS, Audit, audit
from ebi_rules.audit.cube import Audited

__all__ = ["OURS", "Audit", "Audited", "audit"]
