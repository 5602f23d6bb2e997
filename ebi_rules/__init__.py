"""Evidence-Based Interventions coding rules as data: Polars flags, provider audits and SQL for any warehouse.

A flag means that activity is in scope of the guidance, never that it was inappropriate.

    import ebi_rules as ebi

    rule = ebi.rule("2S")
    flagged = ebi.flag(frame, rules=["2S"])
    ebi.audit("extract.parquet", rules=["2S"]).write("out")
"""

# `audit`, `flows`, `measures` and `rules` are names of modules too: the calls are imported last, so that they win.
from ebi_rules.activity import Activity
from ebi_rules.audit import Audit, Settings, audit, audit_cube
from ebi_rules.catalogue import rule, rules
from ebi_rules.errors import DialectError, EbiError, EngineError, ExtractError, LayoutError, RuleError, UsageError
from ebi_rules.flags import ExtractWarning, flag
from ebi_rules.flows import flows
from ebi_rules.measures import measures
from ebi_rules.measures.running import Measured, measure
from ebi_rules.rules import Explanation, Rule, explain
from ebi_rules.version import __version__

__all__ = [
    "Activity",
    "Audit",
    "DialectError",
    "EbiError",
    "EngineError",
    "Explanation",
    "ExtractError",
    "ExtractWarning",
    "LayoutError",
    "Measured",
    "Rule",
    "RuleError",
    "Settings",
    "UsageError",
    "__version__",
    "audit",
    "audit_cube",
    "explain",
    "flag",
    "flows",
    "measure",
    "measures",
    "rule",
    "rules",
]
